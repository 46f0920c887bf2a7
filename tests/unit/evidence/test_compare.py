"""The store's facts against the log: an edit in the database is found and named."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import delete, insert, select, update

from switchover.domain.candidate import Cell, Evidence, SliceEvidence, State, Verdict
from switchover.domain.register import CallerKey
from switchover.evidence import events
from switchover.evidence.compare import GRACE_S, Noted, differences, late, unnoted
from switchover.store import schema
from switchover.store.drills import expire_cut_offs, heartbeat, lift_cut_off, place_cut_off, save_drill
from switchover.store.facts import ended, facts, row_sha256
from switchover.store.proofs import revoke_proofs, save_proof, save_verdict
from switchover.store.register import revoke_key, save_key
from switchover.testing.builders import NOW, make_cut_off, make_drill, make_proof

LATER = NOW + 2 * GRACE_S
OVERALL = SliceEvidence(name="overall", replays=120, margin=0.1, mean_difference=-0.01, lower=-0.05, upper=float("inf"),
                        log_e_ready=3, log_e_not_ready=-2.0)  # fmt: skip
VERDICT = Verdict(
    id="v1", state=State.READY, made_at=NOW, expires_at=NOW + 60, seed=1, calls=120,
    cell=Cell(process="p", upstream="own", fingerprint="f", prompt_version="as-is-1", grader="label:0", epoch="e"),
    evidence=Evidence(overall=OVERALL, slices=(), ungraded=0, coverage=1.0, candidate_score=0.9, still_needed=None,
                      baseline_self_agreement=0.9, anchor_score=None, reasons=()),
)  # fmt: skip
PROOF = make_proof(id="proof-v1")
CUT = make_cut_off(id="c1")
KEY = CallerKey(id="abcd1234", process="p", mac="mac-of-the-key", made_at=NOW)


@pytest.fixture
def noted(store, log):
    """A store with one fact of each kind, all noted as their stories note them."""
    drill = make_drill(id="d1", state="planned")
    log.append(events.verdict(save_verdict(store, VERDICT), VERDICT, State.UNPROVEN))
    log.append(events.proof(save_proof(store, PROOF), PROOF))
    for state in ("planned", "running", "done"):
        log.append(events.drill(save_drill(store, replace(drill, state=state)), drill, {"d1.md": "00" * 32}))
    log.append(events.saved(place_cut_off(store, CUT)))
    log.append(events.saved(save_key(store, KEY)))
    heartbeat(store, "c1", NOW + 1)
    return lambda: taken(log)


def taken(log):
    found = Noted()
    found.take(log.entries())
    return found


def change(store, table, name, **values):
    with store.write() as connection:
        assert connection.execute(update(table).where(table.c.id == name).values(**values)).rowcount == 1


def test_all_agrees_and_nothing_is_left_to_note(store, noted):
    assert differences(store, noted()) == []
    assert unnoted(store, noted(), LATER) == []
    assert {fact.kind for fact in facts(store)} == {"verdict", "proof", "drill", "cut-off", "key"}


@pytest.mark.parametrize(
    ("table", "name", "values"),
    [
        (schema.verdict, "v1", {"body": b"other"}),
        (schema.verdict, "v1", {"state": "UNPROVEN"}),
        (schema.proof, "proof-v1", {"expires_at": NOW + 1e9}),
        (schema.proof, "proof-v1", {"margin": 0.2}),
        (schema.drill, "d1", {"body": b"other"}),
        (schema.drill, "d1", {"begun_at": NOW - 1e-6}),
        (schema.cut_off, "c1", {"reason": "another"}),
        (schema.cut_off, "c1", {"by": "somebody else"}),
        (schema.caller_key, "abcd1234", {"process": "q"}),
    ],
    ids=lambda value: str(getattr(value, "name", value)),
)
def test_a_row_that_was_changed_is_named_with_its_entry(store, noted, table, name, values):
    change(store, table, name, **values)
    (said,) = differences(store, noted())
    assert f" {name} in the store is not the one that entry " in said
    assert said.endswith("vouches for: its row was changed")
    # Nor does catching up make it good.
    assert unnoted(store, noted(), LATER) == []


@pytest.mark.parametrize("table", [schema.verdict, schema.proof, schema.drill, schema.cut_off, schema.caller_key])
def test_a_row_that_was_removed_is_named(store, noted, table):
    with store.write() as connection:
        connection.execute(delete(table))
    (said,) = differences(store, noted())
    assert "is not in the store: it was removed" in said


def test_a_row_that_somebody_put_in_is_named_and_once_noted_stays_marked(store, noted, log):
    with store.write() as connection:
        row = dict(connection.execute(select(schema.proof)).one()._mapping) | {"id": "proof-forged"}
        connection.execute(insert(schema.proof).values(**row))
    assert differences(store, noted()) == ["proof proof-forged is in the store, and no entry says so"]
    (event,) = unnoted(store, noted(), LATER)
    number = log.append(event)
    assert differences(store, noted()) == []
    assert late(noted()) == [f"proof proof-forged was found in the store without an entry, and noted in {number}"]


def test_what_ends_is_compared_by_itself(store, noted, log):
    at = NOW + 5
    lift_cut_off(store, "c1", "ops", at)
    revoke_proofs(store, at=at, process=PROOF.process)
    assert revoke_key(store, "abcd1234", at)
    assert len(differences(store, noted())) == 3
    for kind in ("cut-off", "proof", "key"):
        for fact in ended(store, kind, at):
            log.append(events.ended(fact))
    assert differences(store, noted()) == []
    change(store, schema.cut_off, "c1", lifted_by="somebody else")
    change(store, schema.proof, "proof-v1", revoked_at=None)
    change(store, schema.caller_key, "abcd1234", revoked_at=at + 1)
    ends = {"cut-off": "when or by whom", "key": "when or by whom", "proof": "the store says that it did not"}
    found = differences(store, noted())
    assert [any(words in said and kind in said for said in found) for kind, words in ends.items()] == [True] * 3
    assert len(found) == 3


def test_a_cut_off_that_lapsed_is_noted_as_such_and_not_as_late(store, log):
    log.append(events.saved(place_cut_off(store, replace(CUT, fault="vanished", expires_at=NOW + 5))))
    assert expire_cut_offs(store, NOW + 6) == 1
    (event,) = unnoted(store, taken(log), LATER)
    assert (event["event"], event["lapsed"], "late" in event) == ("cut-off lifted", True, False)
    log.append(event)
    assert differences(store, taken(log)) == []


def test_a_drill_that_went_on_unnoted_is_noted_late_and_one_that_was_turned_back_is_not(store, log):
    running = make_drill(id="d1", state="running")
    log.append(events.drill(save_drill(store, running), running, {}))
    save_drill(store, replace(running, state="done"))
    (event,) = unnoted(store, taken(log), LATER)
    assert (event["event"], event["state"], event["late"]) == ("drill", "done", True)
    log.append(event)
    save_drill(store, running)
    assert unnoted(store, taken(log), LATER) == []
    assert "its row was changed" in differences(store, taken(log))[0]


def test_what_was_just_saved_is_left_to_whoever_saved_it(store, log):
    place_cut_off(store, CUT)
    assert unnoted(store, taken(log), NOW + GRACE_S / 2) == []
    assert len(unnoted(store, taken(log), LATER)) == 1


def test_a_hash_is_the_same_however_a_number_was_handed_in_and_wherever_it_was_read(store):
    place_cut_off(store, replace(CUT, placed_at=int(NOW), share=1))
    (fact,) = facts(store)
    assert fact.sha256 == place_cut_off(store, CUT).sha256
    with store.write() as connection:
        connection.execute(update(schema.cut_off).values(heartbeat_at=NOW + 9))
    assert next(facts(store)).sha256 == fact.sha256
    assert row_sha256("key", {"id": "k", "made_at": 1}) == row_sha256("key", {"id": "k", "made_at": 1.0})


def test_no_entry_holds_a_persons_name_or_words(store, noted, log):
    whole = b"\n".join(log.entries())
    for words in (CUT.by, CUT.reason, "head-of-service", "the student takes over", KEY.mac):
        assert words.encode() not in whole
