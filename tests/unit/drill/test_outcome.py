"""Time to recover and the result, from exchanges alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.drill.outcome import Seen, Window, decide, p95, recovered, wilson

WINDOW = Window(placed_at=0.0, lifted_at=100.0, rto_promised=30.0, steady_for=20.0, max_error_share=0.02)


def seen(at, *, failed=False, faulted=False, drilled=True, replaced=True, ms=100.0):
    return Seen(
        id=f"x{at}", started_at=at, elapsed_ms=ms, drilled=drilled, faulted=faulted, replaced=replaced, failed=failed
    )


def traffic(first_good, *, until=90, start=1):
    """One call a second: refused until ``first_good``, then answered by the replacement."""
    return [
        seen(float(at), failed=at < first_good, replaced=at >= first_good, faulted=at <= first_good)
        for at in range(start, until)
    ]


def test_time_to_recover_runs_from_the_first_fault_to_the_first_lasting_answer():
    outcome = decide(traffic(11), WINDOW)
    assert outcome.first_fault_at == 1.0
    assert outcome.steady_at == pytest.approx(11.1)
    assert outcome.rto == pytest.approx(10.1)
    assert (outcome.requests, outcome.failed) == (89, 10)


def test_an_answer_that_is_followed_by_errors_is_no_recovery():
    relapse = [replace(one, failed=True, replaced=False) if 15 <= one.started_at < 25 else one for one in traffic(5)]
    outcome = decide(relapse, WINDOW)
    assert outcome.first_replacement_at == pytest.approx(5.1)
    assert outcome.rto == pytest.approx(24.1)


def test_recovery_must_be_seen_before_the_lift():
    assert recovered(traffic(85, until=100), WINDOW) is None
    assert decide(traffic(85, until=100), WINDOW).result == "failed"


def test_silence_is_not_steadiness():
    assert recovered([seen(1.0, faulted=True), seen(2.0)], WINDOW) is None


def test_answers_of_what_is_lost_are_no_recovery():
    outcome = decide([seen(float(at), replaced=False, faulted=True) for at in range(90)], WINDOW)
    assert (outcome.result, outcome.rto) == ("failed", None)


def test_no_failed_caller_and_a_kept_promise_pass():
    outcome = decide(traffic(1), WINDOW)
    assert (outcome.result, outcome.reasons) == ("passed", ())


def test_a_promise_that_is_not_kept_fails():
    window = replace(WINDOW, rto_promised=5.0, max_error_share=0.5)
    outcome = decide(traffic(11), window)
    assert outcome.result == "failed"
    assert "promised were 5 s" in outcome.reasons[0]


def test_nobody_met_the_fault_is_not_exercised():
    assert decide([seen(5.0)], WINDOW).result == "not exercised"
    assert decide([], WINDOW).rto is None


def test_stopped_is_a_result_of_its_own():
    outcome = decide(traffic(11), WINDOW, stopped=["callers failed"])
    assert (outcome.result, outcome.reasons) == ("stopped", ("callers failed",))


def test_traffic_that_is_not_steady_after_the_lift_fails():
    assert decide(traffic(1), WINDOW, unsteady=["after the lift: errors"]).result == "failed"


def test_a_control_that_fails_alike_excuses_the_drilled_share():
    bad = [replace(one, failed=one.started_at % 10 == 0) for one in traffic(1)]
    control = [replace(one, id=f"c{one.id}", drilled=False, faulted=False) for one in bad]
    assert "callers failed" in " ".join(decide(bad, WINDOW).reasons)
    assert "callers failed" not in " ".join(decide([*bad, *control], WINDOW).reasons)


def test_what_began_outside_the_cut_off_does_not_count():
    outcome = decide([*traffic(1), seen(-1.0, failed=True), seen(100.0, failed=True)], WINDOW)
    assert outcome.failed == 0


calls = st.lists(
    st.builds(
        seen,
        st.floats(0, 99),
        failed=st.booleans(),
        faulted=st.booleans(),
        drilled=st.just(True),
        replaced=st.booleans(),
    ),
    max_size=40,
)


@given(calls)
def test_recovery_is_never_before_the_first_replacement_answer(found):
    outcome = decide(found, WINDOW)
    if outcome.steady_at is not None:
        assert outcome.first_replacement_at <= outcome.steady_at <= WINDOW.lifted_at - WINDOW.steady_for


@given(calls, st.integers(0, 39))
def test_one_more_failure_never_recovers_sooner(found, which):
    if which >= len(found):
        return
    worse = [replace(one, failed=True) if at == which else one for at, one in enumerate(found)]
    before, after = recovered(found, WINDOW), recovered(worse, WINDOW)
    assert after is None or (before is not None and before <= after)


@given(st.integers(0, 200), st.integers(1, 200))
def test_an_interval_holds_its_share(failed, count):
    failed = min(failed, count)
    low, high = wilson(failed, count)
    assert 0.0 <= low <= failed / count + 1e-12
    assert failed / count - 1e-12 <= high <= 1.0


def test_p95_is_the_nearest_rank():
    assert p95([float(n) for n in range(1, 101)]) == 95.0
    assert p95([7.0]) == 7.0
    assert p95([]) is None
