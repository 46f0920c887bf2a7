"""A judge is refused before anything is asked where it is kin of what it judges; what it costs is counted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from switchover.domain.candidate import ScoredCase
from switchover.domain.data_class import DataClass
from switchover.domain.ports import Question
from switchover.domain.process import Price, RehearsalTerms
from switchover.errors import NotFound, OperatorError
from switchover.testing.builders import make_process, make_settings, make_upstream
from switchover.testing.chat_server import chat_server, judging
from switchover.trial.decide import Judging
from switchover.trial.grade import grade
from switchover.trial.metering import Unbilled
from switchover.trial.replay import Reply
from switchover.wiring.judging import grading, judge_of
from switchover.wiring.parts import outbound

VENDOR = make_upstream(model="claude-9")
JUDGE = make_upstream(
    "judge", model="mistral-9", developer="third", host="third", price=Price(input_mtok="2", output_mtok="6")
)
PROCESS = make_process(rehearse=RehearsalTerms(grader="rubric", judge="judge", labels_share=0.5), fallbacks=("judge",))


def settings(judge=JUDGE):
    return make_settings(upstreams={"vendor": VENDOR, "judge": judge}, processes={PROCESS.name: PROCESS})


def test_a_judge_of_a_third_family_is_taken_and_no_other():
    assert judge_of(settings(), PROCESS, [VENDOR]) == JUDGE
    for kin in (replace(JUDGE, developer="acme"), replace(JUDGE, model="claude-8")):
        with pytest.raises(OperatorError, match="models favour their own"):
            judge_of(settings(kin), PROCESS, [VENDOR])
    assert judge_of(settings(), replace(PROCESS, rehearse=None), [VENDOR]) is None


def test_a_judge_that_may_not_see_the_data_is_refused():
    closed = replace(PROCESS, allow={DataClass.CONFIDENTIAL: ("vendor",)})
    with pytest.raises(OperatorError, match="may not see confidential data"):
        judge_of(settings(), closed, [VENDOR])


def judged(judge, answer="Tomorrow."):
    """A case graded by a judge over HTTP."""

    async def run(found):
        client = outbound(found)
        try:
            async with grading(found, PROCESS, found.upstreams["judge"], client, lambda judge: Unbilled()) as grader:
                question = Question("Soon.", {"messages": [{"role": "user", "content": "When?"}]})
                return await grade(grader, Reply(answer), None, question)
        finally:
            await client.close()

    with chat_server(judging(lambda request, answer: {"Tomorrow.": 0.75, "Soon.": 0.5}[answer])) as server:
        graded = asyncio.run(run(settings(replace(judge, base_url=server.url))))
        return graded, server.asked


def test_both_answers_are_judged_apart_and_every_call_has_its_price():
    graded, asked = judged(JUDGE)
    assert (graded.candidate, graded.baseline, graded.calls) == (0.75, 0.5, 2)
    tokens = [(sum(len(m["content"]) for m in body["messages"]) // 4, body) for body in asked]
    assert graded.nusd is not None
    assert graded.nusd > 2_000 * sum(count for count, _ in tokens)
    assert all(body["temperature"] == 0 and body["model"] == "mistral-9" for body in asked)
    assert not any("Soon." in str(body) and "Tomorrow." in str(body) for body in asked)
    row = ScoredCase(
        cell_id="c", exchange_id="x", graded_at=0.0, candidate=0.75, baseline=0.5, judge_calls=2, judge_nusd=graded.nusd
    )
    took = Judging()
    took.add(row)
    assert took.fields() == {
        "judge_calls": 2, "judge_usd": Decimal(graded.nusd) / 1_000_000_000, "judge_unpriced": 0,
    }  # fmt: skip


def test_a_judge_without_a_known_price_is_counted_and_never_free():
    graded, _ = judged(replace(JUDGE, price=None))
    assert (graded.calls, graded.nusd) == (2, None)


def test_answers_that_are_the_same_are_not_judged():
    graded, asked = judged(JUDGE, " Soon.\n")
    assert (graded.candidate, graded.baseline, graded.calls, asked) == (1.0, 1.0, 0, [])


def test_a_process_that_does_not_say_how_candidates_are_judged_is_refused():
    async def run():
        async with grading(
            settings(), replace(PROCESS, rehearse=None), None, outbound(settings()), lambda judge: Unbilled()
        ):
            pass

    with pytest.raises(NotFound, match="does not say how candidates are judged"):
        asyncio.run(run())
