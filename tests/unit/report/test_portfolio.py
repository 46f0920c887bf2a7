"""The portfolio: every process there is, and what is sure among all that was tried."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from switchover.config import load
from switchover.domain.candidate import State
from switchover.report.portfolio import log_evidence, portfolio
from switchover.store import Store
from switchover.store.proofs import newest_verdicts, save_verdict
from switchover.testing.sample_candidates import CONFIGURATION, DAY, fill, part

NOW = 1_793_500_000.0


@pytest.fixture
def organisation(tmp_path):
    (tmp_path / "s.yaml").write_text(CONFIGURATION)
    settings = load(str(tmp_path / "s.yaml"))
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as store:
        yield store, settings, fill(store, settings, NOW, cases=10, long=10)


def test_every_process_has_its_line_with_the_best_candidate_first(organisation):
    store, settings, _ = organisation
    found = portfolio(store, settings, NOW, 0.05)
    assert [line.process.name for line in found.lines] == ["messages", "replies"]
    assert [entry.state for entry in found.lines[0].entries] == [State.READY, State.NOT_READY]
    assert (found.tried, found.ready, found.certain) == (3, 1, 1)


def test_what_is_ready_by_itself_may_not_stand_out_among_many(organisation):
    store, settings, _ = organisation
    # e = exp(6.2) ≈ 493 of three: enough at 5 % (60), not at 0.5 % (600).
    assert portfolio(store, settings, NOW, 0.05).lines[0].entries[0].stands_out
    assert portfolio(store, settings, NOW, 0.005).lines[0].entries[0].stands_out is False


def test_a_proof_that_ran_out_is_neither_ready_nor_sure(organisation):
    store, settings, _ = organisation
    found = portfolio(store, settings, NOW + 12 * DAY, 0.05)
    assert (found.ready, found.certain) == (0, 0)
    assert found.lines[0].entries[0].state is State.EXPIRED


def test_the_least_of_all_ledgers_counts(organisation):
    verdict = organisation[2]["messages other"]
    weak = replace(verdict, evidence=replace(verdict.evidence, slices=(part("complaints", 60, 0.0, 0.1, 1.5),)))
    assert log_evidence(weak) == 1.5
    assert math.isclose(log_evidence(verdict), 6.2)


def test_a_fallback_that_was_never_tried_is_named(organisation, tmp_path):
    store, settings, _ = organisation
    process = replace(settings.processes["replies"], fallbacks=("other", "third"))
    known = replace(settings, processes={**settings.processes, "replies": process})
    assert portfolio(store, known, NOW, 0.05).lines[1].untested == ("third",)


def test_only_the_newest_verdict_of_a_cell_is_read(organisation):
    store, _, verdicts = organisation
    old = verdicts["messages other"]
    for number in range(5):
        save_verdict(store, replace(old, id=f"old-{number}", made_at=old.made_at - 1 - number))
    assert {one.id for one in newest_verdicts(store)} == {one.id for one in verdicts.values()}
    assert [one.id for one in newest_verdicts(store, "replies")] == [verdicts["replies other"].id]
