"""The store's facts against the log: an edit in the database is found and named."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from sqlalchemy import delete, insert, select, update

from switchover.domain.acceptance import Acceptance
from switchover.domain.candidate import Cell, Evidence, SliceEvidence, State, Verdict
from switchover.domain.costing import Edit
from switchover.domain.people import Approval, ApprovalState, Person, PersonKey, Role
from switchover.domain.placement import Decision, Place
from switchover.domain.register import CallerKey
from switchover.domain.watching import Change, ChangeKind
from switchover.evidence import canonical, events
from switchover.evidence.compare import GRACE_S, Noted, differences, late, unnoted
from switchover.store import schema
from switchover.store.acceptances import save_acceptance
from switchover.store.approvals import ask, decide, use
from switchover.store.assumptions import save_edit
from switchover.store.changes import save_change
from switchover.store.decisions import save_decision
from switchover.store.drills import expire_cut_offs, heartbeat, lift_cut_off, place_cut_off, save_drill
from switchover.store.erasing import save_erasure
from switchover.store.facts import KINDS, end_sha256, ended, facts, row_sha256
from switchover.store.gaps import missing
from switchover.store.indexing import save_spooled
from switchover.store.people import add_person
from switchover.store.proofs import revoke_proofs, save_proof, save_verdict
from switchover.store.register import replace_key, revoke_key, save_key
from switchover.store.reports import save_report
from switchover.store.spool_frames import Gap, Position, Rot
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
FULL = Gap(at=NOW - 3, records=7, reason="No space left on device")
GAPS = [(Position(2, 60), FULL), (Position(2, 90), Rot(length=40))]
KEY = CallerKey(id="abcd1234", process="p", mac="mac-of-the-key", made_at=NOW)
ACCEPTED = Acceptance(
    id="ac-1", process="p", upstream="own", fingerprint="f", prompt_version="as-is-1", state=State.UNPROVEN,
    verdict=None, reason="Jane Roe wants it", made_at=NOW, made_by="p-1", expires_at=NOW + 60,
)  # fmt: skip
DECIDED = Decision(
    id="pd-1", process="p", number=1, place=Place.OWN, serves="own", replacement=None, reason="Jane Roe wants it",
    review_on="2027-01-01", made_at=NOW, made_by="p-1", follows=False, proposed="{}", basis={"data": "internal"},
)  # fmt: skip
ERASURE = {
    "id": "erasure-1", "at": NOW, "process": "p", "subject": None, "first_month": None, "last_month": None,
    "by": "p-1", "approved_by": "p-2", "reason": "Jane Roe asked", "keys": 1,
    "exchanges": 2, "versions": 0, "proofs": 0,
}  # fmt: skip
EDIT = Edit(
    name="pue", version=1, value=1.3, low=1.2, high=1.4, source="Jane Roe", owner="facilities", date="2026-11-20",
    reason="Jane Roe measured it", at=NOW, by="p-1",
)  # fmt: skip
PERSON = Person(id="p-1", name="Jane Roe", roles=(Role.ADMIN,), processes=(), made_at=NOW, made_by="local user root")
OTHER = replace(PERSON, id="p-2", name="Max Moe", made_by="p-1")
ASKED = Approval(
    id="ap-1", act="drill", target="provider:acme", process="p", parameters="00", reason="Jane Roe wants it",
    proposed_by="p-1", proposed_key="k-p-1", proposed_at=NOW, expires_at=NOW + 60,
)  # fmt: skip


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
    log.append(events.accepted(save_acceptance(store, ACCEPTED), ACCEPTED))
    saved = save_decision(store, DECIDED)
    log.append(events.decided(saved, DECIDED, {"serves": "own", "replacement": None}, ["proof p1"]))
    heartbeat(store, "c1", NOW + 1)
    for person in (PERSON, OTHER):
        key = PersonKey(id=f"k-{person.id}", person=person.id, mac="secret-mac", made_at=NOW, made_by=person.made_by)
        for fact in add_person(store, person, key):
            log.append(events.saved(fact))
    asked = ask(store, ASKED)[1]
    log.append(events.saved(asked))
    log.append(events.saved(decide(store, "ap-1", ApprovalState.APPROVED, "p-2", NOW)))
    log.append(events.saved(use(store, ASKED, "p-1", NOW)[1]))
    log.append(events.saved(save_change(store, Change.of("p", ChangeKind.PROMPT, "it changed", at=NOW))))
    log.append(events.erasure(save_erasure(store, ERASURE), ERASURE, []))
    log.append(events.assumed(save_edit(store, EDIT), EDIT))
    page = {"checkpoint": (3, "root", "log"), "headlines": "{}", "html": b"page", "pdf": b"paper"}
    log.append(events.saved(save_report(store, "report-1", made_at=NOW, by="p-1", **page)))
    save_spooled(store, "w0", (2, 90), [], [], GAPS, at=NOW)
    log.append(*unnoted(store, taken(log), NOW))
    return lambda: taken(log)


def taken(log):
    found = Noted()
    found.take(log.entries())
    return found


def change(store, table, name, /, **values):
    with store.write() as connection:
        assert connection.execute(update(table).where(table.c.id == name).values(**values)).rowcount == 1


def test_all_agrees_and_nothing_is_left_to_note(store, noted):
    assert differences(store, noted()) == []
    assert unnoted(store, noted(), LATER) == []
    assert {fact.kind for fact in facts(store)} == set(KINDS)


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
        (schema.caller_key, "abcd1234", {"expires_at": NOW + 1e9}),
        (schema.caller_key, "abcd1234", {"made_by": "p-2"}),
        (schema.decision, "pd-1", {"reason": "another"}),
        (schema.decision, "pd-1", {"follows": True}),
        (schema.person, "p-2", {"roles": "admin,operator"}),
        (schema.person, "p-2", {"name": "somebody else"}),
        (schema.person_key, "k-p-1", {"mac": "of a key that somebody else has"}),
        (schema.person_key, "k-p-1", {"person": "p-2"}),
        (schema.approval, "ap-1", {"proposed_by": "p-2"}),
        (schema.approval, "ap-1", {"parameters": "01"}),
        (schema.approval_step, "ap-1-decided", {"by": "p-1"}),
        (schema.approval_step, "ap-1-used", {"at": NOW + 1}),
        (schema.issued_report, "report-1", {"pdf": b"another"}),
        (schema.issued_report, "report-1", {"html": b"another"}),
        (schema.issued_report, "report-1", {"headlines": "[]"}),
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


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_was_removed_is_named(store, noted, kind):
    with store.write() as connection:
        gone = connection.execute(delete(KINDS[kind].table)).rowcount
    found = differences(store, noted())
    assert len(found) == gone > 0
    assert all("is not in the store: it was removed" in said for said in found)


def test_a_row_from_before_a_column_was_added_hashes_as_it_did():
    row = {"id": "abcd1234", "process": "p", "mac": "mac-of-the-key", "made_at": NOW}
    text = f'{{"id":"abcd1234","mac":"mac-of-the-key","made_at":"{NOW!r}","process":"p","table":"caller_key"}}'
    before = sha256(text.encode()).hexdigest()
    assert row_sha256("key", {**row, "name": None, "expires_at": None, "made_by": None}) == before
    assert row_sha256("key", {**row, "name": "x"}) != before
    ended = sha256(f'{{"id":"abcd1234","revoked_at":"{NOW!r}","table":"caller_key"}}'.encode()).hexdigest()
    assert end_sha256("key", {**row, "revoked_at": NOW, "revoked_by": None}) == ended


def test_a_key_that_goes_on_for_a_while_is_noted_with_its_end_and_again_when_that_is_brought_forward(store, log):
    log.append(events.saved(save_key(store, KEY)))
    made, ended_then = replace_key(store, KEY.id, replace(KEY, id="newer123", made_at=NOW + 1), NOW + 600)
    log.append(events.saved(made), events.ended(ended_then))
    assert differences(store, taken(log)) == []
    assert revoke_key(store, KEY.id, NOW + 5, "p-1")
    assert len(differences(store, taken(log))) == 1
    for fact in ended(store, "key", NOW + 5):
        log.append(events.ended(fact))
    assert differences(store, taken(log)) == []
    assert unnoted(store, taken(log), LATER) == []


def test_a_gap_is_noted_at_once_with_what_is_missing_and_why(store, noted, log):
    lost, rotten = [canonical.decode(entry) for entry in log.entries()][-2:]
    assert {name: lost[name] for name in ("event", "worker", "segment", "offset", "records", "reason")} == {
        "event": "gap", "worker": "w0", "segment": 2, "offset": 60, "records": 7, "reason": "No space left on device",
    }  # fmt: skip
    assert lost["since"] == canonical.moment(NOW - 3)
    assert "late" not in lost
    assert rotten["reason"] == "bit-rot"
    assert [str(one) for one in missing(store)] == ["7 records (No space left on device)", "1 record (bit-rot)"]


@pytest.mark.parametrize("values", [{"records": 1}, {"reason": "nothing much"}, {"at": NOW - 4}, {"worker": "w1"}])
def test_a_gap_that_was_made_smaller_or_explained_away_is_named(store, noted, values):
    with store.write() as connection:
        connection.execute(update(schema.gap).where(schema.gap.c.records == 7).values(**values))
    assert any("gap w0:" in said and ("was changed" in said or "was removed" in said)
               for said in differences(store, noted()))  # fmt: skip


def test_a_gap_that_was_removed_is_named(store, noted):
    with store.write() as connection:
        connection.execute(delete(schema.gap).where(schema.gap.c.reason == "bit-rot"))
    (said,) = differences(store, noted())
    assert said.startswith("gap w0:2:90 of entry ")
    assert "it was removed" in said


def test_a_store_filled_anew_from_the_spool_has_the_same_gaps(store, noted):
    """The gap was written twice, and only its second place is found; rot is met at another moment."""
    with store.write() as connection:
        connection.execute(delete(schema.gap))
    again = [(Position(3, 40), FULL), GAPS[1]]
    save_spooled(store, "w0", (3, 40), [], [], again, at=NOW + 900)
    assert differences(store, noted()) == []
    save_spooled(store, "w0", (3, 80), [], [], [(Position(3, 80), FULL)], at=NOW + 900)
    assert sum(one.records for one in missing(store)) == 8


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
    named = (PERSON.name, OTHER.name, "root", "secret-mac")
    for words in (CUT.by, CUT.reason, "head-of-service", "the student takes over", KEY.mac, *named):
        assert words.encode() not in whole
