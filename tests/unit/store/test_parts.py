"""What is saved comes back, and the register's version says that something changed."""

from __future__ import annotations

import dataclasses
import math

import pytest

from switchover.domain.candidate import (
    Cell,
    Evidence,
    PromptKind,
    PromptVersion,
    Proof,
    ScoredCase,
    SliceEvidence,
    State,
    Verdict,
)
from switchover.domain.cut_off import CutOff, Drill, DrillOutcome, Target
from switchover.domain.exchange import AttemptRecord, Exchange, Intent, Outcome, Usage
from switchover.domain.process import (
    Criticality,
    DataClass,
    Listen,
    Process,
    Provider,
    RehearsalTerms,
    Settings,
    SlicePredicate,
    UpstreamSpec,
)
from switchover.domain.register import CallerKey, Suspension
from switchover.errors import NotFound, OperatorError, StoreUnavailable
from switchover.store import artefacts
from switchover.store.drills import (
    cut_offs,
    drills,
    expire_cut_offs,
    get_drill,
    heartbeat,
    last_heartbeat,
    lift_cut_off,
    place_cut_off,
    save_drill,
)
from switchover.store.exchanges import count_exchanges, each_exchange, get_exchange, iter_exchanges, list_exchanges
from switchover.store.indexing import save_exchanges, save_intents, save_spooled, spool_mark
from switchover.store.leases import lease_holder, release_lease, take_lease
from switchover.store.prompt_versions import prompt_version, prompt_versions, save_prompt_version
from switchover.store.proofs import latest_verdict, proofs, revoke_proofs, save_proof, save_verdict, verdicts
from switchover.store.register import (
    baseline_lost,
    build_snapshot,
    caller_keys,
    register_version,
    replace_key,
    revoke_key,
    save_key,
    set_baseline_lost,
    set_suspension,
    suspensions,
)
from switchover.store.snapshot import read_snapshot, write_snapshot
from switchover.store.trials import baseline_samples, save_baseline_sample, save_score, scored_cases


def exchange(name="x1", **changes):
    whole = Exchange(
        id=name,
        process="claims",
        route="claims",
        dialect="openai_chat",
        stream=True,
        started_at=10.0,
        outcome=Outcome.COMPLETE,
        status=200,
        request=b'{"a":"\xc3\xa9"}',
        answer=b"\x00\xff raw",
        upstream="vendor",
        model="big-1",
        attempts=(AttemptRecord(upstream="vendor", model="big-1", fault=None, status=200, elapsed_ms=3.5),),
        usage=Usage(input=3, output=4, estimated=True),
        first_content_ms=1.25,
        elapsed_ms=9.5,
        dropped=("seed",),
        metadata={"kind": "complaint", "naïve": "✓"},
    )
    return dataclasses.replace(whole, **changes)


def intent(name, at=10.0):
    return Intent(id=name, process="claims", route="claims", dialect="openai_chat", started_at=at)


PROOF = Proof(
    id="p1",
    process="claims",
    upstream="own",
    fingerprint="f",
    prompt_version="v",
    grader="label:1",
    epoch="e",
    state=State.READY,
    margin=0.1,
    lower=-0.05,
    replays=300,
    made_at=10.0,
    expires_at=100.0,
)


def test_an_exchange_comes_back_as_it_was_and_is_saved_once(store):
    assert save_exchanges(store, [exchange()]) == 1
    assert save_exchanges(store, [exchange(status=500), exchange("x2")]) == 1
    assert get_exchange(store, "x1") == exchange()


def test_an_exchange_is_found_by_a_beginning_that_only_it_has(store):
    save_exchanges(store, [exchange("ab1"), exchange("ab2"), exchange("a%")])
    assert get_exchange(store, "ab2").id == "ab2"
    assert get_exchange(store, "a%").id == "a%"
    assert get_exchange(store, "zz") is None
    assert get_exchange(store, "AB2") is None
    with pytest.raises(NotFound, match="several"):
        get_exchange(store, "ab")


def test_exchanges_are_listed_by_process_time_and_outcome(store):
    save_exchanges(store, [exchange(f"x{n}", started_at=float(n)) for n in range(5)])
    save_exchanges(store, [exchange("other", process="p2", outcome=Outcome.FAILED, status=503)])
    assert [e.id for e in list_exchanges(store, process="claims", limit=2)] == ["x4", "x3"]
    assert [e.id for e in list_exchanges(store, since=1, until=3, newest_first=False)] == ["x1", "x2"]
    assert count_exchanges(store, outcome=Outcome.FAILED) == count_exchanges(store, process="p2") == 1


def test_every_exchange_is_given_once_across_pages_even_at_one_moment(store):
    rows = [exchange(f"x{n:04d}", started_at=float(n // 700)) for n in range(1500)]
    save_exchanges(store, rows)
    save_exchanges(store, [exchange("bad", status=404), exchange("cut", outcome=Outcome.TRUNCATED)])
    assert [e.id for e in iter_exchanges(store, "claims")] == [e.id for e in rows]
    assert sum(1 for _ in each_exchange(store)) == 1502


def test_what_was_begun_and_never_ended_is_unfinished_until_its_exchange_arrives(store):
    save_intents(store, [intent("x1"), intent("x2")])
    assert get_exchange(store, "x1").outcome is Outcome.UNFINISHED
    save_exchanges(store, [exchange("x1")])
    save_intents(store, [intent("x1")])
    assert get_exchange(store, "x1") == exchange("x1")


def test_an_answer_that_was_recorded_too_late_is_saved_as_it_ended_for_its_caller(store):
    late = {"outcome": Outcome.TRUNCATED, "error_code": "recording_required", "answer": b"an error frame"}
    assert save_exchanges(store, [exchange("x1"), exchange("x2")]) == 2
    assert save_exchanges(store, [exchange("x1", **late), exchange("x2", answer=b"another")]) == 0
    assert get_exchange(store, "x1") == exchange("x1", **late)
    assert get_exchange(store, "x2") == exchange("x2")
    assert save_exchanges(store, [exchange("x3"), exchange("x3", **late)]) == 1
    assert get_exchange(store, "x3") == exchange("x3", **late)


def test_open_requests_are_no_exchanges_until_their_worker_has_begun_anew(store):
    save_spooled(store, "w0", (1, 50), [], [intent("x1"), intent("x2")])
    save_spooled(store, "w1", (1, 50), [], [intent("x3")])
    save_spooled(store, "w0", (1, 90), [exchange("x2")], [])
    assert count_exchanges(store, outcome=Outcome.UNFINISHED) == 0
    save_spooled(store, "w0", (2, 20), [], [intent("x4")], restarted=True)
    assert [e.id for e in list_exchanges(store, outcome=Outcome.UNFINISHED)] == ["x1"]
    assert spool_mark(store, "w0") == (2, 20)
    assert spool_mark(store, "unheard-of") == (0, 0)


def test_a_model_name_with_a_character_that_no_text_may_hold_does_not_halt_the_index(store):
    save_exchanges(store, [exchange("x1", model="big\x001", answer=b"\x00"), exchange("x2")])
    found = get_exchange(store, "x1")
    assert found.model in ("big\x001", "big\ufffd1")
    assert (found.answer, count_exchanges(store)) == (b"\x00", 2)


def test_hostile_names_are_values_and_nothing_else(store):
    name = "x'; DROP TABLE exchange; --"
    save_exchanges(store, [exchange(name, process=name)])
    assert [e.id for e in list_exchanges(store, process=name)] == [name]


def test_scores_come_back_in_the_order_of_grading(store):
    first = ScoredCase(cell_id="c", exchange_id="b", graded_at=1.0, candidate=1.0, baseline=None, slices=("s",))
    second = ScoredCase(cell_id="c", exchange_id="a", graded_at=2.0, candidate=None, baseline=0.5, reason="no", topic=3)
    save_score(store, second)
    save_score(store, first)
    save_score(store, first)
    assert scored_cases(store, "c") == [first, second]
    assert scored_cases(store, "d") == []


def test_second_samples_of_the_baseline_belong_to_their_epoch(store):
    save_baseline_sample(store, "claims", "x1", "e1", "hello", 1.0)
    save_baseline_sample(store, "claims", "x2", "e1", None, 1.0)
    save_baseline_sample(store, "claims", "x1", "e2", "other", 2.0)
    assert baseline_samples(store, "claims", "e1") == {"x1": "hello", "x2": None}


def test_a_verdict_with_an_infinite_bound_comes_back_newest_first(store):
    cell = Cell(process="claims", upstream="own", fingerprint="f", prompt_version="v", grader="g", epoch="e")
    numbers = SliceEvidence(
        name="overall",
        replays=1,
        margin=0.1,
        mean_difference=None,
        lower=-math.inf,
        upper=math.inf,
        log_e_ready=0.0,
        log_e_not_ready=0.0,
    )
    evidence = Evidence(
        overall=numbers,
        slices=(numbers,),
        ungraded=0,
        coverage=1.0,
        candidate_score=None,
        baseline_self_agreement=None,
        anchor_score=None,
        still_needed=None,
        reasons=("few",),
    )
    first = Verdict(
        id="v1", cell=cell, state=State.UNPROVEN, evidence=evidence, made_at=1.0, expires_at=None, seed=1, calls=1
    )
    second = dataclasses.replace(first, id="v2", made_at=2.0)
    save_verdict(store, first)
    save_verdict(store, second)
    assert verdicts(store) == verdicts(store, "claims") == [second, first]
    assert latest_verdict(store, cell.id) == second
    assert latest_verdict(store, "none") is None


def test_a_proof_counts_until_it_expires_or_is_revoked_and_stays_revoked(store):
    other = dataclasses.replace(PROOF, id="p2", prompt_version="w")
    save_proof(store, PROOF)
    save_proof(store, other)
    assert set(proofs(store, "claims", now=99.0)) == {PROOF, other}
    assert proofs(store, now=100.0) == []
    assert revoke_proofs(store, at=5.0, process="claims", prompt_version="w") == 1
    save_proof(store, other)
    assert proofs(store) == [PROOF]


def test_prompt_versions_come_back_by_id_and_process(store):
    version = PromptVersion.make(
        process="claims", upstream="own", kind=PromptKind.DEMONSTRATIONS, parameters={"k": 4, "deep": {"a": [1]}}
    )
    save_prompt_version(store, version)
    assert prompt_version(store, version.id) == version
    assert prompt_versions(store, "claims") == [version]
    assert prompt_versions(store, "none") == []


def test_an_artefact_is_named_by_its_content_and_checked_against_it(tmp_path):
    name = artefacts.put(tmp_path, b"data")
    assert artefacts.put(tmp_path, b"data") == name
    assert artefacts.get(tmp_path, name) == b"data"
    (tmp_path / "artefacts" / name).write_bytes(b"datb")
    with pytest.raises(StoreUnavailable, match="damaged"):
        artefacts.get(tmp_path, name)
    for bad in ("../store.sqlite", "0" * 63, "A" * 64, "0" * 64):
        with pytest.raises(NotFound):
            artefacts.get(tmp_path, bad)


CUT = CutOff(
    id="c1", target=Target.parse("provider:acme"), reason="r", by="ops", placed_at=1.0, settings={"s": 2.0}, share=0.5
)


def test_cut_offs_are_in_force_until_lifted_or_expired(store):
    drilled = dataclasses.replace(CUT, id="c2", fault="denied", drill="d1", expires_at=20.0, processes=("claims",))
    place_cut_off(store, CUT)
    place_cut_off(store, drilled)
    heartbeat(store, "c2", 7.0)
    assert last_heartbeat(store, "c2") == 7.0
    assert cut_offs(store, in_force_at=5.0) == [CUT, drilled]
    assert cut_offs(store, in_force_at=20.0) == [CUT]
    assert lift_cut_off(store, Target.parse("provider:acme"), "ops", 6.0) == 2
    assert lift_cut_off(store, "c1", "ops", 6.0) == 0
    assert [cut.lifted_at for cut in cut_offs(store)] == [6.0, 6.0]


def test_expired_cut_offs_are_marked_once_and_raise_the_version(store):
    place_cut_off(store, dataclasses.replace(CUT, expires_at=20.0))
    version = register_version(store)
    assert expire_cut_offs(store, 19.0) == 0
    assert expire_cut_offs(store, 21.0) == 1
    assert expire_cut_offs(store, 22.0) == 0
    assert register_version(store) == version + 1


def drill(name, state):
    return Drill(
        id=name,
        process="claims",
        target=Target.parse("upstream:vendor"),
        fault="denied",
        hypothesis="none fails",
        thresholds={"errors": 0.01},
        approver="a",
        operator="o",
        state=state,
        begun_at=1.0,
        duration=60.0,
        share=1.0,
        replacement="own",
        proof="p1",
        steady={},
        outcome=DrillOutcome(
            result="passed",
            reasons=("ok",),
            placed_at=1.0,
            lifted_at=2.0,
            first_fault_at=None,
            first_replacement_at=None,
            steady_at=None,
            rto=None,
            rto_promised=300.0,
            requests=1,
            failed=0,
            control_requests=0,
            control_failed=0,
            p95_ms=None,
            control_p95_ms=1.0,
        ),
    )


def test_one_drill_runs_at_a_time(store):
    save_drill(store, drill("d1", "running"))
    with pytest.raises(OperatorError, match="one at a time"):
        save_drill(store, drill("d2", "running"))
    save_drill(store, drill("d2", "planned"))
    save_drill(store, drill("d1", "done"))
    save_drill(store, drill("d2", "running"))
    assert get_drill(store, "d1") == drill("d1", "done")
    assert {d.id for d in drills(store, "claims")} == {"d1", "d2"}
    assert get_drill(store, "d3") is None


def test_a_replaced_key_goes_on_until_it_was_said_to_and_ends_no_later_than_it_would_have(store):
    old = CallerKey(id="k1", process="claims", mac="00", made_at=1.0, expires_at=500.0)
    save_key(store, old)
    version = register_version(store)
    replace_key(store, "k1", CallerKey(id="k2", process="claims", mac="01", made_at=100.0, made_by="p-1"), 200.0)
    assert register_version(store) > version
    known = {key.id: key for key in caller_keys(store)}
    assert known["k1"] == dataclasses.replace(old, revoked_at=200.0, revoked_by="p-1")
    assert (known["k1"].ends_at, known["k2"].ends_at) == (200.0, math.inf)
    assert (known["k1"].account, known["k2"].account) == ("k1", "k1")
    replace_key(store, "k1", CallerKey(id="k3", process="claims", mac="02", made_at=150.0), 300.0)
    assert {key.id: key.revoked_at for key in caller_keys(store)} == {"k1": 200.0, "k2": None, "k3": None}
    assert revoke_key(store, "k1", 160.0)
    for gone in ("k1", "nobodys"):
        with pytest.raises(NotFound):
            replace_key(store, gone, CallerKey(id="k4", process="claims", mac="03", made_at=170.0), 300.0)
    assert not [key for key in caller_keys(store) if key.id == "k4"]


def test_a_key_is_revoked_once(store):
    key = CallerKey(id="k1", process="claims", mac="00", made_at=1.0)
    save_key(store, key)
    assert revoke_key(store, "k1", 5.0)
    assert not revoke_key(store, "k1", 6.0)
    assert caller_keys(store) == [dataclasses.replace(key, revoked_at=5.0)]


def test_a_lease_has_one_holder_and_lapses_by_itself(store):
    assert take_lease(store, "stories", "a", now=0.0, seconds=10)
    assert not take_lease(store, "stories", "b", now=9.0, seconds=10)
    assert take_lease(store, "stories", "a", now=9.0, seconds=10)
    assert not take_lease(store, "stories", "b", now=18.0, seconds=10)
    assert take_lease(store, "stories", "b", now=19.0, seconds=10)
    release_lease(store, "stories", "a")
    assert lease_holder(store, "stories", now=20.0) == "b"


def settings():
    vendor = UpstreamSpec(
        name="vendor", kind="openai", model="big", developer="acme", host="acme", base_url="https://x"
    )
    own = UpstreamSpec(name="own", kind="local", model="small", developer="hf", host="own", weights="starter")
    terms = RehearsalTerms(
        grader="label", settings={"labels": ["a"]}, slices=(SlicePredicate(name="s", path="m.k", equals="v"),)
    )
    process = Process(
        name="claims",
        owner="o",
        criticality=Criticality.CRITICAL,
        data=DataClass.CONFIDENTIAL,
        baseline="vendor",
        fallbacks=("own",),
        routes=("claims",),
        allow={DataClass.CONFIDENTIAL: ("own", "vendor")},
        rehearse=terms,
    )
    return Settings(
        source="/x.yaml",
        organisation={},
        data_dir="/data",
        database="sqlite://",
        gateway=Listen(),
        providers={"acme": Provider(name="acme", home="US"), "own": Provider(name="own", home="NL")},
        upstreams={"vendor": vendor, "own": own},
        processes={"claims": process},
    )


def test_a_snapshot_holds_the_register_and_survives_its_file(store, tmp_path):
    version = PromptVersion.make(process="claims", upstream="own", kind=PromptKind.AS_IS)
    unused = PromptVersion.make(process="claims", upstream="vendor", kind=PromptKind.AS_IS)
    older = dataclasses.replace(PROOF, id="p0", prompt_version=version.id, made_at=1.0)
    newer = dataclasses.replace(PROOF, prompt_version=version.id)
    for each in (version, unused):
        save_prompt_version(store, each)
    for each in (older, newer):
        save_proof(store, each)
    save_key(store, CallerKey(id="k1", process="claims", mac="00", made_at=1.0))
    save_key(store, CallerKey(id="k2", process="claims", mac="01", made_at=1.0, revoked_at=2.0))
    save_key(store, CallerKey(id="k3", process="claims", mac="01", made_at=1.0, expires_at=2.0))
    place_cut_off(store, CUT)
    set_baseline_lost(store, "claims", 3.0)
    set_baseline_lost(store, "removed", 3.0)
    snapshot = build_snapshot(store, settings(), {"own": "http://127.0.0.1:1/v1"}, 50.0)
    assert snapshot.version == register_version(store)
    assert snapshot.proofs == (newer,)
    assert snapshot.prompt_versions == {version.id: version}
    assert list(snapshot.keys) == ["k1"]
    assert snapshot.cut_offs == (CUT,)
    assert snapshot.baseline_lost == {"claims": 3.0}
    write_snapshot(tmp_path / "snapshot.json", snapshot)
    assert read_snapshot(tmp_path / "snapshot.json") == snapshot
    assert (tmp_path / "snapshot.json").stat().st_mode & 0o077 == 0


def test_a_snapshot_that_is_missing_or_damaged_is_said(tmp_path):
    with pytest.raises(StoreUnavailable):
        read_snapshot(tmp_path / "none.json")
    (tmp_path / "bad.json").write_bytes(b'{"version": "x"')
    with pytest.raises(StoreUnavailable, match="remove it"):
        read_snapshot(tmp_path / "bad.json")


def test_a_baseline_is_lost_since_the_first_time_until_it_is_back(store):
    set_baseline_lost(store, "claims", 3.0)
    set_baseline_lost(store, "claims", 9.0)
    assert baseline_lost(store) == {"claims": 3.0}
    set_baseline_lost(store, "claims", None)
    assert baseline_lost(store) == {}


def test_proofs_are_suspended_since_the_first_time_until_they_count_again(store):
    first = Suspension(at=3.0, why="answered as 'b'")
    assert set_suspension(store, "own", first)
    assert not set_suspension(store, "own", Suspension(at=9.0, why="answered as 'c'"))
    set_suspension(store, "removed", first)
    assert suspensions(store) == {"own": first, "removed": first}
    assert build_snapshot(store, settings(), {}, 50.0).suspended == {"own": first}
    assert set_suspension(store, "own", None)
    assert not set_suspension(store, "own", None)
    assert suspensions(store) == {"removed": first}


def test_what_another_model_answered_is_no_case_and_what_was_tried_before_an_answer_is_no_matter(store):
    def tried(*faults):
        return tuple(
            AttemptRecord(upstream="vendor", model="m", fault=fault, status=200, elapsed_ms=1.0) for fault in faults
        )

    save_exchanges(
        store,
        [
            exchange("x1", attempts=tried("model-swapped")),
            exchange("x2", attempts=tried("model-swapped", None)),
            exchange("x3", attempts=tried(None, "provider-fell-back")),
            exchange("x4", attempts=()),
        ],
    )
    assert [one.id for one in iter_exchanges(store, "claims")] == ["x2", "x4"]


@pytest.mark.parametrize(
    "change",
    [
        lambda store: save_key(store, CallerKey(id="k", process="p", mac="", made_at=0.0)),
        lambda store: save_proof(store, PROOF),
        lambda store: save_prompt_version(store, PromptVersion.make(process="p", upstream="u", kind=PromptKind.AS_IS)),
        lambda store: place_cut_off(store, CUT),
        lambda store: set_baseline_lost(store, "p", 1.0),
        lambda store: set_suspension(store, "u", Suspension(at=1.0, why="w")),
    ],
)
def test_every_change_of_the_register_raises_its_version(store, change):
    before = register_version(store)
    change(store)
    assert register_version(store) == before + 1
