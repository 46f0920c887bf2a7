"""What every fault must do, whichever it is: a new one is covered by being registered."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field, fields

import pytest
import yaml

from switchover.dialects import DIALECTS
from switchover.domain.ports import OutboundRequest
from switchover.errors import OperatorError, UpstreamError
from switchover.facts import __file__ as facts_file
from switchover.faults import FAULTS, make
from switchover.faults.answers import SHAPES, CannedAnswer, error_answer
from switchover.upstreams.classify import classify

BODY = b"x" * 2000
REQUEST = OutboundRequest(body=b"{}", stream=False)
# Settings under which a fault shows itself at once.
QUICK = {"slow": {"seconds": 0.05}}
every_fault = pytest.mark.parametrize("name", sorted(FAULTS))
every_dialect = pytest.mark.parametrize("dialect", sorted(DIALECTS))


@dataclass
class Wrapped:
    """An upstream that would answer; counts who asked and what was left open."""

    dialect: str
    name: str = "vendor"
    model: str = "big-1"
    asked: int = 0
    given: list = field(default_factory=list)

    async def answer(self, request):
        self.asked += 1
        self.given.append(Body())
        return self.given[-1]


@dataclass
class Body:
    status: int = 200
    headers: dict = field(
        default_factory=lambda: {"content-type": "application/json", "content-length": str(len(BODY))}
    )
    closed: bool = False

    async def chunks(self):
        for at in range(0, len(BODY), 100):
            yield BODY[at : at + 100]

    def close(self):
        self.closed = True


async def meet(name, upstream):
    """How a call ends: ("error" | "answer", what, seconds)."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    read = b""
    try:
        answer = await make(name, QUICK.get(name, {})).call(upstream, REQUEST)
        async for chunk in answer.chunks():
            read += chunk
        answer.close()
        return "answer", answer, read, loop.time() - begun
    except UpstreamError as error:
        return "error", error, read, loop.time() - begun


@every_dialect
@every_fault
def test_a_fault_is_felt(name, dialect):
    """It raises one of our errors, answers with a status that is one, or is late: never a good answer in time."""
    kind, what, _, seconds = asyncio.run(meet(name, Wrapped(dialect)))
    assert kind == "error" or what.status >= 400 or seconds > 0.04


@every_dialect
@every_fault
def test_what_a_fault_answers_is_an_error_that_the_gateway_knows(name, dialect):
    kind, what, read, _ = asyncio.run(meet(name, Wrapped(dialect)))
    if kind == "answer" and what.status >= 400:
        error = classify(what.status, what.headers, read, "vendor")
        assert isinstance(error, UpstreamError)
        assert not error.stops
        assert int(what.headers["content-length"]) == len(read)
        assert DIALECTS[dialect].error_message(read)


@every_fault
def test_a_fault_that_answers_for_the_provider_does_not_call_it(name):
    upstream = Wrapped("openai_chat")
    kind, what, read, _ = asyncio.run(meet(name, upstream))
    if isinstance(what, CannedAnswer) or (kind == "error" and not read):
        assert upstream.asked == 0


@every_fault
def test_a_broken_answer_is_closed_and_promises_no_length(name):
    upstream = Wrapped("openai_chat")
    kind, _, read, _ = asyncio.run(meet(name, upstream))
    if kind == "error" and upstream.asked:
        assert len(read) < len(BODY)
        assert upstream.given[0].closed


@every_fault
def test_a_fault_takes_only_numbers_with_defaults_as_a_cut_off_stores_them(name):
    made = make(name, {})
    for one in fields(made):
        value = getattr(made, one.name)
        assert isinstance(value, int | float)
        assert math.isfinite(value)
    with pytest.raises(OperatorError, match="has no setting nonsense"):
        make(name, {"nonsense": 1.0})


@every_fault
def test_a_fault_says_what_it_is(name):
    assert FAULTS[name].__doc__
    assert name == name.lower()


@every_fault
def test_a_caller_who_leaves_ends_the_fault(name):
    async def leave():
        task = asyncio.create_task(meet(name, Wrapped("openai_chat")))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task}, timeout=60)
        assert task.done()

    asyncio.run(leave())


@every_dialect
@pytest.mark.parametrize("fault", sorted(SHAPES))
def test_a_provider_error_is_classified_as_the_fault_it_shows(fault, dialect):
    canned = error_answer(fault, dialect)
    assert classify(canned.status, canned.headers, canned.body, "vendor").fault == fault


def test_the_errors_that_faults_show_stand_in_the_catalogue():
    with open(facts_file.replace("__init__.py", "faults.yaml"), encoding="utf-8") as file:
        known = {row["id"] for row in yaml.safe_load(file)["faults"]}
    assert set(SHAPES) <= known


def test_an_unknown_fault_is_named():
    with pytest.raises(OperatorError, match="earthquake"):
        make("earthquake", {})
