"""A proof counts in the epoch it was made in, and the plan says why another does not."""

from __future__ import annotations

import pytest

from switchover.planning import plan
from switchover.testing.builders import NOW, make_proof, make_snapshot

NAME = "customer-messages"


def reason(**changes):
    planned = plan(make_snapshot(**changes), NAME, NOW)
    assert [attempt.upstream.name for attempt in planned.attempts] == ["vendor"]
    return planned.skipped[0].reason


def test_a_proof_of_the_epoch_of_today_serves_and_so_does_any_where_none_is_told():
    today = {NAME: {"student": make_proof().epoch}}
    for epochs in (today, {}):
        assert plan(make_snapshot(epochs=epochs), NAME, NOW).attempts[1].proof is not None


def test_a_proof_against_another_baseline_is_passed_over():
    assert reason(epochs={NAME: {"student": "another"}}) == (
        "its proof was made against another baseline than vendor is today"
    )


@pytest.mark.parametrize("proofs", [(), (make_proof(fingerprint="other"),)])
def test_why_the_last_proof_ended_is_told(proofs):
    ended = {NAME: {"student": "the application's prompt changed on 2026-05-28"}}
    said = reason(proofs=proofs, ended=ended)
    assert said == "its proof has ended: the application's prompt changed on 2026-05-28"
