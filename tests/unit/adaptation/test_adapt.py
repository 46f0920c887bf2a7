import asyncio
import json
import random

import pytest

from switchover.adaptation import adapt, anchor
from switchover.adaptation.demonstrations import in_split
from switchover.domain.candidate import PromptKind
from switchover.domain.exchange import Exchange, Outcome
from switchover.domain.process import Criticality, DataClass, Process, RehearsalTerms, UpstreamSpec
from switchover.errors import NotFound
from switchover.prompts import ask_text
from switchover.prompts.demonstrations import from_bytes
from switchover.store import Store
from switchover.store.artefacts import get
from switchover.store.indexing import save_exchanges
from switchover.store.prompt_versions import prompt_versions
from switchover.testing.clock import ManualClock
from switchover.trial.replay import Reply
from switchover.trial.split import Split
from switchover.upstreams.student import Student

WORDS = {
    "billing": ["invoice", "premium", "payment", "refund", "direct debit", "instalment"],
    "cancellation": ["cancel", "terminate", "end the policy", "stop the contract", "leave you", "withdraw"],
    "account": ["password", "login", "email address", "portal", "username", "two-factor code"],
}
THINGS = ["car", "house", "boat", "dog", "bicycle", "flat", "caravan", "phone", "violin", "barn"]
PEOPLE = ["my sister", "the neighbour", "an agent", "our lawyer", "the bank", "a colleague", "my landlord"]


def _exchange(number, text, answer, upstream="vendor"):
    request = {"model": "messages", "messages": [{"role": "user", "content": text}]}
    choice = {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
    return Exchange(
        id=f"ex_{number:04}",
        process="messages",
        route="messages",
        dialect="openai_chat",
        stream=False,
        started_at=1000.0 + number,
        outcome=Outcome.COMPLETE,
        status=200,
        request=json.dumps(request).encode(),
        answer=json.dumps({"id": "a", "choices": [choice]}).encode(),
        upstream=upstream,
        model="big-1",
    )


def _record(count=240):
    rng = random.Random(5)
    found = []
    for number in range(count):
        label = rng.choice(list(WORDS))
        text = (
            f"{rng.choice(PEOPLE)} asked about {rng.choice(WORDS[label])} and {rng.choice(WORDS[label])} "
            f"for the {rng.choice(THINGS)} number {rng.randrange(10**6)}, said {rng.choice(PEOPLE)}"
        )
        found.append(_exchange(number, text, f"{label}."))
    return found


PROCESS = Process(
    name="messages",
    owner="head-of-service",
    criticality=Criticality.CRITICAL,
    data=DataClass.INTERNAL,
    baseline="vendor",
    fallbacks=("pupil", "own"),
    rehearse=RehearsalTerms(grader="label", settings={"labels": list(WORDS)}),
)
UPSTREAMS = {
    "pupil": UpstreamSpec(name="pupil", kind="student", model="student", developer="own", host="own"),
    "own": UpstreamSpec(name="own", kind="local", model="small", developer="h", host="own", slots=2),
}


class World:
    """A store with a record, and candidates that answer: a real student, and a model that always says billing."""

    def __init__(self, folder, record):
        self.folder = folder
        self.store = Store.open(f"sqlite:///{folder}/store.sqlite")
        save_exchanges(self.store, record)
        self.asked = []

    def ask_for(self, version):
        student = Student.from_bytes(get(self.folder, version.artefact)) if version.kind == "student" else None

        async def ask(request):
            self.asked.append(ask_text(request))
            label = student.predict([ask_text(request)])[0][0] if student else "billing"
            return Reply(label, 0.01)

        return ask

    def adapt(self, process=PROCESS, **fields):
        given = {"ways": ("demonstrations", "student"), "seed": 1, "ask_for": self.ask_for} | fields
        return asyncio.run(
            adapt(
                process,
                upstreams=UPSTREAMS,
                store=self.store,
                data_dir=str(self.folder),
                clock=ManualClock(),
                **given,
            )
        )


@pytest.fixture(scope="module")
def record():
    return _record()


@pytest.fixture
def world(tmp_path, record):
    made = World(tmp_path, record)
    yield made
    made.store.close()


def test_both_ways_are_proposed_scored_and_saved_best_first(world):
    found = world.adapt()
    assert [version.kind for version in found.versions] == [PromptKind.STUDENT, PromptKind.DEMONSTRATIONS]
    assert found.versions[0].score > 0.9 > 0.6 > found.versions[1].score
    assert {v.id: v.score for v in prompt_versions(world.store)} == {v.id: v.score for v in found.versions}
    assert found.anchor > 0.5
    assert found.calls == 2 * found.selection == len(world.asked)


def test_the_verdict_half_is_neither_learned_from_nor_asked(world, record):
    found = world.adapt()
    parts = in_split(PROCESS, record)
    unseen = {case.text for case in parts[Split.VERDICT]}
    shown = next(v.artefact for v in found.versions if v.kind is PromptKind.DEMONSTRATIONS)
    assert len(unseen) > 80
    assert not unseen & {pair.ask for pair in from_bytes(get(world.folder, shown))}
    assert not unseen & set(world.asked)
    assert found.learned_from == len(parts[Split.ADAPTATION])


def test_the_same_record_and_seed_give_the_same_versions(world, tmp_path, record):
    (tmp_path / "again").mkdir()
    again = World(tmp_path / "again", list(reversed(record)))
    first, second = world.adapt(), again.adapt()
    again.store.close()
    assert [(v.id, v.score) for v in first.versions] == [(v.id, v.score) for v in second.versions]
    assert first.anchor == second.anchor


def test_what_was_scored_before_an_interruption_is_not_asked_again(world):
    seen = []

    def stop(progress):
        seen.append(progress)
        if len({p.version for p in seen}) == 2:
            raise KeyboardInterrupt

    with pytest.raises(BaseException) as raised:  # noqa: PT011
        world.adapt(progress=stop)
    assert isinstance(raised.value, KeyboardInterrupt | BaseExceptionGroup)
    before = len(world.asked)
    found = world.adapt()
    assert found.calls == found.selection
    assert len(world.asked) == before + found.selection
    assert all(version.score is not None for version in found.versions)


def test_progress_counts_up_to_the_total(world):
    seen = []
    found = world.adapt(ways=("student",), progress=seen.append)
    assert [p.done for p in seen] == list(range(1, found.selection + 1))
    assert {p.total for p in seen} == {found.selection}
    assert seen[-1].best == found.versions[0].score


def test_answers_of_others_than_the_baseline_teach_nothing(tmp_path, record):
    mixed = [*record, *[_exchange(1000 + n, f"odd one {n} {n * 7}", "account", "pupil") for n in range(50)]]
    world = World(tmp_path, mixed)
    found = world.adapt(ways=("demonstrations",))
    world.store.close()
    pairs = from_bytes(get(tmp_path, found.versions[0].artefact))
    assert not [pair for pair in pairs if pair.ask.startswith("odd one")]


def test_a_candidate_that_fails_scores_nothing(world):
    def broken(_version):
        async def ask(_request):
            return Reply(None, 0.0, "Unreachable")

        return ask

    assert [v.score for v in world.adapt(ask_for=broken).versions] == [0.0, 0.0]


def test_second_samples_show_how_often_the_baseline_agrees_with_itself(world, record):
    same = {exchange.id: "billing" for exchange in record}
    found = world.adapt(ways=("demonstrations",), second_samples=same)
    assert found.baseline_self == found.versions[0].score


def test_a_way_that_can_not_be_taken_is_said(world):
    only_model = Process(**{f: getattr(PROCESS, f) for f in PROCESS.__slots__} | {"fallbacks": ("own",)})
    found = world.adapt(only_model)
    assert found.skipped == ("student: no fallback is of kind student",)
    settings = {"labels": [*WORDS, "never_seen"]}
    terms = RehearsalTerms(grader="label", settings=settings)
    rare = Process(**{f: getattr(PROCESS, f) for f in PROCESS.__slots__} | {"rehearse": terms})
    assert "never_seen" in world.adapt(rare, ways=("student",)).skipped[0]


def test_too_little_on_record_says_what_to_do(tmp_path):
    world = World(tmp_path, _record(20))
    with pytest.raises(NotFound, match="recorded answers to learn from"):
        world.adapt()
    world.store.close()


def test_an_unknown_way_names_those_there_are(world):
    with pytest.raises(NotFound, match="demonstrations, student"):
        world.adapt(ways=("prayer",))


def test_the_anchor_votes_for_an_exchange_without_any_model(record):
    vote = anchor(PROCESS, record)
    right = [vote(exchange) == json.loads(exchange.answer)["choices"][0]["message"]["content"] for exchange in record]
    assert sum(right) > 0.6 * len(record)
    assert vote(_exchange(1, "", "x")) is None
