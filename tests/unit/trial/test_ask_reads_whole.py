"""One call outside live traffic: a prompt that a server of our own did not read whole is no answer."""

from __future__ import annotations

import asyncio
import json

import pytest

from switchover.clock import SystemClock
from switchover.domain.candidate import PromptKind, PromptVersion
from switchover.domain.ports import Question, Score
from switchover.egress import Client
from switchover.prompts.demonstrations import Pair, to_bytes
from switchover.testing.clock import FastClock
from switchover.testing.scripted import ScriptedServer, reply
from switchover.testing.served import spec
from switchover.trial.ask import asker
from switchover.trial.grade import grade
from switchover.upstreams import UPSTREAMS

LONG = {"messages": [{"role": "user", "content": "the claim of last week " * 600}]}


class Same:
    name = "same"
    by_merit = False

    async def score(self, text, question):
        return Score(float(text == question.reference))


def answer(tokens):
    choice = {"index": 0, "message": {"role": "assistant", "content": "claim"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": tokens, "completion_tokens": 1}
    return [reply(json.dumps({"id": "1", "model": "m", "choices": [choice], "usage": usage}).encode())]


def asked(request, script, *, version=None, artefact=None, **fields):
    """The reply, and the paths that the server saw."""
    version = version or PromptVersion.make(process="p", upstream="box", kind=PromptKind.AS_IS)

    async def story(url):
        client = Client(SystemClock())
        one = spec("box", url, host="own", **fields)
        upstream = UPSTREAMS["openai"](one, one.base_url, None, client)
        got = await asker(upstream, version, artefact, FastClock(100.0), tries=4, spec=one)(request)
        await client.close()
        return got

    with ScriptedServer(script) as server:
        return asyncio.run(story(server.url)), [seen.line.split()[1] for seen in server.seen]


@pytest.mark.parametrize(
    ("fields", "calls", "said"),
    [({"context": 512}, 0, "box takes 384 (context 512"), ({}, 1, "box read 2048 tokens of a prompt that has 3000")],
)
def test_a_case_that_was_not_read_whole_scores_nothing_and_says_why(fields, calls, said):
    got, seen = asked(LONG, answer(2048), **fields)
    assert got.text is None
    assert got.error.startswith("local-silent-truncation: ")
    assert said in got.error
    # Asking again would change nothing.
    assert len(seen) == calls
    graded = asyncio.run(grade(Same(), got, "claim", Question("claim")))
    assert (graded.candidate, graded.baseline) == (0.0, 1.0)
    assert said in graded.reason


def test_a_case_that_was_read_whole_has_its_answer():
    assert asked(LONG, answer(3700))[0].text == "claim"


def test_demonstrations_that_do_not_fit_with_the_case_score_nothing():
    pairs = to_bytes([Pair(f"a claim about number {number}", "claim") for number in range(60)])
    parameters = {"k": 60, "tokens": 4000}
    version = PromptVersion.make(
        process="p", upstream="box", kind=PromptKind.DEMONSTRATIONS, artefact="0" * 64, parameters=parameters
    )
    case = {"messages": [{"role": "user", "content": "a claim about a car"}]}
    got, _ = asked(case, answer(1000), version=version, artefact=pairs, context=512)
    assert got.text is None
    assert "box takes 384" in got.error
    assert asked(case, answer(1000), context=512)[0].text == "claim"
