"""The timeouts of the official clients, unmodified, are deadlines for the gateway: it answers before they give up."""

from __future__ import annotations

import anthropic
import openai
import pytest

from switchover.domain.process import Criticality, DataClass, Process
from switchover.gateway.admit import RESERVE_S
from switchover.gateway.guard import Guard
from switchover.testing.scripted import ScriptedServer
from switchover.testing.served import ServedGateway, register, spec

TIMEOUT_S = 30.0
# So many times as fast the gateway's time is up, and the client's is not: a busy machine tells it late, not too late.
TIMES = 60
ASKED = {"model": "p", "max_tokens": 9, "messages": [{"role": "user", "content": "?"}]}


@pytest.fixture
def given(monkeypatch):
    """How many seconds the gateway gives what it does."""
    found, arm = [], Guard.arm

    def armed(guard, seconds, why):
        found.append(seconds)
        arm(guard, seconds / TIMES, why)

    monkeypatch.setattr(Guard, "arm", armed)
    return found


@pytest.fixture
def silent():
    with ScriptedServer(["hang"]) as vendor:
        process = Process(
            name="p", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor"
        )
        snapshot, token = register(process, [spec("vendor", vendor.url)])
        with ServedGateway(snapshot) as served:
            yield served, token


def leaves_time_for_the_way_back(given):
    """Whether most of the client's time is used, and not all of it."""
    return TIMEOUT_S / 2 < max(given) <= TIMEOUT_S - RESERVE_S


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("by", ["client", "request"])
def test_openais_client_is_told_within_its_timeout(silent, given, streamed, by):
    served, token = silent
    client = openai.OpenAI(base_url=f"{served.url}/v1", api_key=token, timeout=TIMEOUT_S if by == "client" else 600.0)
    more = {"timeout": TIMEOUT_S} if by == "request" else {}
    with client, pytest.raises(openai.APIStatusError) as told:
        client.chat.completions.create(**ASKED, stream=streamed, **more)
    assert told.value.status_code == 504
    assert told.value.code == "deadline_exceeded"
    assert leaves_time_for_the_way_back(given)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("by", ["client", "request"])
def test_anthropics_client_is_told_within_its_timeout(silent, given, streamed, by):
    served, token = silent
    client = anthropic.Anthropic(base_url=served.url, api_key=token, timeout=TIMEOUT_S if by == "client" else 600.0)
    more = {"timeout": TIMEOUT_S} if by == "request" else {}
    with client, pytest.raises(anthropic.APIStatusError) as told:
        client.messages.create(**ASKED, stream=streamed, **more)
    assert told.value.status_code == 504
    assert leaves_time_for_the_way_back(given)
