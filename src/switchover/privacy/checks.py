"""Whether digits can be the number they look like: checksums and issued ranges. Pure.

Each function takes the number as it was found, separators and all.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

# ISO 13616 registry (SWIFT, IBAN registry, release 99): length of an IBAN by country.
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29,
    "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "YE": 30,
}  # fmt: skip
# Issuers' first digits and the lengths they issue (ISO/IEC 7812-1; the card schemes' published ranges).
CARD_RANGES = (
    (4, 4, (13, 16, 19)), (51, 55, (16,)), (2221, 2720, (16,)), (34, 34, (15,)), (37, 37, (15,)),
    (300, 305, (14, 16)), (36, 36, (14, 16)), (38, 39, (14, 16)), (3528, 3589, (16, 17, 18, 19)),
    (6011, 6011, (16, 17, 18, 19)), (644, 649, (16, 17, 18, 19)), (65, 65, (16, 17, 18, 19)),
    (62, 62, (16, 17, 18, 19)), (5018, 5018, (16, 17, 18, 19)), (5020, 5020, (16, 17, 18, 19)),
    (5038, 5038, (16, 17, 18, 19)), (6304, 6304, (16, 17, 18, 19)), (6759, 6759, (16, 17, 18, 19)),
    (6761, 6763, (16, 17, 18, 19)),
)  # fmt: skip


def plain(text: str) -> str:
    """Letters and digits alone, letters as capitals."""
    return "".join(character for character in text if character.isalnum()).upper()


def digits(text: str) -> list[int]:
    """The digits of a number."""
    return [int(character) for character in text if "0" <= character <= "9"]


def weighted(numbers: Sequence[int], weights: Sequence[int]) -> int:
    """The sum of the digits, each times its weight."""
    return sum(number * weight for number, weight in zip(numbers, weights, strict=True))


def is_card(text: str) -> bool:
    """A payment card: an issuer's range, and the Luhn check (ISO/IEC 7812-1, annex B)."""
    number = digits(text)
    said = "".join(map(str, number))
    issued = any(
        first <= int(said[: len(str(first))]) <= last and len(said) in lengths for first, last, lengths in CARD_RANGES
    )
    if not issued or len(set(number)) < 2:
        return False
    return luhn(number) == 0


def luhn(number: Sequence[int]) -> int:
    """Luhn's sum modulo ten: 0 for a number with its check digit."""
    return sum(sum(divmod(one * twice, 10)) for one, twice in zip(reversed(number), cycle((1, 2)), strict=False)) % 10


def is_iban(text: str) -> bool:
    """An IBAN: its country's length, and ISO 7064 MOD 97-10."""
    account = plain(text)
    if len(account) != IBAN_LENGTHS.get(account[:2]):
        return False
    return mod_97(account[4:] + account[:4]) == 1


def mod_97(account: str) -> int:
    """ISO 7064 MOD 97-10, letters as 10 to 35."""
    return int("".join(str(int(character, 36)) for character in account)) % 97


def is_date(year: int, month: int, day: int) -> bool:
    """Whether day and month can be; ``year`` in two digits counts as a leap year when either century has one."""
    longest = (31, 29 if year % 4 == 0 else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return 1 <= month <= 12 and 1 <= day <= longest[month - 1]
