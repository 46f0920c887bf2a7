"""Checks without a recorded answer, as a grader and as a gate before one."""

from __future__ import annotations

import asyncio
import json

import pytest

from switchover.domain.answer import as_text
from switchover.domain.ports import Question
from switchover.domain.process import RehearsalTerms
from switchover.graders import grader
from switchover.graders.language import LANGUAGES, language_of
from switchover.graders.refusals import refuses


def checks(**settings):
    return grader(RehearsalTerms(grader="checks", settings=settings))


def scored(by, answer, reference=None, ask="", **request):
    request = {"messages": [{"role": "user", "content": ask}], **request}
    return asyncio.run(by.score(answer, Question(reference, request)))


REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I’m unable to provide that information.",
    "As an AI language model, I cannot give legal advice.",
    "Unfortunately, I cannot fulfill your request.",
    "I won't answer this question.",
    "Daar kan ik u helaas niet bij helpen.",
    "Het spijt me, ik kan niet voldoen aan dit verzoek.",
    "Als taalmodel kan ik geen juridisch advies geven.",
    "Es tut mir leid, aber dabei kann ich Ihnen nicht helfen.",
    "Ich kann diese Anfrage leider nicht bearbeiten.",
    "Je suis désolé, mais je ne peux pas vous aider avec cela.",
    "En tant que modèle de langage, je ne peux pas donner d'avis.",
    "Lo siento, no puedo ayudarte con eso.",
    "Mi dispiace, non posso aiutarti con questo.",
]
ANSWERS = [
    "I'm sorry to hear about your accident. I cannot find your claim under that number; please send it again.",
    "We can't pay this claim because the policy has lapsed.",
    "I can help you with that.",
    "I can't wait to help you!",
    "billing",
    "Helaas kunnen wij uw claim niet vergoeden.",
    "Ik kan uw polis niet vinden; stuurt u het nummer nog eens?",
    "Wir können Ihren Schaden leider nicht übernehmen.",
    "Nous ne pouvons pas rembourser ce sinistre.",
    "No encuentro su póliza.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_scores_nothing(text):
    score = scored(checks(checks={"no_refusal": True}), text)
    assert (score.value, score.reason) == (0.0, "refuses")


@pytest.mark.parametrize("text", ANSWERS)
def test_bad_news_is_no_refusal(text):
    assert scored(checks(checks={"no_refusal": True}), text).value == 1.0


def test_a_refusal_is_looked_for_where_answers_begin():
    assert not refuses("Your claim is paid. " * 30 + "I can't help with that.")


# Sentences that the word lists were not made with.
SENTENCES = {
    "en": "The surveyor will visit your house on Tuesday between nine and twelve.",
    "nl": "De schade-expert komt dinsdag tussen negen en twaalf uur bij u langs.",
    "de": "Der Gutachter kommt am Dienstag zwischen neun und zwölf Uhr zu Ihnen.",
    "fr": "L'expert passera chez vous mardi entre neuf heures et midi, si cela vous convient.",
    "es": "El perito pasará por su casa el martes entre las nueve y las doce.",
    "it": "Il perito verrà a casa sua martedì tra le nove e mezzogiorno.",
    "pt": "O perito vai a sua casa na terça-feira entre as nove e o meio-dia.",
    "sv": "Besiktningsmannen kommer på tisdag och ska titta på huset.",
    "pl": "Rzeczoznawca przyjedzie we wtorek i obejrzy dom, jeśli to jest możliwe.",
    "ru": "Эксперт приедет во вторник.",
    "uk": "Експерт приїде у вівторок.",
    "ja": "火曜日に担当者が伺います。",
    "zh": "专家星期二会来看您的房子。",
    "ko": "화요일에 전문가가 방문합니다.",
    "el": "Ο ειδικός θα έρθει την Τρίτη.",
    "ar": "سيأتي الخبير يوم الثلاثاء.",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_is_known_by_its_script_or_small_words(language):
    assert language_of(SENTENCES[language]) == language
    assert language in LANGUAGES


@pytest.mark.parametrize("text", ["", "HM-1", "billing", "café Müller", "250 €", "?!"])
def test_what_is_too_short_has_no_language(text):
    assert language_of(text) is None


def test_the_answer_has_to_be_in_the_language_of_the_request():
    by = checks(checks={"language": "request"})
    assert scored(by, SENTENCES["nl"], ask=SENTENCES["nl"]).value == 1.0
    score = scored(by, SENTENCES["en"], ask=SENTENCES["nl"])
    assert (score.value, score.reason) == (0.0, "in en, not nl")
    assert scored(by, SENTENCES["en"], ask="HM-1?").value == 1.0
    assert scored(by, "HM-1", ask=SENTENCES["nl"]).value == 1.0
    assert scored(checks(checks={"language": "de"}), SENTENCES["nl"]).value == 0.0


@pytest.mark.parametrize(
    ("bounds", "answer", "reason"),
    [
        ({"most_words": 3}, "one two three", ""),
        ({"most_words": 3}, "one two three four", "too long: 4 words"),
        ({"least_words": 2}, "one", "too short: 1 words"),
        ({"most_characters": 3}, "four", "too long: 4 characters"),
        ({"least_characters": 3}, " no ", "too short: 2 characters"),
        ({"most_ratio": 2}, "one two three four five", "too long: 2.5 times the request's words"),
        ({"least_ratio": 0.5, "most_ratio": 2}, "one two", ""),
    ],
)
def test_a_length_has_bounds(bounds, answer, reason):
    assert scored(checks(checks={"length": bounds}), answer, ask="two words").reason == reason


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("json", '{"a": [1]}', "```json\n{}\n```"),
        ("json", "[]", '{"a": NaN}'),
        ("one-line", "one line\n", "two\nlines"),
        ("one-line", "x", " \n "),
        ("markdown-list", "- a\n- b\n  more of b\n\n3. c", "Here:\n- a"),
        ("markdown-list", "* a", ""),
        ("iso-date", "2026-09-14", "14-09-2026"),
        ("iso-date", " 2026-09-14 ", "20260914"),
        ("iso-date", "2024-02-29", "2026-02-29"),
    ],
)
def test_a_form_is_kept_or_not(form, good, bad):
    by = checks(checks={"format": form})
    assert scored(by, good).value == 1.0
    assert scored(by, bad).value == 0.0


def test_a_pattern_is_matched_in_linear_time():
    by = checks(checks={"pattern": "^(a+)+$"})
    assert scored(by, "aaa").value == 1.0
    assert scored(by, "a" * 100_000 + "!").value == 0.0


ASK = "The letter says: 'water damage from frozen pipes is not covered'. Is that right? It came on Monday."


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("Yes: \u201cwater damage from frozen pipes is not covered\u201d.", 1.0),
        ('Yes: "Water damage from FROZEN pipes, is not covered"', 1.0),
        ('It says "water damage … is not covered" and more.', 1.0),
        ('It says "water damage from burst pipes is not covered".', 0.0),
        ("\u201eIs that right\u201c, \u00abis that wrong\u00bb", 0.0),
        ('The "policy" is fine, and so is "the clause".', 1.0),
        ("No quotation at all.", 1.0),
    ],
)
def test_what_is_quoted_has_to_stand_in_the_request(answer, value):
    assert scored(checks(checks={"quotes_from_request": True}), answer, ask=ASK).value == value


def test_a_quotation_may_come_from_what_a_tool_returned_and_not_from_the_models_own_words():
    by = checks(checks={"quotes_from_request": True})
    said = [{"type": "text", "text": "the roof leaks badly"}]
    for role, value in (("tool", 1.0), ("system", 1.0), ("assistant", 0.0)):
        request = {"messages": [{"role": role, "content": said}, {"role": "user", "content": "And?"}]}
        score = asyncio.run(by.score('"the roof leaks badly"', Question(None, request)))
        assert score.value == value, role


SCHEMA = {"type": "object", "properties": {"lines": {"items": {"required": ["sku"]}}}, "required": ["lines"]}


def test_a_schema_says_where_it_is_broken_and_quotes_nothing():
    by = checks(schema=SCHEMA)
    assert scored(by, '```json\n{"lines": [{"sku": 1}]}\n```').value == 1.0
    assert scored(by, '{"lines": [{"sku": 1}, {}]}').reason == "lines.1 breaks required"
    closed = checks(schema={"additionalProperties": {"type": "string"}})
    assert scored(closed, '{"Jane Doe": 1}').reason == "* breaks type"
    assert scored(by, "Here you are").reason == "not JSON"


@pytest.mark.parametrize(
    "settings",
    [
        {"schema": {"type": "objekt"}},
        {"schema": {"$ref": "https://schemas.test/claim"}},
        {"checks": {"pattern": "(?=x)"}},
    ],
)
@pytest.mark.parametrize("name", ["checks", "json_fields"])
def test_a_check_that_can_not_be_made_leaves_every_case_ungraded_with_a_reason(name, settings):
    score = scored(grader(RehearsalTerms(grader=name, settings=settings)), '{"a": 1}', '{"a": 1}')
    assert score.value is None
    assert score.reason.startswith("a check can't be made: ")


def test_before_a_grader_a_check_comes_first_for_either_answer():
    by = grader(RehearsalTerms(grader="json_fields", settings={"schema": SCHEMA}))
    good, bad = json.dumps({"lines": [{"sku": 1}], "n": 1}), json.dumps({"n": 1})
    assert (by.name, by.by_merit) == ("json_fields", False)
    assert scored(by, good, good).value == 1.0
    assert scored(by, bad, good).reason == "the answer breaks required"
    assert scored(by, None, good).value == 0.0
    # Nothing to agree with, for the candidate as for the second sample.
    for answer in (good, bad, None):
        assert scored(by, answer, bad).reason == "the recorded answer fails a check: the answer breaks required"


def test_an_answer_that_only_calls_tools_has_no_words_to_check():
    by = checks(checks={"length": {"least_words": 3}, "format": "json"})
    assert scored(by, as_text(None, [("find", "{}")])).value == 1.0
    assert scored(by, as_text("well", [("find", "{}")])).value == 0.0
    assert scored(by, "").value == 0.0
    assert scored(by, None).value == 0.0
