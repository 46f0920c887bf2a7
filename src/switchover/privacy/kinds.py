"""The tables of what is looked for: one line per form of a number or secret. Pure.

A pattern takes time linear in the text: what repeats is bounded or possessive, and nothing nests. A digit before a
number, or a letter or digit behind it, makes it part of something longer.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

from . import national
from .checks import IBAN_LENGTHS, is_card

_BACK = r"(?![0-9A-Za-z])"
_FRONT = r"(?<![0-9])"
_WORD = r"(?<![0-9A-Za-z])"
SOCIAL_WORDS = re.compile(r"(?i:ssn|itin|social security|taxpayer)[^0-9]{0,24}\Z")


@dataclass(frozen=True, slots=True)
class Number:
    """Digits alone, with or without single separators between groups of two or more.

    ``groups``: how they are grouped where nothing else will do. ``words``: what has to stand right before.
    """

    kind: str
    lengths: tuple[int, ...]
    check: Callable[[str], bool]
    groups: tuple[int, ...] = ()
    words: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """What has letters in it, or groups of one digit."""

    kind: str
    pattern: re.Pattern[str]
    check: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that begins with ``mark``."""

    mark: str
    pattern: re.Pattern[str]
    check: Callable[[str], bool] = bool


def _form(kind: str, pattern: str, check: Callable[[str], bool]) -> Form:
    return Form(kind, re.compile(pattern, re.IGNORECASE | re.ASCII), check)


NUMBERS: tuple[Number, ...] = (
    Number("card", (13, 14, 15, 16, 17, 18, 19), is_card),
    Number("be-national-number", (11,), national.is_be_national_number),
    Number("de-tax-id", (11,), national.is_de_tax_id),
    Number("gb-nhs", (10,), national.is_gb_nhs),
    Number("nl-bsn", (9,), national.is_nl_bsn),
    Number("us-ssn", (9,), national.is_us_ssn, groups=(3, 2, 4)),
    Number("us-itin", (9,), national.is_us_itin, groups=(3, 2, 4)),
    Number("us-ssn", (9,), national.is_us_ssn, words=SOCIAL_WORDS),
    Number("us-itin", (9,), national.is_us_itin, words=SOCIAL_WORDS),
)
FORMS: tuple[Form, ...] = (
    _form("it-codice-fiscale", rf"{_WORD}[A-Z]{{6}}[0-9]{{2}}[A-Z][0-9]{{2}}[A-Z][0-9]{{3}}[A-Z]{_BACK}",
          national.is_it_codice_fiscale),
    _form("de-social-security", rf"{_FRONT}[0-9]{{2}} ?[0-9]{{6}} ?[A-Z] ?[0-9]{{2}} ?[0-9]{_BACK}",
          national.is_de_social_security),
    _form("fr-nir", rf"{_FRONT}[1-478](?: ?[0-9]{{2}}){{2}} ?[0-9][0-9AB](?: ?[0-9]{{3}}){{2}} ?[0-9]{{2}}{_BACK}",
          national.is_fr_nir),
    _form("gb-nino", rf"{_WORD}[A-Z]{{2}} ?[0-9]{{2}} ?[0-9]{{2}} ?[0-9]{{2}} ?[A-D]{_BACK}", national.is_gb_nino),
    _form("es-dni", rf"{_WORD}(?:[0-9]{{8}}|[XYZ]-?[0-9]{{7}})-?[A-Z]{_BACK}", national.is_es_dni),
)  # fmt: skip
# An IBAN is as long as its country says, so that only its beginning is a pattern.
IBAN = re.compile(rf"{_WORD}[A-Z]{{2}}[0-9]{{2}}", re.IGNORECASE | re.ASCII)
IBAN_REST = {
    length: re.compile(rf"(?:[ -]?[0-9A-Z]){{{length - 4}}}{_BACK}", re.IGNORECASE | re.ASCII)
    for length in set(IBAN_LENGTHS.values())
}


def _is_token(text: str) -> bool:
    """Whether the head of a JSON Web Token (RFC 7519) names its algorithm."""
    head = text.partition(".")[0]
    try:
        return b'"alg"' in base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))
    except (binascii.Error, ValueError):
        return False


def _secret(mark: str, rest: str, check: Callable[[str], bool] = bool) -> Secret:
    return Secret(mark, re.compile(rf"(?<![\w-]){re.escape(mark)}{rest}", re.ASCII), check)


# As their issuers document them; GitHub's and GitLab's secret scanning list the same.
SECRETS: tuple[Secret, ...] = (
    _secret("sw_", r"[a-z0-9]{8}_[\w-]{43}(?![\w-])"),
    _secret("sk-", r"[\w-]{20,}+"),
    _secret("sk_live_", r"\w{16,}+"),
    _secret("rk_live_", r"\w{16,}+"),
    _secret("AKIA", r"[0-9A-Z]{16}(?!\w)"),
    _secret("ASIA", r"[0-9A-Z]{16}(?!\w)"),
    _secret("AIza", r"[\w-]{35}(?![\w-])"),
    _secret("ghp_", r"[0-9A-Za-z]{36,}+"),
    _secret("gho_", r"[0-9A-Za-z]{36,}+"),
    _secret("ghu_", r"[0-9A-Za-z]{36,}+"),
    _secret("ghs_", r"[0-9A-Za-z]{36,}+"),
    _secret("ghr_", r"[0-9A-Za-z]{36,}+"),
    _secret("github_pat_", r"\w{22,}+"),
    _secret("glpat-", r"[\w-]{20,}+"),
    _secret("hf_", r"[A-Za-z]{30,}+"),
    _secret("gsk_", r"[0-9A-Za-z]{40,}+"),
    _secret("xoxb-", r"[0-9A-Za-z-]{10,}+"),
    _secret("xoxp-", r"[0-9A-Za-z-]{10,}+"),
    _secret("eyJ", r"[\w-]{8,}+\.[\w-]{8,}+\.[\w-]*+", _is_token),
    # RFC 7468; to the end of the text where its own end is missing.
    Secret("-----BEGIN ", re.compile(
        r"-----BEGIN (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY-----[^-]*+(?:-----END [A-Z0-9 ]{0,40}-----)?")),
)  # fmt: skip
