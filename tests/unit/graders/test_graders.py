from __future__ import annotations

import asyncio

import pytest

from switchover.domain.ports import Question, Score
from switchover.domain.process import RehearsalTerms
from switchover.errors import ConfigError
from switchover.graders import DETERMINISTIC, GRADERS, TRUSTED, grader


def scored(by, answer, reference) -> Score:
    return asyncio.run(by.score(answer, Question(reference)))


LABEL = grader(
    RehearsalTerms(
        grader="label",
        settings={
            "labels": ["new_claim", "claim_status", "billing"],
            "aliases": {"invoice": "billing", "claim": "new_claim"},
        },
    )
)
FIELDS = grader(
    RehearsalTerms(grader="json_fields", settings={"must_match": ["policy"], "tolerance": {"amount": 0.01}})
)
REFERENCE = '{"policy": "HM-1", "amount": 1450, "date": "2026-09-14", "injury": false}'


@pytest.mark.parametrize(
    "answer",
    ["billing", " Billing. ", '"BILLING"', "invoice", "The label is: billing", "billing (an invoice)", "**billing**\n"],
)
def test_a_label_is_recognised_under_other_spellings_and_in_a_short_sentence(answer):
    assert scored(LABEL, answer, "billing").value == 1.0


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "",
        "claim_status",
        "billing or claim status",
        "not billing",
        "rebilling",
        "This is a message of some length that goes on for a while before it says billing.",
    ],
)
def test_anything_else_scores_nothing(answer):
    assert scored(LABEL, answer, "billing").value == 0.0


def test_the_longer_label_wins_where_one_lies_inside_another():
    assert scored(LABEL, "claim status", "claim_status").value == 1.0
    assert scored(LABEL, "It is claim status", "claim_status").value == 1.0


def test_a_recorded_answer_without_a_label_leaves_the_case_ungraded():
    score = scored(LABEL, "billing", "I cannot say")
    assert score.value is None
    assert score.reason


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (REFERENCE, 1.0),
        (f"Here you are:\n```json\n{REFERENCE}\n```", 1.0),
        ('{"policy": "hm-1", "amount": 1455, "date": "14 September 2026", "injury": false}', 1.0),
        ('{"policy": "HM-1", "amount": 1455, "date": "September 14th, 2026", "injury": false, "note": null}', 1.0),
        ('{"policy": "HM-1", "amount": 1500, "date": "2026-09-14", "injury": false}', 0.75),
        ('{"policy": "HM-1", "amount": 1450, "date": "2026-09-14", "injury": 0}', 0.75),
        ('{"policy": "HM-1", "amount": 1450, "date": "2026-09-14"}', 0.75),
        ('{"policy": "HM-1", "amount": 1450, "date": "2026-09-14", "injury": false, "extra": 1}', 0.8),
        ('{"policy": "HM-2", "amount": 1450, "date": "2026-09-14", "injury": false}', 0.0),
        ("no JSON at all", 0.0),
        ('{"policy": "HM-1", "amount": NaN}', 0.0),
        ("[1, 2]", 0.0),
        ("[" * 100_000, 0.0),
        (None, 0.0),
    ],
)
def test_objects_are_scored_by_the_share_of_fields_that_agree(answer, value):
    assert scored(FIELDS, answer, REFERENCE).value == pytest.approx(value)


@pytest.mark.parametrize("reference", ["sorry", "{}", "[]", '{"policy": null}'])
def test_a_recorded_answer_without_fields_leaves_the_case_ungraded(reference):
    assert scored(FIELDS, REFERENCE, reference).value is None


def test_nested_fields_and_lists_are_compared_leaf_by_leaf():
    plain = grader(RehearsalTerms(grader="json_fields"))
    assert scored(plain, '{"a": {"b": [1, 3]}, "c": "x"}', '{"a": {"b": [1, 2]}, "c": "x"}').value == pytest.approx(
        2 / 3
    )


def test_a_day_and_month_that_can_be_swapped_are_not_taken_for_a_date():
    plain = grader(RehearsalTerms(grader="json_fields"))
    assert scored(plain, '{"d": "03/04/2026"}', '{"d": "2026-04-03"}').value == 0.0


def test_every_grader_is_deterministic_or_asks_somebody_and_an_unknown_one_is_refused():
    assert set(GRADERS) == DETERMINISTIC | {"human"}
    assert DETERMINISTIC | {"hook"} == TRUSTED
    with pytest.raises(ConfigError, match="label"):
        grader(RehearsalTerms(grader="vibes"))
