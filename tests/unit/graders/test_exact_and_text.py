"""Short answers and extracted text: what is the same, what is not, and what can't be told."""

from __future__ import annotations

import asyncio
import time

import pytest

from switchover.domain.answer import as_text
from switchover.domain.ports import Question
from switchover.domain.process import RehearsalTerms
from switchover.graders import grader
from switchover.graders.alike import edit_ratio
from switchover.graders.text import LONGEST, LONGEST_ANSWER


def scored(by, answer, reference):
    return asyncio.run(by.score(answer, Question(reference)))


CALL = as_text(None, [("find", "{}")])


def exact(**settings):
    return grader(RehearsalTerms(grader="exact", settings=settings))


def text(**settings):
    return grader(RehearsalTerms(grader="text", settings=settings))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Amsterdam", " amsterdam. "),
        ("**Yes**", "yes"),
        ("1,450.00", "1450"),
        ("EUR 1,450.00", "eur 1450"),
        ("0.50", ".5"),
        ("\u22125", "-5.0"),
        ("14 September 2026", "2026-09-14"),
        ("14. September 2026", "September 14th, 2026"),
        ("14 septembre 2026", "14.09.2026"),
        ("ﬁre", "FIRE"),
        ("cafe\u0301", "café"),
    ],
)
def test_other_spellings_of_an_answer_are_the_same_either_way(one, other):
    assert scored(exact(), one, other).value == 1.0
    assert scored(exact(), other, one).value == 1.0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Amsterdam", "Rotterdam"),
        ("5", "-5"),
        ("5", "5%"),
        ("€ 5", "$ 5"),
        ("1.5", "15"),
        ("007", "7"),
        ("1.450", "1450"),
        ("03/04/2026", "2026-04-03"),
        ("12345678901234567890123456789", "12345678901234567890123456788"),
        ("yes", "yes, but"),
        ("yes", CALL),
        ("yes", None),
        ("yes", "  "),
    ],
)
def test_what_only_looks_alike_is_not(one, other):
    assert scored(exact(), other, one).value == 0.0


def test_an_alias_a_decimal_comma_and_capitals_are_as_they_are_set():
    assert scored(exact(aliases={"The Hague": "Den Haag"}), "the hague", "den haag").value == 1.0
    assert scored(exact(decimal=","), "1.450,00", "1450").value == 1.0
    assert scored(exact(), "1.450,00", "1450").value == 0.0
    assert scored(exact(case_sensitive=True), "ab-1", "AB-1").value == 0.0


@pytest.mark.parametrize("reference", ["", "...", CALL])
@pytest.mark.parametrize("by", [exact(), text(), text(measure="edit")])
def test_a_recorded_answer_without_words_leaves_the_case_ungraded(by, reference):
    assert scored(by, "yes", reference).value is None


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("the burst pipe in the kitchen", 1.0),
        ("A burst pipe in kitchen!", 1.0),
        ("burst pipe", 2 * 2 / (2 + 4)),
        ("kitchen burst in pipe", 1.0),
        ("flood", 0.0),
        ("", 0.0),
        (CALL, 0.0),
    ],
)
def test_words_are_counted_as_squad_counts_them(answer, value):
    assert scored(text(), answer, "the burst pipe in the kitchen").value == pytest.approx(value)


def test_articles_are_those_of_the_language():
    assert scored(text(language="nl"), "gesprongen leiding", "de gesprongen leiding").value == 1.0
    assert scored(text(), "gesprongen leiding", "de gesprongen leiding").value == pytest.approx(0.8)
    assert scored(text(), "the", "The").value == 1.0


def test_accept_turns_likeness_into_right_or_wrong():
    by = text(accept=0.8)
    assert scored(by, "burst pipe in kitchen", "the burst pipe in the kitchen").value == 1.0
    score = scored(by, "burst pipe", "the burst pipe in the kitchen")
    assert (score.value, score.reason) == (0.0, "0.67 alike, 0.8 are accepted")


def test_the_edit_ratio_is_that_of_the_longest_common_subsequence():
    assert edit_ratio("abc", "abd") == pytest.approx(2 * 2 / 6)
    assert edit_ratio("", "") == 1.0
    assert edit_ratio("a", "") == 0.0
    assert scored(text(measure="edit"), "HM-12345", "HM-12354").value == pytest.approx(2 * 7 / 16)


def test_text_too_long_to_compare_its_characters_is_told_and_costs_little():
    by = text(measure="edit")
    begun = time.process_time()
    assert scored(by, "x", "x " * LONGEST).value is None
    long = scored(by, "y " * LONGEST_ANSWER, "x" * LONGEST)
    assert (long.value, long.reason) == (0.0, f"longer than {LONGEST_ANSWER} characters")
    assert scored(by, "ab" * (LONGEST_ANSWER // 2), "ba" * (LONGEST // 2)).value == pytest.approx(0.5, abs=0.01)
    assert time.process_time() - begun < 20


def test_a_label_is_read_from_words_and_not_from_the_names_of_tools():
    by = grader(RehearsalTerms(grader="label", settings={"labels": ["find", "pay"]}))
    assert scored(by, CALL, "find").value == 0.0
    assert scored(by, as_text("find", [("log", "{}")]), "find").value == 1.0
    assert scored(by, "find", CALL).value is None
