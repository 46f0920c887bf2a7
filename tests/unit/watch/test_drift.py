"""Shadow samples: live requests are replayed after the fact, and a replacement that falls behind loses its proof."""

from __future__ import annotations

from dataclasses import replace

from switchover.domain.candidate import State
from switchover.domain.watching import ChangeKind, Why
from switchover.store.changes import changes, marks
from switchover.store.exchanges import some_exchanges
from switchover.store.indexing import save_exchanges
from switchover.store.register import build_snapshot, set_baseline_lost
from switchover.store.trials import differences, save_score, scored_cases
from switchover.trial.cases import cases_of
from switchover.trial.split import Split, split_of
from switchover.watch.drift import watch_drift
from switchover.watch.held import cell_of

DAY = 86_400.0


def shadows(desk, proof):
    return [row for row in differences(desk.store, cell_of(proof).id) if row.shadow]


def test_todays_requests_of_the_verdict_half_become_cases_of_the_cell(desk):
    (proof,) = desk.proofs
    before = len(differences(desk.store, cell_of(proof).id))
    desk.clock.advance(DAY)
    live = desk.record(60)
    assert all(one.well for one in desk.run(watch_drift))
    drawn = shadows(desk, proof)
    assert len(drawn) == 20
    assert len(differences(desk.store, cell_of(proof).id)) == before + 20
    assert {row.exchange_id for row in drawn} <= {exchange.id for exchange in live}
    keys = [case.key for case in cases_of(some_exchanges(desk.store, [row.exchange_id for row in drawn]))]
    assert all(split_of(key, "messages") is Split.VERDICT for key in keys)
    desk.run(watch_drift)
    assert len(shadows(desk, proof)) == 20
    assert all(row.answer for row in scored_cases(desk.store, cell_of(proof).id) if row.shadow)


def test_copies_of_what_was_replayed_are_not_replayed_again(desk):
    (proof,) = desk.proofs
    desk.clock.advance(DAY)
    live = desk.record(10)
    desk.run(watch_drift)
    drawn = len(shadows(desk, proof))
    desk.clock.advance(DAY)
    save_exchanges(desk.store, [replace(one, id=f"{one.id}b", started_at=desk.clock.now()) for one in live])
    desk.run(watch_drift)
    assert len(shadows(desk, proof)) == drawn > 0


def test_a_slice_that_is_replayed_in_advance_of_its_turn_is_no_drift_of_the_whole(desk):
    (proof,) = desk.proofs
    cell = cell_of(proof).id
    desk.clock.advance(DAY)
    worse = [
        replace(row, exchange_id=f"ahead-{row.exchange_id}", graded_at=desk.clock.now(), candidate=0.8, counts=False)
        for row in scored_cases(desk.store, cell)
    ]
    for row in worse:
        save_score(desk.store, row)
    desk.record(60)
    assert len(worse) >= 40
    assert all(one.well for one in desk.run(watch_drift))
    # The same in the natural mix is one.
    for row in worse:
        save_score(desk.store, replace(row, counts=True))
    assert not all(one.well for one in desk.run(watch_drift))


def test_a_replacement_that_fell_behind_loses_its_proof_and_its_ledger_begins_empty(desk):
    (proof,) = desk.proofs
    desk.wrong["other"] = 0.2
    found = desk.days(watch_drift, 15)
    assert [one.about for one in found] == ["other"]
    assert "it has drifted" in found[0].said
    assert desk.proofs == []
    assert len(shadows(desk, proof)) <= 160
    assert desk.verdict(proof).state is State.EXPIRED
    (change,) = changes(desk.store)
    assert (change.kind, change.upstream) == (ChangeKind.REPLACEMENT, "other")
    assert desk.due() == [("other", Why.DRIFT)]
    snapshot = build_snapshot(desk.store, desk.settings, {}, desk.clock.now())
    assert "it has drifted" in snapshot.ended["messages"]["other"]
    desk.wrong["other"] = 0.0
    verdict = desk.rehearse()
    assert verdict.state is State.READY
    assert verdict.cell.epoch != proof.epoch
    assert verdict.evidence.overall.mean_difference == 0.0


def test_one_that_stays_as_good_is_left_alone(desk):
    desk.wrong |= {"vendor": 0.05, "other": 0.05}
    assert all(one.well for one in desk.days(watch_drift, 6))
    assert changes(desk.store) == []


def test_a_baseline_that_wavers_more_than_it_did_ends_its_epoch(desk):
    desk.wrong |= {"vendor": 0.4, "other": 0.0}
    found = desk.days(watch_drift, 15)
    assert [one.about for one in found] == ["vendor"]
    assert "agrees with itself less than it did" in found[0].said
    assert changes(desk.store)[0].kind is ChangeKind.BASELINE
    assert marks(desk.store, "messages", "other").since == changes(desk.store)[0].since
    assert desk.proofs == []


def test_nothing_is_replayed_while_the_baseline_is_lost_or_the_allowance_is_used_up(desk):
    (proof,) = desk.proofs
    desk.clock.advance(DAY)
    desk.record(60)
    set_baseline_lost(desk.store, "messages", desk.clock.now())
    (found,) = desk.run(watch_drift)
    assert "while the baseline is lost" in found.said
    set_baseline_lost(desk.store, "messages", None)
    desk.settings = replace(desk.settings, watch=replace(desk.settings.watch, replays_per_day=7))
    desk.run(watch_drift)
    assert len(shadows(desk, proof)) == 7
