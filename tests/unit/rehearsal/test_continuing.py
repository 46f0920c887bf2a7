"""A rehearsal of a process that continues answers: cut cases have a ledger of their own, and the proof says so."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace

import pytest

from switchover.domain.candidate import Continuation, State
from switchover.domain.process import Midstream, RehearsalTerms
from switchover.graders import grader
from switchover.planning import cannot_continue, plan
from switchover.rehearsal import Order, cell_of, rehearse
from switchover.store import Store
from switchover.store.indexing import save_exchanges
from switchover.store.prompt_versions import save_prompt_version
from switchover.store.proofs import proofs
from switchover.store.register import build_snapshot
from switchover.store.snapshot import read_snapshot, write_snapshot
from switchover.store.trials import scored_cases
from switchover.testing.builders import (
    NOW,
    make_exchange,
    make_process,
    make_prompt_version,
    make_settings,
    make_upstream,
)
from switchover.testing.clock import ManualClock
from switchover.trial.continuing import PROBE_GOES_ON, PROBE_SENT, Continuer, is_drawn, sent_of, ways_of, without_break
from switchover.trial.replay import Reply

LABELS = ["billing", "claim status", "cancellation", "travel cover"]
WORDS = "roof car sea phone leak post visit bank gale glass door fee yard trip dog bike tree pipe".split()  # noqa: SIM905
TERMS = RehearsalTerms(grader="label", settings={"labels": LABELS, "aliases": {}}, margin=0.10)
PROCESS = make_process(fallbacks=("engine",), rehearse=TERMS, midstream=Midstream.CONTINUE)
VENDOR, ENGINE = make_upstream(), make_upstream("engine", kind="local", model="m", weights="starter")
VERSION = make_prompt_version(upstream="engine")
ORDER = Order(process=PROCESS, baseline=VENDOR, candidate=ENGINE, prompt_version=VERSION.id)


def drawn(*parts):
    return int(hashlib.sha256(repr(parts).encode()).hexdigest()[:8], 16)


def text_of(n):
    return " ".join(WORDS[drawn(n, place) % 18] for place in range(9)) + f" {'abcdefghij'[n % 10] * 5}"


def truth(text):
    return LABELS[drawn(text) % 4]


def record():
    return [make_exchange(text_of(n), truth(text_of(n)), started_at=NOW - 86_400 + n) for n in range(440)]


@pytest.fixture
def store():
    with Store.open("sqlite://") as opened:
        save_prompt_version(opened, VERSION)
        save_exchanges(opened, record())
        yield opened


async def answer(request):
    return Reply(truth(request["messages"][-1]["content"]), 0.01)


class Engine:
    """Goes on with the truth but for a share of texts; remembers what it was asked to go on with."""

    def __init__(self, wrong=0.0, knows=(Continuation.PREFILL,)):
        self.wrong, self.knows, self.asked, self.stop_after = wrong, knows, [], None

    async def go_on(self, request, sent, way):
        await asyncio.sleep(0)
        if sent == PROBE_SENT:
            return Reply(PROBE_GOES_ON if way in self.knows else f"{sent}Sure! One, two, three.")
        if len(self.asked) == self.stop_after:
            [task] = [task for task in asyncio.all_tasks() if task.get_name() == "rehearsal"]
            task.cancel()  # as Ctrl-C does
        text = request["messages"][-1]["content"]
        self.asked.append((text, sent))
        is_wrong = drawn("wrong", text) % 1000 < self.wrong * 1000
        return Reply(f"{sent} and so on" if is_wrong else sent + truth(text)[len(sent) :], 0.01)

    def continuer(self, ways=(Continuation.PREFILL,)):
        return Continuer(ask=self.go_on, probe=self.go_on, ways=ways)


def run(store, continuer, *, order=ORDER, at=NOW):
    terms = order.process.rehearse
    clock = ManualClock(at)

    async def main():
        asyncio.current_task().set_name("rehearsal")
        return await rehearse(
            order, store=store, ask=answer, baseline_ask=answer, grader=grader(terms), clock=clock, continuer=continuer
        )

    return asyncio.run(main())


def attempt_of(store):
    settings = make_settings(upstreams={"vendor": VENDOR, "engine": ENGINE}, processes={PROCESS.name: PROCESS})
    snapshot = build_snapshot(store, settings, {"engine": "http://127.0.0.1:9200/v1"}, NOW)
    return plan(snapshot, PROCESS.name, NOW).attempts[1]


def test_the_proof_says_how_and_until_when_the_candidate_goes_on_and_the_plan_admits_it(store, tmp_path):
    engine = Engine()
    verdict = run(store, engine.continuer())
    continuing = verdict.evidence.continuing
    assert (verdict.state, continuing.state, continuing.way) == (State.READY, State.READY, Continuation.PREFILL)
    assert continuing.evidence.margin == TERMS.slice_margin
    # What was under way when the verdict was clear does not count.
    assert 29 <= continuing.evidence.replays <= len(engine.asked) <= continuing.evidence.replays + 16
    [proof] = proofs(store, PROCESS.name, now=NOW)
    assert (proof.continuation, proof.continues_until) == (Continuation.PREFILL, continuing.expires_at)
    assert attempt_of(store).continuation is Continuation.PREFILL
    # Workers know it from the snapshot's file.
    snapshot = build_snapshot(store, make_settings(processes={PROCESS.name: PROCESS}), {}, NOW)
    write_snapshot(tmp_path / "snapshot.json", snapshot)
    assert read_snapshot(tmp_path / "snapshot.json").proofs == (proof,)


def test_the_cell_has_the_ledger_that_it_would_have_in_another_mode(store):
    cut = run(store, Engine(wrong=0.2).continuer())
    rows = {(row.exchange_id, row.candidate, row.baseline) for row in scored_cases(store, cell_of(ORDER).id)}
    with Store.open("sqlite://") as other:
        save_exchanges(other, record())
        stop = replace(ORDER, process=replace(PROCESS, midstream=Midstream.STOP))
        plain = run(other, Engine().continuer(), order=stop)
    assert plain.evidence.continuing is None
    assert cut.evidence.overall == plain.evidence.overall
    assert len(rows) == plain.evidence.overall.replays
    assert cut.calls > plain.calls


def test_a_candidate_that_goes_on_badly_is_ready_to_answer_but_not_to_continue(store):
    verdict = run(store, Engine(wrong=0.5).continuer())
    assert (verdict.state, verdict.evidence.continuing.state) == (State.READY, State.NOT_READY)
    assert verdict.evidence.continuing.reason == "worse than the margin allows"
    assert proofs(store, PROCESS.name)[0].continuation is None
    assert cannot_continue(attempt_of(store)) == "its proof has no cut-and-continue cases"


def test_a_proof_stands_but_no_longer_for_continuing_once_that_is_seen_to_go_wrong(store):
    run(store, Engine().continuer())
    [before] = proofs(store, PROCESS.name)
    # What is two half-lives old is replayed again.
    order = replace(ORDER, process=replace(PROCESS, rehearse=replace(TERMS, half_life=1.0)))
    verdict = run(store, Engine(wrong=0.6).continuer(), order=order, at=NOW + 2 * 86_400)
    assert verdict.evidence.continuing.state is State.NOT_READY
    after = {proof.id: proof for proof in proofs(store, PROCESS.name)}
    assert (before.continuation, after[before.id].continuation) == (Continuation.PREFILL, None)
    assert {proof.continuation for proof in after.values()} == {None}


def test_an_interrupted_rehearsal_ends_as_if_it_had_not_been(store, tmp_path):
    whole = run(store, Engine(wrong=0.05).continuer())
    with Store.open(f"sqlite:///{tmp_path / 'parts'}.sqlite") as parts:
        save_exchanges(parts, record())
        engine = Engine(wrong=0.05)
        engine.stop_after = 13
        with pytest.raises(asyncio.CancelledError):
            run(parts, engine.continuer())
        again = Engine(wrong=0.05)
        verdict = run(parts, again.continuer())
        assert not set(engine.asked) & set(again.asked)
    assert verdict.evidence.continuing == whole.evidence.continuing
    assert verdict.evidence.overall == whole.evidence.overall


def test_the_same_record_and_seed_cut_the_same_answers_at_the_same_places(store):
    one, other = Engine(), Engine()
    run(store, one.continuer())
    with Store.open("sqlite://") as again:
        save_exchanges(again, record())
        run(again, other.continuer(), order=replace(ORDER, concurrency=1))
    assert sorted(one.asked) == sorted(other.asked)
    assert all(truth(text).startswith(sent) and 0 < len(sent) < len(truth(text)) for text, sent in one.asked)
    assert len({len(sent) for _, sent in one.asked}) > 5


@pytest.mark.parametrize(
    ("knows", "used"),
    [
        ((), Continuation.QUOTE),
        ((Continuation.PREFILL,), Continuation.PREFILL),
        (tuple(Continuation), Continuation.RAW),
    ],
)
def test_the_first_way_that_the_upstream_is_seen_to_take_is_used(store, knows, used):
    verdict = run(store, Engine(knows=knows).continuer(ways_of(make_upstream("other"))))
    assert verdict.evidence.continuing.way is used


def test_another_way_opens_another_ledger(store):
    run(store, Engine().continuer())
    engine = Engine()
    run(store, engine.continuer((Continuation.QUOTE,)))
    assert len(engine.asked) >= 29


def test_a_student_can_not_go_on_and_the_verdict_says_so(store):
    verdict = run(store, Engine().continuer(ways_of(make_upstream("student", kind="student"))))
    assert verdict.state is State.READY
    assert (verdict.evidence.continuing.way, verdict.evidence.continuing.state) == (None, State.UNPROVEN)
    assert "can't go on" in verdict.evidence.continuing.reason


def test_a_bad_rest_can_not_hide_behind_the_beginning_that_both_share():
    # The baseline's other answer is another one: it is no measure for the rest of this one.
    assert without_break("clai", "claim status", "billing") == "claim status"
    assert without_break("clai", "claim status", "claim lost") == "claim lost"
    assert without_break("clai", "claim status", None) == "claim status"


def test_an_answer_of_one_character_is_never_cut(store):
    from switchover.trial.cases import cases_of

    [short, long] = cases_of([make_exchange("a", "x"), make_exchange("b", "yes")])[:2]
    cases = {case.reference: case for case in (short, long)}
    assert not any(is_drawn(cases["x"], seed) for seed in range(50))
    assert {sent_of(cases["yes"], seed) for seed in range(50)} == {"y", "ye"}
