"""The table, and what moves it."""

from __future__ import annotations

import pytest

from switchover.errors import Denied, LegalBlock, ModelMissing, Overloaded, RateLimited, Redirected, RequestRejected
from switchover.planning.breaker import Board, Breaker, BreakerState, Event
from switchover.testing.served import spec

CLOSED, OPEN, HALF_OPEN, HELD = BreakerState
A = spec("a", "http://a.test", host="acme", key="env:K")
SAME_KEY = spec("b", "http://b.test", host="acme", key="env:K")
SAME_HOST = spec("c", "http://c.test", host="acme", key="env:OTHER")
ELSEWHERE = spec("d", "http://d.test", host="other", key="env:K")


def states(board, now=0.0):
    return [board.state(one, now) for one in (A, SAME_KEY, SAME_HOST, ELSEWHERE)]


def test_ten_calls_of_which_half_failed_open_it_and_nine_do_not():
    board = Board()
    for _ in range(5):
        board.answered(A, 0.0)
    for _ in range(4):
        board.failed(A, Overloaded("x"), 0.0)
    assert board.state(A, 0.0) is CLOSED
    board.failed(A, Overloaded("x"), 0.0)
    assert board.state(A, 0.0) is OPEN


def test_failures_older_than_a_minute_are_forgotten():
    board = Board()
    for _ in range(4):
        board.failed(A, Overloaded("x"), 0.0)
    for _ in range(6):
        board.answered(A, 30.0)
    board.failed(A, Overloaded("x"), 66.0)
    board.failed(A, Overloaded("x"), 66.0)
    assert board.state(A, 66.0) is CLOSED
    for _ in range(2):
        board.failed(A, Overloaded("x"), 66.0)
    assert board.state(A, 66.0) is CLOSED, "four of ten within the minute"


@pytest.mark.parametrize("answers_before", [0, 100])
def test_five_failures_in_a_row_open_it_however_much_went_well_before(answers_before):
    board = Board()
    for _ in range(answers_before):
        board.answered(A, 0.0)
    for _ in range(4):
        board.failed(A, Overloaded("x"), 1.0)
    board.answered(A, 2.0)
    for _ in range(4):
        board.failed(A, Overloaded("x"), 3.0)
    if answers_before:
        assert board.state(A, 3.0) is CLOSED
    board.failed(A, Overloaded("x"), 3.0)
    assert board.state(A, 3.0) is OPEN


def test_it_cools_probes_and_closes_after_three_answers():
    breaker = Breaker()
    breaker.move(Event.TRIPPED, 0.0)
    assert not breaker.cool(9.9)
    assert breaker.cool(10.0)
    assert breaker.state is HALF_OPEN
    assert [breaker.success(10.0) for _ in range(3)] == [False, False, True]
    assert breaker.state is CLOSED


def test_a_failed_probe_opens_it_for_twice_as_long_up_to_thirty_seconds():
    breaker = Breaker()
    breaker.move(Event.TRIPPED, 0.0)
    now, waits = 0.0, []
    for _ in range(3):
        now += breaker.cooldown
        breaker.cool(now)
        breaker.failure(now, "x")
        waits.append(breaker.cooldown)
    assert waits == [20.0, 30.0, 30.0]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Denied("x"), [HELD, HELD, CLOSED, CLOSED]),
        (ModelMissing("x"), [HELD, CLOSED, CLOSED, CLOSED]),
        (LegalBlock("x"), [HELD, HELD, HELD, CLOSED]),
        (Redirected("x"), [OPEN, CLOSED, CLOSED, CLOSED]),
        (RateLimited("x"), [CLOSED, CLOSED, CLOSED, CLOSED]),
        (RequestRejected("x"), [CLOSED, CLOSED, CLOSED, CLOSED]),
    ],
)
def test_a_fault_opens_the_scope_its_class_names(error, expected):
    board = Board()
    board.failed(A, error, 0.0)
    assert states(board) == expected


def test_what_is_held_stays_until_it_is_cleared():
    board = Board()
    assert board.failed(A, Denied("x"), 0.0) == ("credential", "acme:env:K")
    assert board.failed(A, Denied("x"), 0.0) is None
    assert board.state(A, 1e9) is HELD
    board.clear(A, 1e9)
    assert states(board, 1e9) == [CLOSED] * 4
