"""A call outside live traffic: an answer by another model shows nothing of the one that was asked."""

from __future__ import annotations

import asyncio
import json

import pytest

from switchover.domain.candidate import PromptKind, PromptVersion
from switchover.domain.secret import Secret
from switchover.egress import Client
from switchover.testing.clock import FastClock
from switchover.testing.scripted import ScriptedServer, reply
from switchover.testing.served import spec
from switchover.trial.ask import asker
from switchover.upstreams import UPSTREAMS

SAY = {"messages": [{"role": "user", "content": "?"}], "max_tokens": 5}
HOP = {"type": "fallback", "from": {"model": "claude-fable-5"}, "to": {"model": "claude-opus-4-8"}}


def chat(model):
    return {"model": model, "choices": [{"message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]}


def message(*content):
    return {
        "model": "claude-fable-5",
        "content": [*content, {"type": "text", "text": "yes"}],
        "stop_reason": "end_turn",
    }


def asked(answer, kind="openai", **more):
    """The reply, and how often the upstream was asked."""

    async def main(server):
        clock = FastClock(100.0)
        client = Client(clock)
        upstream = spec("vendor", server.url, kind, **more)
        version = PromptVersion.make(process="p", upstream="vendor", kind=PromptKind.AS_IS)
        made = UPSTREAMS[kind](upstream, upstream.base_url, Secret("k"), client)
        try:
            return await asker(made, version, None, clock, tries=2, spec=upstream)(SAY)
        finally:
            await client.close()

    with ScriptedServer([reply(json.dumps(answer).encode())]) as server:
        return asyncio.run(main(server)), len(server.seen)


@pytest.mark.parametrize("named", ["gpt-5", "gpt-5-2025-08-07", None])
def test_an_answer_of_the_model_that_was_asked_counts(named):
    assert asked(chat(named), model="gpt-5")[0].text == "yes"


def test_an_answer_of_another_one_is_none_and_is_asked_for_again():
    found, times = asked(chat("gpt-5-mini"), model="gpt-5")
    assert (found.text, found.error, times) == (None, "model-swapped", 2)


def test_a_name_that_is_configured_counts():
    assert asked(chat("gpt-5-mini"), model="gpt-5", answers_as=("gpt-5-mini",))[0].text == "yes"


def test_an_answer_in_which_the_provider_fell_back_is_none():
    assert asked(message(), "anthropic", model="claude-fable-5")[0].text == "yes"
    assert asked(message(HOP), "anthropic", model="claude-fable-5")[0].error == "model-swapped"
