"""Whether a file is FOCUS 1.2: the columns, types and values that it wants, as ``facts/focus.yaml`` has them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from importlib import resources
from typing import Any, TextIO

import yaml

NUMERIC = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
CURRENCY = re.compile(r"[A-Z]{3}")
MOST_SHOWN = 20
PERIODS = (("ChargePeriodStart", "ChargePeriodEnd"), ("BillingPeriodStart", "BillingPeriodEnd"))


@dataclass(slots=True)
class Checked:
    """What was found: ``wrong`` names rule, line and value, the first twenty of them; ``total`` is the billed cost."""

    rows: int = 0
    wrong: list[str] = field(default_factory=list)
    failures: int = 0
    total: Decimal = Decimal(0)

    def fail(self, text: str) -> None:
        """Counts what is wrong."""
        self.failures += 1
        if len(self.wrong) < MOST_SHOWN:
            self.wrong.append(text)


def check(file: TextIO) -> Checked:
    """Checks a CSV file, row by row: it need not fit in memory."""
    found, columns = Checked(), _columns()
    reader = csv.DictReader(file)
    try:
        header = list(reader.fieldnames or ())
        _check_header(found, header, columns)
        there = [column for column in columns if column["name"] in header]
        for row in reader:
            found.rows += 1
            _check_row(found, row, there, reader.line_num)
    except csv.Error as cause:
        found.fail(f"line {reader.line_num}: no CSV: {cause}")
    if not found.rows:
        found.fail("no row")
    return found


def _columns() -> list[dict[str, Any]]:
    text = resources.files("switchover.facts").joinpath("focus.yaml").read_text(encoding="utf-8")
    columns: list[dict[str, Any]] = yaml.safe_load(text)["columns"]
    return columns


def _check_header(found: Checked, header: list[str], columns: list[dict[str, Any]]) -> None:
    for column in columns:
        if column["presence"] == "mandatory" and column["name"] not in header:
            found.fail(f"{column['rule']}: the column {column['name']} is missing")
    for name in sorted({one for one in header if header.count(one) > 1}):
        found.fail(f"the column {name} is there twice")


def _check_row(found: Checked, row: Mapping[str, Any], columns: list[dict[str, Any]], line: int) -> None:
    if None in row or None in row.values():
        found.fail(f"line {line}: more or fewer cells than columns")
        return
    before = found.failures
    for column in columns:
        for reason in _wrong(column, row[column["name"]]):
            found.fail(f"{column['rule']}: line {line}: {column['name']} {reason}")
    if found.failures > before:
        return
    for begin, end in PERIODS:
        # Moments in one form sort as text.
        if begin in row and end in row and not row[begin] < row[end]:
            found.fail(f"{begin}-C: line {line}: {begin} is not before {end}")
    found.total += Decimal(row.get("BilledCost") or 0)


def _wrong(column: Mapping[str, Any], value: str) -> Iterator[str]:
    if not value:
        if not column["nullable"]:
            yield "is null"
        return
    if not TYPES[column["type"]](value):
        yield f"is no {column['type']}: {value[:40]!r}"
    elif "values" in column and value not in column["values"]:
        yield f"is {value[:40]!r}, and not one of {', '.join(column['values'])}"


def _is_number(value: str) -> bool:
    try:
        return NUMERIC.fullmatch(value) is not None and Decimal(value).is_finite()
    except InvalidOperation:
        return False


def _is_tags(value: str) -> bool:
    try:
        tags = json.loads(value)
    except ValueError:
        return False
    plain = (str, int, float, bool)
    return isinstance(tags, dict) and all(one is None or isinstance(one, plain) for one in tags.values())


TYPES: Mapping[str, Callable[[str], bool]] = {
    "numeric": _is_number,
    "moment": lambda value: MOMENT.fullmatch(value) is not None,
    "currency": lambda value: CURRENCY.fullmatch(value) is not None,
    "text": lambda value: value == value.strip(),
    "tags": _is_tags,
}
