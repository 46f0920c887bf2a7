"""Values as people write them: durations, money, references, comparisons; what each pattern means in words."""

from __future__ import annotations

import math
import re
import sys
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$")
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:(2[0-3]|[01]\d):([0-5]\d)|24:00)$")
MONEY = re.compile(r"([0-9][0-9_,]*(?:\.[0-9]+)?)\s*([A-Za-z]{3}|[$€£])$")
PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%?$")
MOST_MICRO_USD = 10**15
COUNTRY = r"^[A-Z]{2}$"
URL = r"^https?://[^\s?#]+$"
PUBLISHED = r"^[a-z0-9._-]+/.+$"
AMOUNT = r"^\d+(\.\d+)?$"
FILE = r"^file:.+$"
SUBJECT = r"^(user|metadata\.[A-Za-z0-9_-]{1,64})$"
NAME = r"^[a-z0-9][a-z0-9._-]{0,62}$"
HEADER = r"^[a-z0-9-]+$"
KEY_ID = r"^[a-z0-9]{8}$"
URL_OR_REFERENCE = r"^(https?://[^\s#]+|env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$"
HOST = r"^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$"
# What no header and no command of SMTP can be broken with; addresses with quotes are none that anybody uses.
MAIL_ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?$"
LANGUAGE = r"^[a-z]{2}$"

PATTERN_MEANS = {
    SUBJECT: "user, or metadata.NAME such as metadata.customer",
    COUNTRY: "a country of two capital letters, such as NL",
    URL: "an address such as https://host/v1, without a query",
    PUBLISHED: "provider/model, such as openai/gpt-4.1",
    AMOUNT: 'a decimal in quotes, such as "0.60"',
    LANGUAGE: "a language of two small letters, such as nl",
    URL_OR_REFERENCE: "https://host/path, or env:NAME or file:PATH that holds it",
    HOST: "the name of a machine, such as smtp.example.net",
    MAIL_ADDRESS: "an address such as finance@example.net",
    KEY_ID: "the id of a caller key, such as k3v9x2ab",
    HEADER: "a header's name in small letters, digits and dashes",
    FILE: "file:PATH",
    NAME: "a name of small letters, digits, dots, dashes and underscores",
}


def seconds(text: Any) -> float:
    """``300``, ``"5m"`` or ``"1.5h"`` as seconds."""
    found = math.nan
    if isinstance(text, str) and (match := DURATION.fullmatch(text.strip())):
        found = float(match[1]) * SECONDS[match[2]]
    elif isinstance(text, int | float) and not isinstance(text, bool):
        # A whole number may be larger than any float.
        found = float(text) if abs(text) < sys.float_info.max else math.inf
    if not math.isfinite(found):
        raise ValueError("a duration such as 4h")
    return found


def hours(text: Any) -> str:
    """``"02:00-06:00"``, as it stands."""
    hours_of(text)
    return str(text)


def hours_of(text: Any) -> tuple[float, float]:
    """``"22:00-04:00"`` as the second of the day at which it begins, and how many seconds it lasts."""
    match = HOURS.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("hours of the day in quotes, such as 02:00-06:00")
    begins = int(match[1]) * 3600 + int(match[2]) * 60
    ends = 86_400 if match[3] is None else int(match[3]) * 3600 + int(match[4]) * 60
    lasts = (ends - begins) % 86_400 or 86_400
    return float(begins), float(lasts)


def day(value: Any) -> str:
    """``2027-01-31``, which YAML may have taken for a date, as text."""
    found = None
    if isinstance(value, date) and not isinstance(value, datetime):
        found = value
    elif isinstance(value, str):
        try:
            found = date.fromisoformat(value)
        except ValueError:
            found = None
    if found is None:
        raise ValueError("a date such as 2027-01-31")
    return found.isoformat()


def mtok(text: Any) -> str:
    """``"0.60"`` as it stands: USD per million tokens."""
    if not isinstance(text, str) or re.fullmatch(AMOUNT, text) is None:
        raise ValueError(f"{PATTERN_MEANS[AMOUNT]}: USD per million tokens, never below zero")
    return text


def percent(text: Any) -> str:
    """``15 %``, ``"15"`` or ``15`` as "15"."""
    given = str(text) if isinstance(text, int | float) and not isinstance(text, bool) else text
    match = PERCENT.fullmatch(given.strip()) if isinstance(given, str) else None
    if match is None:
        raise ValueError("a percentage such as 15, never below zero")
    return match[1]


def micro_usd(text: Any) -> int:
    """``500 USD`` as micro-USD."""
    match = MONEY.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError("an amount with its currency, such as 500 USD")
    if match[2].upper() != "USD":
        raise ValueError("an amount in USD, the currency of prices, such as 500 USD")
    amount = Decimal(re.sub("[_,]", "", match[1])) * 1_000_000
    if amount != amount.to_integral_value() or amount > MOST_MICRO_USD:
        raise ValueError("an amount of at most a billion USD, to the millionth")
    return int(amount)


Mtok = Annotated[str, BeforeValidator(mtok)]
Percent = Annotated[str, BeforeValidator(percent)]
Day = Annotated[str, BeforeValidator(day)]
Money = Annotated[int, BeforeValidator(micro_usd)]
Duration = Annotated[float, BeforeValidator(seconds), Field(gt=0)]
Country = Annotated[str, Field(pattern=COUNTRY)]
KeyReference = Annotated[str, Field(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")]
