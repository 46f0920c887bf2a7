"""Laws of the graders: scores within 0 and 1, no error whatever a model writes, and no side favoured."""

from __future__ import annotations

import asyncio
import json
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.domain.answer import as_text
from switchover.domain.ports import Question
from switchover.domain.process import RehearsalTerms
from switchover.graders import DETERMINISTIC, grader

SETTINGS = {
    "label": {"labels": ["yes", "no"], "aliases": {"ja": "yes"}},
    "exact": {"aliases": {"ja": "yes"}},
    "json_fields": {
        "must_match": ["a"],
        "tolerance": {"*": {"relative": 0.1, "days": 1}},
        "keys": {"b": "id", "$": "id"},
        "weights": {"c": 2.0},
        "ignore": ["d"],
    },
    "tool_calls": {"tolerance": {"*.a": 0.1}, "order": "any"},
    "text": {"measure": "edit"},
    "checks": {
        "schema": {"type": "object"},
        "checks": {
            "no_refusal": True,
            "language": "request",
            "length": {"most_ratio": 3.0},
            "format": "json",
            "pattern": "a+",
            "quotes_from_request": True,
        },
    },
}
CASES = [
    *[(name, SETTINGS[name]) for name in sorted(DETERMINISTIC)],
    ("text", {"accept": 0.5}),
    ("tool_calls", {"order": "strict"}),
    ("exact", {"schema": {}, "checks": {"no_refusal": True, "quotes_from_request": True}}),
]
ALL = [grader(RehearsalTerms(grader=name, settings=settings)) for name, settings in CASES]

leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates().map(str)
values = st.recursive(
    leaf,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b", "c", "d", "id", "x.y"]), inner, max_size=4)
    ),
    max_leaves=12,
)
answers = (
    st.text(max_size=40)
    | st.text(alphabet='{}[]",:`\ud800\u0000 1eyesnoNaI', max_size=60)
    | values.map(json.dumps)
    | st.lists(st.tuples(st.sampled_from(["f", "g"]), values.map(json.dumps)), min_size=1, max_size=3).map(
        lambda calls: as_text("", calls)
    )
)
requests = st.dictionaries(
    st.sampled_from(["messages", "tools", "functions"]),
    st.lists(st.dictionaries(st.sampled_from(["role", "content", "function", "name"]), leaf, max_size=3), max_size=3)
    | leaf,
    max_size=3,
)


def score(by, answer, reference, request=None):
    return asyncio.run(by.score(answer, Question(reference, request or {})))


@given(st.sampled_from(ALL), answers, answers | st.none(), requests)
def test_a_score_is_within_0_and_1_or_ungraded_with_a_reason(by, answer, reference, request):
    for one in (score(by, answer, reference, request), score(by, None, reference, request)):
        assert one.reason if one.value is None else 0.0 <= one.value <= 1.0


@given(st.sampled_from(ALL), answers)
def test_an_answer_agrees_with_itself_unless_it_can_not_be_graded(by, answer):
    found = score(by, answer, answer)
    assert found.value is None or by.by_merit or found.value == 1.0


SYMMETRIC = [
    grader(RehearsalTerms(grader=name, settings=settings))
    for name, settings in [
        ("exact", {}),
        ("text", {}),
        ("text", {"measure": "edit"}),
        (
            "json_fields",
            {"keys": {"b": "id"}, "weights": {"c": 2.0}, "tolerance": {"*": {"absolute": 1.0, "days": 1.0}}},
        ),
        ("tool_calls", {}),
        ("label", SETTINGS["label"]),
    ]
]


@given(st.sampled_from(SYMMETRIC), answers, answers)
def test_neither_side_is_favoured_where_both_can_be_graded(by, one, other):
    there, back = score(by, one, other), score(by, other, one)
    if there.value is not None and back.value is not None:
        assert there.value == pytest.approx(back.value)


@given(st.dictionaries(st.text(max_size=5), values, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_names_and_the_spacing_say_nothing(value, rng):
    by = grader(RehearsalTerms(grader="json_fields"))
    names = list(value)
    rng.shuffle(names)
    other = json.dumps({name: value[name] for name in names}, indent=rng.choice([None, 1, 3]))
    for plain in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert score(by, other, plain).value in (1.0, None)


RNG = random.Random(1)
HOSTILE = {
    "one long line": "a" * 150_000,
    "many words": "word " * 30_000,
    "spaces after a fence": "```" + " " * 150_000,
    "fences": "```" * 50_000,
    "brackets": "[" * 150_000,
    "a long list": json.dumps({"b": [{"id": n, "x": "y"} for n in range(4_000)]}),
    "one key, often": json.dumps({"b": [{"id": 1}] * 8_000}),
    "quotation marks": '"a b c" ' * 15_000,
    "open quotations": "\u201c" * 50_000,
    "dates": json.dumps({f"d{n}": "14 September 2026" for n in range(3_000)}),
    "digits": "1" * 150_000,
    "numbers": "1,000.5 " * 15_000,
    "points": "1." * 75_000,
    "surrogates": "\ud800" * 50_000,
    "calls": as_text("", [("f", '{"a": 1}')] * 4_000),
    "letters at random": "".join(RNG.choices("abcdefgh \n", k=80_000)),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_whatever_a_model_writes_costs_time_in_proportion_and_no_error(what):
    request = {"messages": [{"role": "user", "content": "a b c " * 50}]}
    for by in ALL:
        begun = time.process_time()
        for reference in ("yes", '{"a": 1, "b": [{"id": 1}]}'):
            found = score(by, HOSTILE[what], reference, request)
            assert found.reason if found.value is None else 0.0 <= found.value <= 1.0
        # A fifth of what a single quadratic step would take, and many times what it takes.
        assert time.process_time() - begun < 60, by.name
