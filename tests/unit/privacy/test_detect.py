"""What is found in a text, kind by kind, by examples that its issuer or its standard publishes; and what is not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from switchover.domain.personal import Privacy
from switchover.domain.process import DataClass
from switchover.errors import DetectionFailed
from switchover.privacy.detect import Finding, Patterns, Several
from switchover.privacy.finder import OwnFinder
from switchover.privacy.presidio import PACKAGE, Presidio, missing

DETECTOR = Patterns(Privacy(countries=("NL", "DE", "FR", "BE", "GB", "US")))
KEY = "sw_abcd2345_" + "Ab-_" * 10 + "xyz"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1\n-----END RSA PRIVATE KEY-----"


def found(text, detector=DETECTOR):
    return [(one.kind, text[one.start : one.end]) for one in detector.find(text)]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("e-mail", "jan.de-vries+claims@example.co.uk"),
        ("e-mail", "用户@例子.公司"),
        ("phone", "+31 20 123 4567"),
        ("phone", "+31 (0)20 123 4567"),
        ("phone", "0031 20 1234567"),
        ("phone", "020-1234567"),
        ("phone", "06 12 34 56 78"),
        ("phone", "030 / 901820"),
        ("phone", "01 42 68 53 00"),
        ("phone", "020 7946 0958"),
        ("phone", "(415) 555-2671"),
        ("phone", "212.555.2671"),
        ("phone", "+1 415 555 2671"),
        ("iban", "NL91 ABNA 0417 1643 00"),
        ("iban", "DE89370400440532013000"),
        ("iban", "GB29 NWBK 6016 1331 9268 19"),
        ("iban", "nl91abna0417164300"),
        ("iban", "MT84 MALT 0110 0001 2345 MTLC AST0 01S"),
        ("card", "4111 1111 1111 1111"),
        ("card", "3782-822463-10005"),
        ("card", "5555555555554444"),
        ("card", "6011 0009 9013 9424"),
        ("nl-bsn", "111222333"),
        ("nl-bsn", "1112.22.333"),
        ("de-tax-id", "86 095 742 719"),
        ("de-social-security", "15 070649 C 103"),
        ("de-social-security", "15070649C103"),
        ("fr-nir", "2 55 08 14 168 025 38"),
        ("fr-nir", "255081416802538"),
        ("be-national-number", "85.07.30-033 28"),
        ("be-national-number", "17073003384"),
        ("gb-nino", "AB 12 34 56 C"),
        ("gb-nhs", "943 476 5919"),
        ("us-ssn", "536-90-4399"),
        ("us-itin", "912-71-1234"),
        ("es-dni", "12345678Z"),
        ("es-dni", "X1234567L"),
        ("it-codice-fiscale", "RSSMRA85T10A562S"),
        ("key", KEY),
        ("key", "sk-ant-api03-abcdefghijklmnopqrstuvwxyz"),
        ("key", "AKIAIOSFODNN7EXAMPLE"),
        ("key", "ghp_" + "a1B2" * 9),
        ("key", TOKEN),
        ("key", PEM),
    ],
)
def test_a_published_example_is_found_whole(kind, said):
    assert found(f"It is {said}, as I said.") == [(kind, said)]


@pytest.mark.parametrize(
    "text",
    [
        "order 2024-11-25 12:00, 25-11-2024 and 25.11.2024 10:30",
        "1700000000 seconds, 3.14159265358979, 0,111222333 and 12.111222333",
        "claim 1234567890123, ref 000-00-0000, 666-12-1234 and 987-49-4321",
        "id 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "02925054-4f11-4067-9184-111222333444 and 02925054-E29B-41d4-a716-446655440000",
        "book it on 08/31/2018 or 31.08.18 for 7",
        "an address without a host@ and @mentions, a@b, and 10@home",
        "4111 1111 1111 1112, NL92ABNA0417164300 and 111222334",
        "sk-short, ghp_no, eyJhbGciOiJIUzI1NiJ9 alone, -----BEGIN PUBLIC KEY-----",
        "536904399 without a word about what it is",
    ],
)
def test_what_only_looks_like_it_is_not_found(text):
    assert found(text) == []


def test_a_number_that_proves_nothing_by_itself_is_found_behind_the_word_for_it():
    assert found("my SSN is 536904399") == [("us-ssn", "536904399")]
    assert found("phone 2125552671") == [("phone", "2125552671")]
    assert found("ticket 2125552671") == []


def test_several_things_in_one_text_are_found_in_order():
    text = "Mail j@example.com or call 020 123 4567; pay NL91ABNA0417164300 or 4111111111111111 12/28"
    assert [kind for kind, _ in found(text)] == ["e-mail", "phone", "iban", "card"]


def test_kinds_that_are_not_wanted_are_not_looked_for():
    detector = Patterns(Privacy(countries=("NL",), without=("phone", "e-mail", "key")))
    assert found(f"j@example.com, 020 123 4567, {KEY}", detector) == []


def test_a_national_phone_number_is_known_in_the_countries_that_are_named():
    assert found("bel 020 1234567", Patterns(Privacy(countries=("BE",)))) == []
    assert found("bel 020 1234567", Patterns(Privacy(countries=("NL",)))) == [("phone", "020 1234567")]


def test_what_overlaps_is_one_finding_that_covers_both():
    class Finds:
        def __init__(self, *findings):
            self.findings = findings

        def find(self, text):
            return [*self.findings]

    either = Several([Finds(Finding("name", 0, 10)), Finds(Finding("e-mail", 5, 20), Finding("phone", 30, 40))])
    assert either.find("x" * 50) == [Finding("name", 0, 20), Finding("phone", 30, 40)]


def test_a_detector_without_time_left_says_so():
    with pytest.raises(DetectionFailed):
        Patterns(Privacy(), late=lambda: True).find("anything")


def test_the_most_sensitive_kind_gives_the_class_and_the_configuration_may_change_it():
    privacy = Privacy(classes={"card": DataClass.INTERNAL})
    assert privacy.class_of([]) is DataClass.PUBLIC
    assert privacy.class_of(["card", "e-mail"]) is DataClass.CONFIDENTIAL
    assert privacy.class_of(["e-mail", "nl-bsn"]) is DataClass.SECRET
    assert privacy.class_of(["unread"]) is DataClass.PUBLIC


def test_the_phone_library_is_loaded_only_for_what_may_be_a_number():
    code = (
        "import sys\nfrom switchover.domain.personal import Privacy\nfrom switchover.privacy.finder import OwnFinder\n"
        "detector = OwnFinder(Privacy(countries=('NL',))).within(lambda: False)\n"
        "detector.find('mail j@example.com')\nassert 'phonenumbers' not in sys.modules\n"
        "assert detector.find('call 020 123 4567')\nassert 'phonenumbers' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_presidio_that_is_asked_for_and_missing_fails_instead_of_finding_nothing():
    if not missing(["en"]):
        pytest.skip("Presidio and its English model are installed here")
    with pytest.raises(DetectionFailed, match="can't be used without"):
        OwnFinder(Privacy(presidio=("en",))).within(lambda: False).find("Jan de Vries lives in Utrecht")


def test_presidio_finds_names_and_places():
    if lacking := missing(["en"]):
        pytest.skip(f"not installed: {', '.join(lacking)} ({PACKAGE} is an extra, and brings a language model)")
    text = "My name is David Johnson and I live in London."
    assert found(text, Presidio(["en"])) == [("name", "David Johnson"), ("place", "London")]
