"""The fake vendor's draws."""

from __future__ import annotations

import json
from random import Random

import pytest

from switchover.testing.fake_answers import UNKNOWN, Oracle, altered

DESKS = {f"message {number}": desk for number, desk in enumerate(["a", "b", "c", "d"] * 5)}
CLAIM = {
    "policy": "HM-1",
    "date_of_loss": "2026-03-01",
    "cause": "water",
    "item": "sofa",
    "amount": 900,
    "injury": False,
}


def draws(seed, texts, **rates):
    oracle = Oracle(DESKS, seed=seed, **rates)
    return [(text, oracle.draw(text)) for text in texts]


def test_answers_do_not_depend_on_the_order_of_other_calls():
    asked = [text for text in DESKS for _ in range(20)]
    shuffled = list(asked)
    Random(3).shuffle(shuffled)
    in_order, in_disorder = draws(7, asked, wrong=0.3), draws(7, shuffled, wrong=0.3)
    assert sorted(map(repr, in_order)) == sorted(map(repr, in_disorder))


def test_another_seed_draws_other_mistakes():
    asked = list(DESKS) * 20
    assert [d.wrong for _, d in draws(1, asked, wrong=0.3)] != [d.wrong for _, d in draws(2, asked, wrong=0.3)]


def test_each_call_of_one_text_is_drawn_afresh():
    assert {drawn.wrong for _, drawn in draws(1, ["message 1"] * 60, wrong=0.3)} == {True, False}


def test_the_shares_are_what_was_asked_for():
    found = [drawn for _, drawn in draws(1, list(DESKS) * 300, wrong=0.08, failures=0.05, latency=0.02)]
    assert sum(d.wrong for d in found) / len(found) == pytest.approx(0.08, abs=0.015)
    assert sum(d.failure is not None for d in found) / len(found) == pytest.approx(0.05, abs=0.015)
    assert sum(d.seconds for d in found) / len(found) == pytest.approx(0.02, rel=0.05)
    assert {d.failure for d in found} == {None, 500, 529}


def test_a_wrong_answer_is_another_desk_and_a_right_one_is_the_truth():
    for text, drawn in draws(1, list(DESKS) * 20, wrong=0.5):
        assert (drawn.text != DESKS[text]) is drawn.wrong
        assert drawn.text in set(DESKS.values())


def test_a_wrong_claim_differs_in_one_field():
    oracle = Oracle({"claim": json.dumps(CLAIM)}, wrong=1.0)
    changed = set()
    for _ in range(200):
        said = json.loads(oracle.draw("claim").text)
        differing = [name for name in CLAIM if said[name] != CLAIM[name]]
        assert len(differing) == 1
        changed |= set(differing)
    assert changed == set(CLAIM)


@pytest.mark.parametrize("name", sorted(CLAIM))
@pytest.mark.parametrize("empty", [False, True])
def test_an_altered_field_is_never_the_same(name, empty):
    value = None if empty and name in ("policy", "amount") else CLAIM[name]
    assert all(altered(name, value, Random(seed)) != value for seed in range(50))


def test_an_unknown_text_gets_a_plain_answer():
    assert Oracle(DESKS, wrong=1.0).draw("what is this?").text == UNKNOWN


def test_space_around_a_text_does_not_hide_it():
    assert Oracle(DESKS, wrong=0.0).draw("  message 0\n").text == "a"
