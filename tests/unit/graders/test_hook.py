"""The user's own function in a process of its own: warm, bounded, stopped when it hangs, and told no keys."""

from __future__ import annotations

import asyncio
import json
import os
import time

import pytest

from switchover.domain.ports import Question, Score
from switchover.errors import GraderFailed, OperatorError
from switchover.graders.hook import Hook
from switchover.trial.grade import grade
from switchover.trial.replay import Reply

SOURCE = """\
import json, os, subprocess, sys, time
from beside import WORTH

def score(answer, reference, request):
    print("what a hook prints is nobody's reply")
    if answer == "raise":
        raise ValueError("a customer's words")
    if answer == "leave":
        sys.exit(3)
    if answer == "die":
        os._exit(1)
    if answer == "hang":
        time.sleep(60)
    if answer == "fill":
        return len(bytearray(64 << 30))
    if answer == "environment":
        return 0.5, json.dumps(dict(os.environ))
    if answer == "reference":
        return 1.0, repr((reference, request))
    if answer == "fork":
        child = os.fork()
        if not child:
            return 0.0
        os.waitpid(child, 0)
        return 1.0
    if answer == "read":
        return 1.0, subprocess.run(["cat"], stdout=subprocess.PIPE).stdout.decode()
    if answer == "at length":
        return 0.25, "long " * 1_000_000
    return WORTH[answer]

def score_nothing(answer, reference, request):
    return None
"""
BESIDE = """\
WORTH = {"good": 1, "half": (0.5, "half of it"), "unsure": None, "too much": 1.5, "nan": float("nan"), "text": "high",
         "true": True, "pair": (1, 2), "huge": 10**400}
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "hook.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "beside.py").write_text(BESIDE, encoding="utf-8")
    return str(tmp_path / "hook.py")


def hurry(hook, answer):
    """Only who hangs is not waited for, however slow this machine is."""
    hook._seconds = 0.5 if answer == "hang" else 60.0


def asked(hook, *answers, question=None):
    """The scores of these answers, or the error that came of one, from one process where it lives."""

    async def run():
        found = []
        try:
            for answer in answers:
                try:
                    hurry(hook, answer)
                    found.append(await hook.score(answer, question or Question("recorded")))
                except GraderFailed as error:
                    found.append(str(error))
        finally:
            await hook.close()
        return found

    return asyncio.run(run())


def test_a_hook_scores_and_what_is_no_score_is_ungraded_with_a_reason(file):
    answers = ("good", "half", "true", "unsure", "too much", "nan", "text", "pair", "huge", None)
    scores = asked(Hook(file, "score"), *answers)
    assert scores[:3] == [Score(1.0), Score(0.5, remark="half of it"), Score(1.0)]
    assert [score.value for score in scores[3:9]] == [None] * 6
    assert [score.reason for score in scores[3:9]] == [
        "the hook gave no score",
        "the hook returned 1.5, not a number from 0 to 1",
        "the hook returned nan, not a number from 0 to 1",
        "the hook returned str, not a number from 0 to 1",
        "the hook returned tuple, not a number from 0 to 1",
        "the hook returned int, not a number from 0 to 1",
    ]
    assert scores[9] == Score(0.0, "no answer")


def test_a_hook_that_raises_fails_without_a_word_of_the_answer_and_goes_on(file):
    first, *rest = asked(Hook(file, "score"), "raise", "leave", "fill", "unknown word", "good")
    assert first == "the hook raised ValueError"
    assert rest == ["the hook raised SystemExit", "the hook raised MemoryError", "the hook raised KeyError", Score(1.0)]


def test_a_hook_that_hangs_is_stopped_its_case_is_ungraded_and_the_next_one_is_graded(file):
    begun = time.monotonic()
    hung, after = asked(Hook(file, "score", seconds=0.5), "hang", "good")
    assert hung == Score(None, "the hook gave no score within 0.5 s")
    assert after == Score(1.0)
    assert time.monotonic() - begun < 50  # it would hang for 60


def test_a_hook_whose_process_dies_fails_and_is_started_anew(file):
    assert asked(Hook(file, "score"), "die", "good") == ["the hook's process died", Score(1.0)]


def test_a_copy_that_a_hook_makes_of_its_process_gives_no_second_reply(file):
    scores = asked(Hook(file, "score"), "fork", "half", "fork", "good")
    assert [score.value for score in scores] == [1.0, 0.5, 1.0, 1.0]


def test_what_a_hook_starts_reads_no_question_and_waits_for_none(file):
    assert asked(Hook(file, "score", seconds=5), "read", "good") == [Score(1.0, ""), Score(1.0)]


def test_a_remark_that_goes_on_for_megabytes_is_cut_and_its_score_counts(file):
    [score] = asked(Hook(file, "score"), "at length")
    assert score.value == 0.25
    assert score.remark.startswith("long long")
    assert len(score.remark) <= 10_000


def test_a_cancelled_call_leaves_no_reply_for_the_next_one(file):
    async def run():
        hook = Hook(file, "score")
        await hook.start()
        call = asyncio.create_task(hook.score("hang", Question(None)))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        found = await hook.score("half", Question(None))
        await hook.close()
        return found

    assert asyncio.run(run()).value == 0.5


def test_a_hook_is_told_no_keys(file, monkeypatch):
    monkeypatch.setenv("VENDOR_KEY", "sk-secret")
    monkeypatch.setenv("SWITCHOVER_OPERATOR_KEY", "swo-secret")
    [score] = asked(Hook(file, "score"), "environment")
    told = json.loads(score.remark)
    assert set(told) <= {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"}
    assert "secret" not in score.remark
    assert told["PATH"] == os.environ["PATH"]


def test_a_hook_gets_the_recorded_answer_and_the_request_and_by_merit_none(file):
    question = Question("recorded", {"messages": []})
    [score] = asked(Hook(file, "score"), "reference", question=question)
    assert score.remark == "('recorded', {'messages': []})"
    [score] = asked(Hook(file, "score", by_merit=True), "reference", question=question)
    assert score.remark == "(None, {'messages': []})"


@pytest.mark.parametrize(
    ("source", "function", "why"),
    [
        ("def score(:", "score", "SyntaxError"),
        ("import nowhere", "score", "ModuleNotFoundError"),
        ("x = 1", "score", "AttributeError"),
        ("x = 1", "x", "TypeError"),
        ("import os; os._exit(1)", "score", "its process died"),
    ],
)
def test_a_hook_that_cannot_be_loaded_says_why_before_anything_is_asked(tmp_path, source, function, why):
    (tmp_path / "broken.py").write_text(source, encoding="utf-8")
    with pytest.raises(OperatorError, match=why):
        asyncio.run(Hook(str(tmp_path / "broken.py"), function).start())


def test_a_hook_that_fails_on_the_candidates_answer_counts_against_it_and_one_that_hangs_does_not(file):
    async def run():
        hook, found = Hook(file, "score", seconds=0.5), []
        try:
            for answer, second in (("raise", "good"), ("good", "raise"), ("hang", "good"), ("half", "good")):
                hurry(hook, answer)
                found.append(await grade(hook, Reply(answer), second, Question("recorded")))
        finally:
            await hook.close()
        return found

    failed, baseline, hung, graded = asyncio.run(run())
    assert (failed.candidate, failed.baseline) == (0.0, 1.0)
    assert (baseline.candidate, baseline.baseline) == (None, None)
    assert "the baseline's answer" in baseline.reason
    assert (hung.candidate, hung.baseline) == (None, None)
    assert "within 0.5 s" in hung.reason
    assert (graded.candidate, graded.baseline) == (0.5, 1.0)


def test_a_hook_is_warm_between_calls(file):
    async def run():
        hook = Hook(file, "score")
        await hook.start()
        begun = time.process_time()
        for _ in range(300):
            await hook.score("good", Question("recorded", {"messages": []}))
        spent = time.process_time() - begun
        await hook.close()
        return spent / 300

    # Ours alone, as the machine has others to serve: a process of its own for each call would take 20 ms.
    assert asyncio.run(run()) < 0.002
