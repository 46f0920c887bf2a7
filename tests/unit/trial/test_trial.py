from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from switchover.config.comparison import comparison
from switchover.domain.candidate import ScoredCase, State
from switchover.domain.exchange import Exchange, Outcome
from switchover.domain.ports import Question, Score
from switchover.domain.process import RehearsalTerms, SlicePredicate
from switchover.graders import grader as grader_of
from switchover.store import Store
from switchover.testing.builders import make_process
from switchover.trial.book import Book
from switchover.trial.cases import cases_of
from switchover.trial.copies import copy_groups
from switchover.trial.coverage import Coverage, Kind
from switchover.trial.grade import grade
from switchover.trial.record import read_record
from switchover.trial.replay import Reply
from switchover.trial.sample import plan_cases
from switchover.trial.slices import lies_in
from switchover.trial.split import Split, group_copies, split
from switchover.trial.topics import NGRAMS, WORDLLAMA, fit, typical_words

DAY = 86_400.0
NOW = 20_600 * DAY + 40_000.0
COMPLAINTS = (SlicePredicate(name="complaints", path="metadata.kind", equals="complaint"),)
TERMS = RehearsalTerms(grader="label")
WORDS = "roof car sea phone leak post visit bank gale glass door fee yard trip dog bike tree pipe".split()  # noqa: SIM905


def text_of(n):
    return f"{WORDS[n % 18]} {WORDS[n // 18 % 18]} about {WORDS[n * 7 % 18]} case {'abcdefghij'[n % 10] * 6} {n:b}"


def exchange(n, *, text=None, answer="billing", kind="message", at=None, name=None, stream=False):
    body = {
        "model": "messages",
        "messages": [{"role": "user", "content": text or text_of(n)}],
        "metadata": {"kind": kind},
    }
    reply = {"choices": [{"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}]}
    return Exchange(
        id=name or f"x{n}",
        process="messages",
        route="messages",
        dialect="openai_chat",
        stream=stream,
        started_at=NOW - DAY + n if at is None else at,
        outcome=Outcome.COMPLETE,
        status=200,
        request=json.dumps(body).encode(),
        answer=json.dumps({"id": "a", "object": "chat.completion", "model": "big", **reply}).encode(),
        upstream="vendor",
        model="big",
        metadata={"kind": kind},
    )


def row(n, d=0.0, *, at=NOW, slices=(), topic=0, graded=True):
    return ScoredCase(
        cell_id="c",
        exchange_id=f"x{n}",
        graded_at=at,
        candidate=1.0 + min(d, 0.0) if graded else None,
        baseline=1.0 - max(d, 0.0) if graded else None,
        slices=slices,
        topic=topic,
    )


def judged(rows, terms=None, *, now=NOW, traffic=((NOW - DAY, 0),), calibrated=True, was_ready=False):
    book = Book(
        terms or TERMS,
        rows,
        kinds={},
        traffic=[(at, Kind(topic)) for at, topic in traffic],
        examples={0: ("x1", "x2"), 1: ("x3",)},
        calibrated=calibrated,
        was_ready=was_ready,
    )
    return book.decide(now)


def test_texts_that_differ_in_numbers_case_or_a_word_are_copies_and_others_are_not():
    long = "My washing machine flooded the kitchen on 3 March and the floor has lifted along every join near the door"
    texts = [long, long.upper().replace("3", "9") + "!", long + " please", "When is my premium due this year?", ""]
    assert copy_groups(texts) == [0, 0, 0, 3, 4]


def test_copies_of_copies_belong_to_the_first():
    base = [f"{word} {word[::-1]} {place}" for place, word in enumerate(WORDS)]
    chain = [" ".join(base[n : n + 16]) for n in range(3)]
    assert copy_groups(chain) == [0, 0, 0]


def test_a_case_stays_in_its_split_as_the_record_grows_and_copies_never_straddle():
    few = {
        c.exchange.id: part
        for part, gs in split(cases_of(map(exchange, range(300))), "p").items()
        for g in gs
        for c in g.cases
    }
    grown = [exchange(n) for n in range(600)] + [exchange(n, name=f"again{n}", at=NOW) for n in range(100)]
    many = {c.exchange.id: part for part, gs in split(cases_of(grown), "p").items() for g in gs for c in g.cases}
    assert all(many[name] is part for name, part in few.items())
    assert all(many[f"again{n}"] is many[f"x{n}"] for n in range(100))


def test_splits_are_40_10_50():
    sizes = {part: len(groups) for part, groups in split(cases_of(map(exchange, range(1500))), "p").items()}
    total = sum(sizes.values())
    assert sizes[Split.ADAPTATION] / total == pytest.approx(0.4, abs=0.06)
    assert sizes[Split.SELECTION] / total == pytest.approx(0.1, abs=0.04)
    assert sizes[Split.VERDICT] / total == pytest.approx(0.5, abs=0.06)


def test_the_plan_depends_on_the_record_and_the_seed_and_not_on_ids():
    def plan(seed, prefix):
        cases = cases_of([exchange(n, name=f"{prefix}{n}") for n in range(120)])
        return [p.case.order for p in plan_cases(group_copies(cases), seed)]

    assert plan(1, "a") == plan(1, "b")
    assert plan(1, "a") != plan(2, "a")


@pytest.mark.parametrize("embedding", [NGRAMS, WORDLLAMA])
def test_topics_tell_kinds_of_requests_apart_and_know_what_is_new(embedding):
    car = [f"the car engine and the tyres were repaired at garage {w}" for w in WORDS] * 4
    pay = [f"invoice payment premium and direct debit of {w} is unclear" for w in WORDS] * 4
    texts = [f"{text} {'xyzuvw'[n % 6] * (n % 5)}" for n, text in enumerate(car + pay)]
    found = fit(texts, [f"x{n}" for n in range(len(texts))], embedding=embedding)
    topics = found.of(texts)
    assert not set(topics[:72]) & set(topics[72:]) - {-1}
    assert found.of(["Ωμέγα βήτα γάμμα δέλτα"]) == [-1]
    assert fit(texts, [""] * len(texts), embedding=embedding).of(texts) == topics
    typical = {topics[int(name[1:])]: number for number, names in found.typical.items() for name in names}
    assert all(topic == number for topic, number in typical.items())


def test_coverage_counts_traffic_in_topics_with_five_graded_replays():
    traffic = [(NOW, Kind(topic)) for topic in (0, 0, 0, 1, -1)]
    coverage = Coverage(traffic)
    for topic in [0] * 5 + [1] * 4 + [-1] * 9:
        coverage.add(Kind(topic))
    assert coverage.share(NOW) == pytest.approx(0.6)
    assert Coverage([]).share(NOW) == 1.0


def test_a_request_in_a_frame_that_no_replay_had_is_not_covered():
    coverage = Coverage([(NOW, Kind(0, "a"))] * 3 + [(NOW, Kind(0, "b"))])
    for _ in range(5):
        coverage.add(Kind(0, "a"))
    assert coverage.share(NOW) == 0.75
    coverage.add(Kind(1, "b"))
    assert coverage.share(NOW) == 1.0


class Fixed:
    name = "fixed"
    by_merit = False

    def __init__(self, **scores):
        self.scores = scores

    async def score(self, answer, question):
        if answer == "poison":
            raise RuntimeError("boom")
        return Score(self.scores.get(answer or "none", 0.0), "why")


def test_no_answer_scores_nothing_and_a_grader_that_fails_on_it_counts_as_the_worst():
    grader = Fixed(second=0.8, good=1.0)
    lost = asyncio.run(grade(grader, Reply(None, 1.0, "no answer within 60 s"), "second", Question("ref")))
    assert (lost.candidate, lost.baseline, lost.reason) == (0.0, 0.8, "no answer within 60 s")
    poisoned = asyncio.run(grade(grader, Reply("poison"), "second", Question("ref")))
    assert (poisoned.candidate, poisoned.baseline) == (0.0, 1.0)


class Talkative:
    """A judge that may say anything."""

    name = "rubric"
    by_merit = True

    def __init__(self, reason):
        self.reason = reason

    async def score(self, answer, question):
        return Score(0.5, self.reason, calls=1)


@pytest.mark.parametrize("reason", ["half a pair \ud83d", "word " * 1_000_000])
def test_what_a_judge_says_can_be_kept(reason):
    found = asyncio.run(grade(Talkative(reason), Reply("answer"), None, Question("recorded")))
    assert found.candidate == 0.5
    assert found.reason.encode().startswith(reason[:4].encode())
    assert len(found.reason) <= 500


class Costly:
    """A grader that is not deterministic and counts what it is asked."""

    name = "hook"

    def __init__(self, by_merit, scores):
        self.by_merit, self.scores, self.asked = by_merit, scores, []

    async def score(self, answer, question):
        self.asked.append(answer)
        return Score(self.scores[answer])


@pytest.mark.parametrize(
    ("by_merit", "answer", "second", "asked", "scores"),
    [
        # The baseline's own answer over again: a difference of nothing, whatever it is worth.
        (True, "recorded", None, [], (1.0, 1.0)),
        (False, "second", "second", [], (1.0, 1.0)),
        # The recorded answer agrees with itself; only the other one is asked about.
        (False, "recorded", "second", ["second"], (1.0, 0.5)),
        (False, "other", "recorded", ["other"], (0.25, 1.0)),
        (True, "other", None, ["recorded", "other"], (0.25, 0.75)),
        (False, "other", "second", ["second", "other"], (0.25, 0.5)),
    ],
)
def test_a_costly_grader_is_not_asked_about_identical_answers(by_merit, answer, second, asked, scores):
    grader = Costly(by_merit, {"recorded": 0.75, "second": 0.5, "other": 0.25})
    found = asyncio.run(grade(grader, Reply(answer), second, Question("recorded")))
    assert (found.candidate, found.baseline, grader.asked) == (*scores, asked)


def test_a_deterministic_grader_is_asked_and_may_find_that_identical_answers_are_worth_nothing():
    terms = RehearsalTerms(grader="exact", settings={"checks": {"no_refusal": True}})
    refusal = "I can't help with that."
    found = asyncio.run(grade(grader_of(terms), Reply(refusal), refusal, Question("yes")))
    assert (found.candidate, found.baseline, found.reason) == (0.0, 0.0, "refuses")
    merit = RehearsalTerms(grader="checks", settings={"checks": {"no_refusal": True}})
    found = asyncio.run(grade(grader_of(merit), Reply("yes"), None, Question(refusal)))
    assert (found.candidate, found.baseline) == (1.0, 0.0)


@pytest.mark.parametrize(("second", "reference"), [(None, "ref"), ("second", None), ("unreadable", "ref")])
def test_what_the_baseline_or_the_grader_could_not_do_is_ungraded_with_a_reason(second, reference):
    graded = asyncio.run(grade(Fixed(second=1.0, unreadable=None), Reply("good"), second, Question(reference)))
    assert graded.candidate is None
    assert graded.reason


@pytest.mark.parametrize(
    ("decision", "state"),
    [
        (lambda: judged([row(n) for n in range(120)]), State.READY),
        (lambda: judged([row(n) for n in range(120)], calibrated=False), State.PROVISIONAL),
        (lambda: judged([row(n, -1.0) for n in range(40)], was_ready=True), State.NOT_READY),
        (lambda: judged([row(n) for n in range(40)]), State.UNPROVEN),
        (lambda: judged([row(n, at=NOW - 8 * DAY) for n in range(300)], was_ready=True), State.EXPIRED),
        (lambda: judged([row(n, at=NOW - 60 * DAY * (n > 8)) for n in range(120)], was_ready=True), State.EXPIRED),
        (lambda: judged([row(n) for n in range(120)], traffic=[(NOW, 0), (NOW, 1)], was_ready=True), State.EXPIRED),
        # What came since, and no age, keeps these back: nothing is out of date.
        (lambda: judged([row(n) for n in range(40)], was_ready=True), State.UNPROVEN),
        (lambda: judged([row(n, -float(n > 115)) for n in range(120)], was_ready=True), State.UNPROVEN),
        (lambda: judged([row(n, graded=n > 9) for n in range(150)], was_ready=True), State.UNPROVEN),
        (lambda: judged([row(n) for n in range(120)], traffic=[(NOW, 0)] * 9 + [(NOW, 1)]), State.UNPROVEN),
        (lambda: judged([row(n, graded=n > 9) for n in range(150)]), State.UNPROVEN),
        (lambda: judged([]), State.UNPROVEN),
    ],
)
def test_states_follow_the_table(decision, state):
    decision = decision()
    assert decision.state is state
    assert (decision.expires_at is not None) == (state in (State.READY, State.PROVISIONAL))
    assert bool(decision.evidence.reasons) == (state is not State.READY)


def test_a_critical_slice_must_pass_on_its_own_and_can_fail_on_its_own():
    terms = RehearsalTerms(grader="label", slices=COMPLAINTS)
    good = [row(n) for n in range(300)]
    thin = judged([*good, *(row(900 + n, slices=("complaints",)) for n in range(10))], terms)
    assert thin.state is State.UNPROVEN
    assert any("complaints" in reason for reason in thin.evidence.reasons)
    bad = [row(900 + n, -1.0 if n % 2 else 0.0, slices=("complaints",)) for n in range(20)]
    assert judged([*good, *bad], terms).state is State.NOT_READY


def test_a_proof_ends_at_the_first_condition_to_fail():
    fresh = judged([row(n) for n in range(400)])
    assert fresh.expires_at == NOW + 7 * DAY
    assert fresh.lasts
    thin = judged([row(n) for n in range(80)])
    assert thin.state is State.READY
    assert thin.expires_at < NOW + 7 * DAY
    assert not thin.lasts


def test_earlier_proofs_stand_no_longer_than_all_that_is_known_says():
    thin = judged([row(n) for n in range(80)])
    assert thin.holds_until == thin.expires_at < NOW + 7 * DAY
    assert judged([row(n, -float(n > 115)) for n in range(120)]).holds_until == NOW
    assert judged([row(n) for n in range(120)], traffic=[(NOW, 0), (NOW, 1)]).holds_until == NOW
    # Nothing is said against a candidate by what could not be graded.
    assert judged([row(n, graded=n > 9) for n in range(150)]).holds_until is None


def test_a_proof_ends_when_the_traffic_that_it_covers_has_left_the_window():
    traffic = [(NOW - 28 * DAY, 0)] * 95 + [(NOW, 1)] * 5
    decision = judged([row(n) for n in range(400)], traffic=traffic)
    assert decision.state is State.READY
    assert decision.expires_at == pytest.approx(NOW + 2 * DAY)
    after = judged([row(n) for n in range(400)], traffic=traffic, now=decision.expires_at + 1)
    assert after.state is State.UNPROVEN


@pytest.fixture
def kept_record(tmp_path):
    """A function that reads a record for one epoch of a process, as a rehearsal does."""
    with Store.open(f"sqlite:///{tmp_path / 'store'}.sqlite") as store:
        process = make_process("messages", baseline="vendor", rehearse=TERMS)

        def read(exchanges, epoch="e1", refit=False):
            return read_record(store, process, exchanges, epoch=epoch, seed=1, now=NOW, refit=refit)

        yield read


def test_topics_stay_as_they_were_fitted_while_the_record_grows_and_loses_its_oldest_part(kept_record):
    first = kept_record([exchange(n) for n in range(300)])
    grown = kept_record([exchange(n) for n in range(150, 900)])
    assert len(first.examples) > 1
    assert grown.examples == first.examples
    assert all(grown.kinds[f"x{n}"] == first.kinds[f"x{n}"] for n in range(150, 300))
    other = kept_record([exchange(n) for n in range(150, 900)], epoch="e2")
    assert len(other.examples) > len(first.examples)


def test_topics_fitted_anew_have_numbers_of_their_own(kept_record):
    first = kept_record([exchange(n) for n in range(300)])
    anew = kept_record([exchange(n) for n in range(150, 500)], refit=True)
    assert not set(anew.examples) & set(first.examples)
    assert kept_record([exchange(n) for n in range(150, 500)]).examples == anew.examples


FRAMES = (
    "You answer {0} {1}, a customer since {2}. Today is {3} March 2026. Say which desk handles the message, with one "
    "label and nothing else. Never promise a payment.",
    "You write to {0} {1}, a customer since {2}. Today is {3} March 2026. Reply in three friendly sentences at most "
    "and end with the name of the desk that goes on from here.",
)


def framed_exchange(n, frame):
    """As an application asks that writes its customer's name and the day into its system prompt."""
    plain = exchange(n)
    body = json.loads(plain.request)
    who = WORDS[n * 7 % len(WORDS)], WORDS[n * 5 % len(WORDS)], 1990 + n % 30, n % 28 + 1
    body["messages"].insert(0, {"role": "system", "content": FRAMES[frame].format(*who)})
    return replace(plain, request=json.dumps(body).encode())


def covering(record, many):
    """The verdict on a candidate as good as the baseline, that was asked the first ``many`` exchanges."""
    rows = [row(n, topic=record.kinds[f"x{n}"].topic) for n in range(many)]
    parts = {"kinds": record.kinds, "traffic": record.traffic, "examples": record.examples}
    return Book(TERMS, rows, **parts, calibrated=True, was_ready=False).decide(NOW)


def test_traffic_whose_system_prompt_holds_names_and_dates_is_covered_and_a_changed_instruction_is_not(kept_record):
    same = covering(kept_record([framed_exchange(n, 0) for n in range(500)]), 400)
    assert same.state is State.READY
    assert same.evidence.coverage > 0.99
    changed = covering(kept_record([framed_exchange(n, int(n >= 400)) for n in range(500)]), 400)
    assert changed.evidence.coverage == pytest.approx(0.8, abs=0.01)
    assert changed.state is State.UNPROVEN
    # One replay that was asked in it, and it is known.
    asked = covering(kept_record([framed_exchange(n, int(n >= 400)) for n in range(500)]), 401)
    assert asked.state is State.READY
    assert asked.evidence.coverage > 0.99


def test_words_of_a_topic_are_those_that_several_of_its_texts_share():
    inside = [f"reset the password of account {w} please" for w in WORDS[:8]] + ["Jane Roe, 12 Oak Lane, password"]
    found = typical_words(inside, [f"the leak in the {w} roof" for w in WORDS])
    assert found[0] == "password"
    assert {"reset", "account"} <= set(found)
    assert not {"jane", "roe", "oak", "the"} & set(found)


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        ('metadata.kind == "vip"', True), ('metadata.kind != "vip"', False), ('metadata.none != "vip"', True),
        ('metadata.kind in ["a", "vip"]', True), ("metadata.amount > 1000", True), ("metadata.amount < 1000.5", False),
        ("metadata.kind > 1", False), ("tools exists", False), ("metadata.kind exists", True), ("words > 3", True),
        ("words >= 5", False), ("turns == 1", True), ('messages.0.content matches "^the .*roof$"', True),
        ('messages.7.content matches "roof"', False), ("temperature == 0.5", True),
    ],
)  # fmt: skip
def test_a_slice_holds_the_requests_that_its_comparison_says(where, holds):
    body = {"messages": [{"role": "user", "content": "the leak of roof"}], "temperature": 0.5, "tools": []}
    told = comparison(where)
    part = SlicePredicate(name="s", path=told.path, equals=told.equals, how=told.how, among=told.among)
    assert lies_in(part, body, {"kind": "vip", "amount": "1200.75"}, "the leak of roof") is holds


def test_a_topic_that_may_be_worse_keeps_ready_back_and_one_that_is_worse_is_named():
    good = [row(n, topic=0) for n in range(300)]
    doubtful = judged([*good, *(row(900 + n, -1.0 if n < 3 else 0.0, topic=1) for n in range(7))])
    assert doubtful.state is State.UNPROVEN
    assert "topic 1: 7 replays show at most" in doubtful.evidence.reasons[0]
    assert judged([*good, *(row(900 + n, topic=1) for n in range(7))]).state is State.READY
    worse = judged([*good, *(row(900 + n, -1.0 if n % 2 else 0.0, topic=1) for n in range(24))])
    assert worse.state is State.NOT_READY
    assert worse.evidence.reasons == ("topic 1 (0% of the traffic, such as x3): worse than the margin allows",)
    [found] = worse.evidence.found
    assert (found.topic, found.of, found.found, found.evidence.replays) == (1, 2, True, 24)


def test_requests_that_fill_in_one_form_are_told_apart_in_time():
    form = " ".join(WORDS * 2)
    texts = [f"{form} {' '.join(WORDS[n * p % 18] + WORDS[n // p % 18] for p in range(2, 9))}" for n in range(800)]
    found = copy_groups([*texts, texts[3] + "!"])
    assert found[-1] == found[3]
    assert len(set(found)) > 100
