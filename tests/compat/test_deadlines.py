"""The timeouts of the official clients, unmodified, are deadlines for the gateway: it answers before they give up."""

from __future__ import annotations

import time

import anthropic
import openai
import pytest

from switchover.domain.process import Criticality, DataClass, Process
from switchover.testing.scripted import ScriptedServer
from switchover.testing.served import ServedGateway, register, spec

ASKED = {"model": "p", "max_tokens": 9, "messages": [{"role": "user", "content": "?"}]}


@pytest.fixture
def silent():
    with ScriptedServer(["hang"]) as vendor:
        process = Process(
            name="p", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor"
        )
        snapshot, token = register(process, [spec("vendor", vendor.url)])
        with ServedGateway(snapshot) as served:
            yield served, token


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("by", ["client", "request"])
def test_openais_client_is_told_within_its_timeout(silent, streamed, by):
    served, token = silent
    client = openai.OpenAI(base_url=f"{served.url}/v1", api_key=token, timeout=2.0 if by == "client" else 600.0)
    more = {"timeout": 2.0} if by == "request" else {}
    begun = time.monotonic()
    with client, pytest.raises(openai.APIStatusError) as told:
        client.chat.completions.create(**ASKED, stream=streamed, **more)
    assert told.value.status_code == 504
    assert told.value.code == "deadline_exceeded"
    assert time.monotonic() - begun < 2.0


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("by", ["client", "request"])
def test_anthropics_client_is_told_within_its_timeout(silent, streamed, by):
    served, token = silent
    client = anthropic.Anthropic(base_url=served.url, api_key=token, timeout=2.0 if by == "client" else 600.0)
    more = {"timeout": 2.0} if by == "request" else {}
    begun = time.monotonic()
    with client, pytest.raises(anthropic.APIStatusError) as told:
        client.messages.create(**ASKED, stream=streamed, **more)
    assert told.value.status_code == 504
    assert time.monotonic() - begun < 2.0
