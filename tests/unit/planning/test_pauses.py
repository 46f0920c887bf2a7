"""Whose credential is left alone, until when, and what a plan says of it."""

import pytest

from switchover.domain.process import Criticality, DataClass, Process
from switchover.errors import NotYet, Overloaded, RateLimited
from switchover.planning import Board, BreakerState, Pause, plan
from switchover.testing.served import register, spec

A = spec("a", "http://a.test", host="acme", key="env:K")
SAME_KEY = spec("b", "http://b.test", host="acme", key="env:K", model="smaller")
OTHER_KEY = spec("c", "http://c.test", host="acme", key="env:OTHER")
ELSEWHERE = spec("d", "http://d.test", host="other", key="env:K")
ALL = (A, SAME_KEY, OTHER_KEY, ELSEWHERE)
PROCESS = Process(
    name="claims", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="a", fallbacks=("b",)
)


def until(board, now):
    return [pause and pause.until for pause in [board.pause(one, now) for one in ALL]]


def planned(**pauses):
    snapshot, _ = register(PROCESS, [A, SAME_KEY], proven=("b",))
    return plan(snapshot, "claims", 1_000.0, pauses={name: Pause(moment) for name, moment in pauses.items()})


def test_all_that_share_the_credential_are_left_alone_and_nobody_else():
    board = Board()
    board.failed(A, RateLimited("x", retry_after=7.0), 100.0)
    assert until(board, 100.0) == [107.0, 107.0, None, None]
    assert {board.state(one, 100.0) for one in ALL} == {BreakerState.CLOSED}
    assert until(board, 107.0) == [None] * 4


@pytest.mark.parametrize(("asked", "end", "capped"), [(7.0, 107.0, False), (60.0, 160.0, False), (3600.0, 160.0, True)])
def test_no_more_than_a_minute_is_kept_to(asked, end, capped):
    board = Board()
    board.failed(A, RateLimited("x", retry_after=asked), 100.0)
    assert board.pause(A, 100.0) == Pause(end, capped)


@pytest.mark.parametrize(
    "error", [RateLimited("x"), RateLimited("x", retry_after=0.0), NotYet("x", retry_after=5.0),
              Overloaded("x", retry_after=5.0)]
)  # fmt: skip
def test_without_a_time_or_for_another_fault_nothing_is_left_alone(error):
    board = Board()
    board.failed(A, error, 100.0)
    assert until(board, 100.0) == [None] * 4


def test_a_later_answer_makes_a_pause_longer_and_never_shorter():
    board = Board()
    for at, asked in ((100.0, 20.0), (101.0, 2.0), (102.0, 30.0)):
        board.failed(A, RateLimited("x", retry_after=asked), at)
    assert until(board, 102.0)[0] == 132.0


def test_plans_are_made_anew_when_a_pause_begins_or_is_ended_by_a_person():
    board = Board()
    versions = [board.version]
    board.failed(A, RateLimited("x", retry_after=20.0), 100.0)
    versions.append(board.version)
    board.clear(SAME_KEY, 101.0)
    versions.append(board.version)
    assert versions == sorted(set(versions))
    assert until(board, 101.0) == [None] * 4


def test_a_plan_passes_over_what_is_left_alone_until_it_is_not():
    made = planned(a=1_030.0)
    assert [one.upstream.name for one in made.attempts] == ["b"]
    assert made.why_not == "a: its credential is asked to wait until 00:17:10 UTC"
    assert made.until == 1_030.0
    assert [one.upstream.name for one in planned(a=1_000.0).attempts] == ["a", "b"]


def test_the_last_upstream_is_left_alone_too():
    made = planned(a=1_030.0, b=1_010.0)
    assert made.attempts == ()
    assert {one.upstream: one.pause for one in made.skipped} == {"a": Pause(1_030.0), "b": Pause(1_010.0)}
    assert made.until == 1_010.0
