"""Whose an answer is: ids that come twice, models that were not asked, and what is said of them how often."""

from __future__ import annotations

import random
import types
import uuid

import pytest

from switchover.dialects import DIALECTS
from switchover.domain.process import Criticality, DataClass, Process, UpstreamSpec
from switchover.domain.register import Snapshot, Suspension
from switchover.errors import Crossed, ModelSwapped
from switchover.gateway.admit import Call
from switchover.gateway.identity import REMEMBERED, TRUSTED, AnswerIds, Identity
from switchover.gateway.metrics import Metrics
from switchover.gateway.opened import Opened

CHANCE = random.Random(7)


def spec(**more):
    fields = {"name": "vendor", "kind": "openai", "model": "gpt-5", "developer": "d", "host": "acme",
              "base_url": "https://vendor.invalid/v1"}  # fmt: skip
    return UpstreamSpec(**{**fields, **more})


def call(name, text="?", more="", **process):
    body = f'{{"model":"p","messages":[{{"role":"user","content":"{text}"}}]{more}}}'.encode()
    asked = Process(name="p", owner="o", criticality=Criticality.ORDINARY, data=DataClass.INTERNAL, baseline="vendor",
                    **process)  # fmt: skip
    dialect = DIALECTS["openai_chat"]
    return Call(name, dialect, asked, body, dialect.peek(body), {}, 1.0, 1.0)


def opened(model="gpt-5", name=None, **more):
    return Opened(types.SimpleNamespace(), (), b"", model, id=name, **more)


def drawn():
    return f"chatcmpl-{uuid.UUID(int=CHANCE.getrandbits(128)).hex}"


def snapshot(**more):
    return Snapshot(version=1, made_at=1.0, providers={}, upstreams={}, processes={}, **more)


class Judge:
    """An identity with everything that it was handed."""

    def __init__(self):
        self.register, self.suspended, self.metrics = snapshot(), [], Metrics()
        self.identity = Identity(lambda: self.register, lambda *said: self.suspended.append(said), self.metrics)

    def check(self, one, answer, **more):
        self.identity.check(one, spec(**more), answer)
        return answer

    def alarms(self):
        return [(one.labels, one.value) for one in self.metrics.samples() if one.metric == "switchover_alarms_total"]


@pytest.fixture
def judge():
    return Judge()


def trusted(ids):
    for number in range(TRUSTED + 1):
        assert not ids.is_repeated(drawn(), call(f"e{number}", f"{number}"))
    return ids


def test_an_id_drawn_by_chance_that_answers_two_requests_is_repeated():
    ids, name = trusted(AnswerIds()), drawn()
    assert not ids.is_repeated(name, call("one", "where is it?"))
    assert not ids.is_repeated(name, call("one", "where is it?")), "a second try of the same exchange"
    assert ids.is_repeated(name, call("two", "who pays?"))


def test_an_id_that_comes_again_for_the_same_request_is_a_cache_and_ends_the_judging():
    ids, name = trusted(AnswerIds()), drawn()
    ids.is_repeated(name, call("one"))
    assert not ids.is_repeated(name, call("two"))
    ids.is_repeated(name := drawn(), call("three", "a"))
    assert not ids.is_repeated(name, call("four", "b"))


@pytest.mark.parametrize(
    "made",
    [
        lambda number: "chatcmpl-0000000000000000",
        lambda number: f"chatcmpl-fake{number % 50:012d}",
        lambda number: f"{drawn()[:20]}{'x' * (number % 3)}" if number % 3 else "chatcmpl-0000000000000000",
    ],
    ids=["always the same", "counted, and begun anew", "of any length"],
)
def test_ids_that_are_not_drawn_by_chance_are_never_repeated(made):
    ids = AnswerIds()
    for number in range(4 * TRUSTED):
        assert not ids.is_repeated(made(number), call(f"e{number}", f"{number}"))


def test_ids_are_forgotten_so_that_a_worker_does_not_grow():
    ids, first = trusted(AnswerIds()), drawn()
    ids.is_repeated(first, call("one", "a"))
    for number in range(2 * REMEMBERED):
        ids.is_repeated(drawn(), call("more", f"{number}"))
    assert not ids.is_repeated(first, call("two", "b"))


def test_short_ids_and_those_of_an_engine_of_our_own_say_nothing(judge):
    for more in ({}, {"kind": "local"}):
        for number in range(2 * TRUSTED):
            name = f"chatcmpl-{number % 7}" if not more else drawn()
            judge.check(call(f"e{number}", f"{number}"), opened(name=name), **more)
        judge.check(call("again", "another"), opened(name=name), **more)


def test_a_repeated_id_at_another_upstream_of_the_same_provider_is_a_cross(judge):
    for number in range(TRUSTED + 1):
        judge.check(call(f"e{number}", f"{number}"), opened(name=drawn()))
    judge.check(call("one", "a"), opened(name=(name := drawn())))
    judge.check(call("three", "c"), opened(name=name), host="elsewhere")
    with pytest.raises(Crossed):
        judge.check(call("two", "b"), opened(name=name), name="vendor-eu")


def test_an_answer_of_the_model_that_was_asked_is_in_order(judge):
    for model in ("gpt-5", "gpt-5-2025-08-07", "openai/gpt-5", None, ""):
        answer = judge.check(call("one"), opened(model))
        assert (answer.fault, answer.swapped) == (None, None)


def test_another_model_is_noted_and_on_an_exact_route_refused(judge):
    answer = judge.check(call("one"), opened("gpt-5-mini"))
    assert answer.fault == "model-swapped"
    assert str(answer.swapped) == "vendor answered as 'gpt-5-mini', not as gpt-5"
    with pytest.raises(ModelSwapped, match="gpt-5-mini"):
        judge.check(call("one", exact=True), opened("gpt-5-mini"))


def test_a_name_that_is_configured_for_an_upstream_is_its_own(judge):
    assert judge.check(call("one"), opened("gpt-4o-2024-08-06"), model="gpt-5", answers_as=("gpt-4o",)).fault is None
    assert judge.check(call("one"), opened("gpt-4o"), model="gpt-5", answers_as=("o3",)).fault == "model-swapped"


def test_an_engine_of_our_own_may_call_itself_what_it_likes(judge):
    assert judge.check(call("one"), opened("gpt-3.5-turbo"), kind="local", model="qwen3-8b").fault is None


def test_whoever_may_ask_for_one_of_several_models_gets_one_of_them(judge):
    several = call("one", more=',"models":["gpt-5-mini"]', provider_fallback=True)
    answer = judge.check(several, opened("gpt-5-mini"))
    assert (answer.fault, answer.swapped) == ("provider-fell-back", None)
    assert judge.check(call("two", provider_fallback=True), opened("gpt-5-mini")).fault == "model-swapped"


def test_a_fallback_that_the_answer_tells_of_is_no_swap_but_fails_on_an_exact_route(judge):
    assert judge.check(call("one"), opened("gpt-5-mini", fell_back=True)).fault == "provider-fell-back"
    with pytest.raises(ModelSwapped) as raised:
        judge.check(call("one", exact=True), opened("gpt-5-mini", fell_back=True))
    assert raised.value.fault == "provider-fell-back"


def test_an_alarm_is_counted_each_time_and_said_once_while_the_register_stands(judge, caplog):
    swapped = ModelSwapped("vendor answered as 'b', not as a")
    for _ in range(3):
        judge.identity.alarm(spec(), swapped)
    assert judge.alarms() == [(("vendor", "model-swapped"), 3)]
    assert judge.suspended == [("vendor", "answered as 'b', not as a")]
    assert len(caplog.records) == 1
    judge.register = snapshot(suspended={"vendor": Suspension(at=1.0, why="it did")})
    judge.identity.alarm(spec(), swapped)
    assert len(judge.suspended) == 1, "it is suspended already"
    judge.register = snapshot()
    judge.identity.alarm(spec(), swapped)
    assert len(judge.suspended) == 2, "it was restored and did it again"


def test_a_cross_suspends_no_proof_and_a_fallback_is_no_alarm(judge):
    judge.identity.alarm(spec(), Crossed("vendor sent …"))
    judge.identity.alarm(spec(), ModelSwapped("…", fault="provider-fell-back"))
    assert judge.suspended == []
    assert judge.alarms() == [(("vendor", "answer-crossed"), 1)]
