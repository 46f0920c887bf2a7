"""Personal data: what is valid is found in any surroundings, what is mutated is not; time grows with length alone."""

from __future__ import annotations

import string
import time
from itertools import pairwise

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from switchover.domain.personal import Privacy
from switchover.privacy import national
from switchover.privacy.checks import CARD_RANGES, IBAN_LENGTHS, luhn, mod_97
from switchover.privacy.detect import Patterns
from switchover.privacy.normal import PLAIN, normal

COUNTRIES = ("NL", "DE", "FR", "BE", "GB", "US")
DETECTOR = Patterns(Privacy(countries=COUNTRIES))
DIGIT = st.sampled_from(string.digits)


def digits(count):
    return st.text(DIGIT, min_size=count, max_size=count)


def closed(bodies, ends, check):
    """Numbers that begin so, with the end that makes the check hold."""
    return bodies.map(lambda body: next((body + end for end in ends if check(body + end)), "")).filter(bool)


@st.composite
def cards(draw):
    first, last, lengths = draw(st.sampled_from(CARD_RANGES))
    begin, length = str(draw(st.integers(first, last))), draw(st.sampled_from(lengths))
    body = begin + draw(digits(length - len(begin) - 1))
    number = body + next(d for d in string.digits if luhn([*map(int, body + d)]) == 0)
    assume(len(set(number)) > 1)
    return number


@st.composite
def ibans(draw):
    country = draw(st.sampled_from(sorted(IBAN_LENGTHS)))
    account = draw(st.text(st.sampled_from(string.digits + "ABCXYZ"), min_size=IBAN_LENGTHS[country] - 4,
                           max_size=IBAN_LENGTHS[country] - 4))  # fmt: skip
    # What is looked for is where enough digits stand close together.
    assume(sum(map(str.isdigit, account)) >= 6)
    return f"{country}{98 - mod_97(f'{account}{country}00'):02d}{account}"


def written(shape, *parts):
    """The drawn parts in this shape."""
    return st.tuples(*parts).map(lambda drawn: shape.format(*drawn))


LETTERS = string.ascii_uppercase
PAIRS = [f"{number:02d}" for number in range(100)]
letter = st.sampled_from(LETTERS)
# Ten digits of which one occurs twice, in another's place.
ten = st.tuples(st.permutations(string.digits), st.integers(0, 8), st.integers(1, 9)).map(
    lambda drawn: "".join(drawn[0][drawn[1]] if at == drawn[2] else one for at, one in enumerate(drawn[0]))
)
BODIES = {
    "nl-bsn": (digits(8), string.digits, national.is_nl_bsn),
    "de-tax-id": (ten, string.digits, national.is_de_tax_id),
    "gb-nhs": (written("{}{}", st.sampled_from("467"), digits(8)), string.digits, national.is_gb_nhs),
    "be-national-number": (
        written("{:%y%m%d}{:03d}", st.dates(), st.integers(1, 998)),
        PAIRS,
        national.is_be_national_number,
    ),
    "fr-nir": (
        written(
            "{}{}{:02d}{:02d}{}", st.sampled_from("12"), digits(2), st.integers(1, 12), st.integers(1, 95), digits(6)
        ),
        PAIRS,
        national.is_fr_nir,
    ),
    "de-social-security": (
        written("{:02d}{:%d%m%y}{}{}", st.integers(2, 89), st.dates(), letter, digits(2)),
        string.digits,
        national.is_de_social_security,
    ),
    "es-dni": (digits(8), LETTERS, national.is_es_dni),
    "it-codice-fiscale": (
        written(
            "{}{}{}{:02d}{}{}",
            st.text(letter, min_size=6, max_size=6),
            digits(2),
            st.sampled_from("ABCDEHLMPRST"),
            st.integers(1, 31),
            letter,
            digits(3),
        ),
        LETTERS,
        national.is_it_codice_fiscale,
    ),
}
prefix = st.sampled_from("ABCEHJ")
GENERATED = {
    "card": cards(),
    "iban": ibans(),
    **{kind: closed(*body) for kind, body in BODIES.items()},
    "gb-nino": written("{}{}{}{}", prefix, prefix, digits(6), st.sampled_from("ABCD")),
    "us-ssn": written("{:03d}-{:02d}-{:04d}", st.integers(1, 665), st.integers(1, 99), st.integers(1, 9999)),
    "us-itin": written("9{}-{}-{}", digits(2), st.integers(70, 88), digits(4)),
}
# Where a change of any one digit is sure to break the check: not of dates, ranges and letters alone.
SURE = ("card", "iban", "nl-bsn", "de-tax-id", "gb-nhs", "fr-nir", "es-dni")
# What may stand around a number: anything but a digit or a letter, a point of a decimal and what joins numbers.
EDGES = st.sampled_from(["", " ", "\n", "\t", '"', "'", ":", ";", "(", ")", "[", "<b>", "=", "#", "。", "…", "\u200b "])
PROSE = st.sampled_from(["", "the claim of last week", "Kundennummer", "mijn nummer is", "numéro", "电话", "see page"])


@pytest.mark.parametrize("kind", GENERATED)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_is_valid_is_found_in_any_surroundings(kind, data):
    number = data.draw(GENERATED[kind])
    before, after = data.draw(st.one_of(EDGES, st.just("é"))), data.draw(EDGES)
    text = f"{data.draw(PROSE)} {before}{number}{after} {data.draw(PROSE)}"
    at = text.index(number)
    found = DETECTOR.find(text)
    assert any(one.start <= at and one.end >= at + len(number) for one in found), (number, found)
    # Numbers that are two things at once count as the first of the table; alone, each kind finds its own.
    others = tuple({*GENERATED, "phone"} - {kind})
    alone = Patterns(Privacy(countries=COUNTRIES, without=others)).find(text)
    assert [(one.kind, text[one.start : one.end]) for one in alone] == [(kind, number)]


@pytest.mark.parametrize("kind", SURE)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_number_with_one_wrong_digit_is_not_found(kind, data):
    number = data.draw(GENERATED[kind])
    places = [at for at, one in enumerate(number) if one.isdigit() and not (kind == "iban" and at < 4)]
    at = data.draw(st.sampled_from(places))
    wrong = data.draw(DIGIT.filter(lambda one: one != number[at]))
    text = f"see {number[:at]}{wrong}{number[at + 1 :]} please"
    assert kind not in {one.kind for one in DETECTOR.find(text)}


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["card", "nl-bsn", "iban", "gb-nhs"]).flatmap(lambda kind: GENERATED[kind]), st.data())
def test_no_script_nor_invisible_character_hides_a_number(number, data):
    zeros = data.draw(st.sampled_from([0x660, 0x6F0, 0x966, 0xFF10, 0x1D7CE, 0x1D7F6]))
    hidden = data.draw(st.sampled_from(["", "\u200b", "\u200d", "\u202e", "\u2066", "\u00ad", "\ufeff", "\ufe0f"]))
    written = hidden.join(chr(zeros + int(one)) if one.isdigit() else one for one in number)
    text = f"pay {written} soon"
    found = DETECTOR.find(text)
    assert [text[one.start : one.end] for one in found] == [written]


@given(st.text(max_size=60))
@example("a\u200bb１٢-‐ \u00a0x")
def test_a_text_as_it_reads_knows_where_each_of_its_characters_stood(text):
    read, places = normal(text)
    assert places is None or (len(places) == len(read) and places == sorted(set(places)))
    assert len(read) == (len(places) if places is not None else len(text))


def test_what_is_taken_to_read_as_it_stands_does():
    plain = "".join(chr(code) for code in range(0xD800) if PLAIN.fullmatch(chr(code)))
    assert len(plain) > 40_000
    # A character that does not makes the whole text be looked at, one by one.
    assert normal(plain + "\u200b")[0] == plain


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("0123456789 -./+()@aA1eyJsk-_\n。٣"), max_size=300))
def test_findings_stand_in_order_and_apart(text):
    found = DETECTOR.find(text)
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert all(one.end <= after.start for one, after in pairwise(found))


# What is meant to make a search go over the same text again and again.
HOSTILE = {
    "prose": "the claim of last week was not paid yet, and I would like to know why ",
    "digits": "1",
    "spaced digits": "1 ",
    "numbers": "4111 1111 1111 1112 ",
    "dotted": "1.1.1.",
    "signs": "@",
    "half addresses": "a@",
    "addresses without an end": "a@b.c.",
    "letters and digits": "AB12",
    "marks": "sk-",
    "tokens": "eyJ",
    "keys": "-----BEGIN PRIVATE KEY-----",
    "key heads": "-----BEGIN ",
    "pluses": "+1",
    "brackets": "(0)",
    "invisible": "1\u200b",
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_time_grows_with_the_length_of_one_line_and_not_faster(hostile):
    def seconds(length):
        text = hostile * (length // len(hostile))
        tries = []
        for _ in range(2):
            begun = time.thread_time()
            DETECTOR.find(text)
            tries.append(time.thread_time() - begun)
        return min(tries)

    short = seconds(3_000)
    # Eight times as long takes eight times as long; a search that goes over all of it again takes 64 times.
    assert seconds(24_000) < 24 * short + 0.01


def test_a_megabyte_on_one_line_is_read_in_a_moment():
    text = "the claim of last week, order 2024-11-25, 12.50 EUR and nothing that is anybody's " * 12_500
    begun = time.thread_time()
    assert DETECTOR.find(text) == []
    assert time.thread_time() - begun < 2.0
