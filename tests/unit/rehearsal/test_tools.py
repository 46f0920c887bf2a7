"""A process that calls tools, rehearsed over real sockets: the tools are sent, and what is called is what is graded."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace

import pytest

from switchover.adaptation.demonstrations import pairs_of
from switchover.domain.candidate import PromptKind, PromptVersion, State
from switchover.domain.exchange import Exchange
from switchover.domain.process import RehearsalTerms
from switchover.domain.secret import Secret
from switchover.egress import Client
from switchover.graders import grader
from switchover.rehearsal import Order, rehearse
from switchover.store import Store
from switchover.store.indexing import save_exchanges
from switchover.store.trials import scored_cases
from switchover.testing.builders import NOW, make_exchange, make_process
from switchover.testing.clock import ManualClock
from switchover.testing.scripted import ScriptedServer, reply
from switchover.testing.served import spec
from switchover.trial.ask import asker
from switchover.trial.cases import cases_of
from switchover.trial.continuing import is_drawn
from switchover.upstreams import UPSTREAMS

TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("find_policy", "open_claim")
]
TERMS = RehearsalTerms(grader="tool_calls", settings={"tolerance": {"open_claim.amount": 0.01}}, margin=0.10)
WORDS = "roof car sea phone leak post visit bank gale glass door fee yard trip dog bike".split()  # noqa: SIM905


def ask_of(n: int) -> str:
    drawn = hashlib.sha256(str(n).encode()).digest()
    return f"Policy P-{n:04d}: {' '.join(WORDS[byte % 16] for byte in drawn[:9])} cost {100 + n} euro"


def calls_of(text: str, amount: float = 0.0) -> list[tuple[str, dict[str, object]]]:
    words = text.split()
    return [
        ("find_policy", {"number": words[1][:-1]}),
        ("open_claim", {"what": words[2], "amount": int(words[-2]) + amount}),
    ]


def chat(calls, content=None) -> dict:
    made = [
        {"id": f"c{place}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for place, (name, arguments) in enumerate(calls)
    ]
    message = {"role": "assistant", "content": content} | ({"tool_calls": made} if made else {})
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if made else "stop"}
    return {"id": "a", "object": "chat.completion", "created": 1, "model": "vendor-model", "choices": [choice]}


def message(calls) -> dict:
    content = [
        {"type": "tool_use", "id": f"c{n}", "name": name, "input": given} for n, (name, given) in enumerate(calls)
    ]
    usage = {"input_tokens": 1, "output_tokens": 1}
    return {
        "id": "m",
        "type": "message",
        "model": "other-model",
        "content": content,
        "stop_reason": "tool_use",
        "usage": usage,
    }


def record(count: int) -> list[Exchange]:
    rows = []
    for n in range(count):
        request = {"model": "p", "messages": [{"role": "user", "content": ask_of(n)}], "tools": TOOLS}
        answer = json.dumps(chat(calls_of(ask_of(n)))).encode()
        found = make_exchange(request=json.dumps(request).encode(), started_at=NOW - 86_400 + n)
        rows.append(replace(found, answer=answer))
    return rows


def asked_of(body: bytes) -> str:
    return json.loads(body)["messages"][-1]["content"]


def flat(content) -> str:
    return content if isinstance(content, str) else content[0]["text"]


def rehearsed(answer, kind: str = "openai"):
    """The verdict on a candidate that answers so, its cases, and the requests that it got."""

    async def main(vendor: ScriptedServer, other: ScriptedServer, store: Store):
        clock = ManualClock(NOW)
        specs = spec("vendor", vendor.url), spec("other", other.url, kind)
        process = make_process(fallbacks=("other",), rehearse=TERMS)
        client = Client(clock)
        versions = [PromptVersion.make(process=process.name, upstream=one.name, kind=PromptKind.AS_IS) for one in specs]
        asks = [
            asker(UPSTREAMS[one.kind](one, one.base_url, Secret("k"), client), version, None, clock, spec=one)
            for one, version in zip(specs, versions, strict=True)
        ]
        order = Order(process=process, baseline=specs[0], candidate=specs[1], prompt_version=versions[1].id)
        try:
            verdict = await rehearse(
                order, store=store, ask=asks[1], baseline_ask=asks[0], grader=grader(TERMS), clock=clock
            )
        finally:
            await client.close()
        return verdict, scored_cases(store, verdict.cell.id)

    def baseline(_, seen):
        return [reply(json.dumps(chat(reversed(calls_of(asked_of(seen.body))))).encode())]

    def candidate(_, seen):
        return [reply(json.dumps(answer(flat(asked_of(seen.body)))).encode())]

    with ScriptedServer(baseline) as vendor, ScriptedServer(candidate) as other, Store.open("sqlite://") as store:
        save_exchanges(store, record(200))
        verdict, rows = asyncio.run(main(vendor, other, store))
        return verdict, rows, [json.loads(seen.body) for seen in other.seen]


def renamed(answer):
    return lambda text: answer(text) | {"model": "other-model"}


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_the_tools_are_sent_and_the_calls_are_graded_within_their_tolerance(kind: str) -> None:
    answer = (
        renamed(lambda text: chat(calls_of(text, 0.5)))
        if kind == "openai"
        else lambda text: message(calls_of(text, 0.5))
    )
    verdict, rows, requests = rehearsed(answer, kind)
    assert verdict.state is State.READY, verdict.evidence.reasons
    assert {(row.candidate, row.baseline) for row in rows} == {(1.0, 1.0)}
    names = {tool["function"]["name"] if kind == "openai" else tool["name"] for r in requests for tool in r["tools"]}
    assert names == {"find_policy", "open_claim"}


def test_one_wrong_call_of_two_scores_half_and_is_not_good_enough() -> None:
    verdict, rows, _ = rehearsed(renamed(lambda text: chat([calls_of(text)[0], ("open_claim", {"what": "nothing"})])))
    assert verdict.state is State.NOT_READY
    assert {(row.candidate, row.reason) for row in rows} == {(0.5, "1 of 2 calls differ")}


def test_a_call_that_is_only_written_down_is_none() -> None:
    def written(text: str) -> dict:
        calls = [{"arguments": given, "name": name} for name, given in calls_of(text)]
        return chat([], json.dumps({"text": "", "tool_calls": calls}, separators=(",", ":")))

    verdict, rows, _ = rehearsed(renamed(written))
    assert verdict.state is State.NOT_READY
    assert {(row.candidate, row.reason) for row in rows} == {(0.0, "calls no tool")}


def test_a_call_is_neither_cut_in_two_nor_shown_as_words() -> None:
    words = replace(make_exchange("And the weather?", "It rains."), request=record(1)[0].request)
    cases = cases_of([*record(20), words])
    drawn = {case.reference for case in cases for seed in range(50) if is_drawn(case, seed)}
    assert drawn == {"It rains."}
    assert [pair.answer for pair in pairs_of(cases)] == ["It rains."]
