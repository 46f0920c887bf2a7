"""What a provider billed for a month, read from its file: columns that are named, FOCUS, or JSON. Pure."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from switchover.errors import OperatorError

USD = "USD"
# A column's names in exports of bills, in small letters; FOCUS has the first of each.
KNOWN = {
    "amount": ("billedcost", "amount", "cost", "amount_usd", "cost_usd", "total", "amount (usd)", "cost (usd)"),
    "currency": ("billingcurrency", "currency"),
    "date": ("chargeperiodstart", "date", "day", "usage_date", "start_date"),
    "model": ("x_model", "model", "line_item", "description", "chargedescription", "skuid"),
}
FIELDS = tuple(KNOWN)
# A number with a point before its decimals; commas part thousands or nothing.
NUMBER = re.compile(r"-?((\d+|\d{1,3}(,\d{3})+)(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
# What a last line is called that is the sum of those before.
TOTALS = ("total", "grand total", "sum")
# Beyond this a comma has slipped.
ABSURD = Decimal(1_000_000_000)
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a bill. ``day`` begins with the month (ISO 8601), "" where the line has none."""

    amount: Decimal
    currency: str
    model: str = ""
    day: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """A month's bill in the currency it was made out in."""

    currency: str
    amount: Decimal
    lines: int
    by_model: Mapping[str, Decimal]


def read_bill(data: bytes, month: str, columns: Mapping[str, str], name: str) -> Bill:
    """The bill in a file called ``name``. ``columns`` says which of its columns is which of :data:`FIELDS`.

    Raises OperatorError, with the line, for what is no bill, has several currencies, or belongs to another month.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        raise OperatorError(f"{name} is no text in UTF-8", mend="export the bill as CSV or JSON") from cause
    if text.lstrip()[:1] in ("{", "["):
        lines, total = _json(text, name)
    else:
        lines, total = _without_total(list(_csv(text, columns, name)))
    if not lines:
        raise OperatorError(f"{name} has no line with an amount", mend="export the bill of that month again")
    return _bill(lines, total, month, name)


def in_usd(bill: Bill, rate: Decimal | None) -> Decimal:
    """What the bill is in dollars. Raises OperatorError for another currency without a rate."""
    if bill.currency == USD:
        if rate is not None:
            raise OperatorError("the invoice is in USD already", mend="leave --rate out")
        return bill.amount
    if rate is None:
        raise OperatorError(
            f"the invoice is in {bill.currency}, and what is metered is in USD",
            mend=f"say what a {bill.currency} was worth, and who says so: --rate 1.08 --rate-source 'ECB, 2 December'",
        )
    return bill.amount * rate


def _bill(lines: list[Line], total: Decimal | None, month: str, name: str) -> Bill:
    currencies = sorted({line.currency for line in lines})
    if len(currencies) > 1:
        raise OperatorError(f"{name} is in {', '.join(currencies)}", mend="import one file for each currency")
    other = [line.day for line in lines if line.day and not line.day.startswith(month)]
    if other:
        raise OperatorError(
            f"{len(other)} of {len(lines)} lines of {name} are not of {month} (such as {other[0][:10]})",
            mend="export that month alone, or name the month that the bill is for with --month",
        )
    amount = sum((line.amount for line in lines), Decimal(0))
    if total is not None and abs(total - amount) > CENT / 2:
        raise OperatorError(f"{name} says {total} in all, and its lines come to {amount}", mend="export it again")
    if amount < 0 or amount > ABSURD:
        raise OperatorError(f"{name} comes to {amount} {currencies[0]}", mend="see which column holds the amounts")
    by_model: defaultdict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        by_model[line.model] += line.amount
    return Bill(currency=currencies[0], amount=amount, lines=len(lines), by_model=dict(by_model))


def _csv(text: str, columns: Mapping[str, str], name: str) -> Iterator[tuple[Line, bool]]:
    """The lines, and whether each calls itself the total."""
    reader = csv.DictReader(io.StringIO(text))
    header = [column or "" for column in reader.fieldnames or ()]
    chosen = {field: _column(field, header, columns, name) for field in FIELDS}
    if chosen["amount"] is None:
        raise OperatorError(
            f"{name} has no column of amounts that is known: {', '.join(header)[:200] or 'no header'}",
            mend="say which it is: --column amount='Total cost'",
        )
    for row in reader:
        where = f"{name}:{reader.line_num}"
        # csv.DictReader puts what has no column under None.
        if any(cell.strip() for cell in row.pop(None, None) or ()):
            raise OperatorError(f"{where}: more cells than columns", mend='put an amount such as "1,234.56" in quotes')
        cells = {column: (value or "").strip() for column, value in row.items()}
        if not any(cells.values()):
            continue
        told = {field: cells[column] if column else "" for field, column in chosen.items()}
        is_total = any(cell.lower().rstrip(": ") in TOTALS for cell in cells.values())
        yield _line(told["amount"], told["currency"] or USD, told["model"], told["date"], where), is_total


def _without_total(found: list[tuple[Line, bool]]) -> tuple[list[Line], Decimal | None]:
    """The lines, and what the last one says they come to, if that is what it is."""
    lines = [line for line, _ in found]
    if len(found) > 1 and found[-1][1]:
        return lines[:-1], lines[-1].amount
    return lines, None


def _column(field: str, header: Iterable[str], columns: Mapping[str, str], name: str) -> str | None:
    named = columns.get(field)
    if named is not None:
        if named not in header:
            raise OperatorError(f"{name} has no column {named!r}", mend=f"use one of {', '.join(header)[:200]}")
        return named
    small = {column.strip().lower(): column for column in header}
    return next((small[known] for known in KNOWN[field] if known in small), None)


def _json(text: str, name: str) -> tuple[list[Line], Decimal | None]:
    try:
        # Amounts as they are written: a float would round them.
        found = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError) as cause:
        raise OperatorError(f"{name} is no JSON: {cause}", mend="export the bill as CSV or JSON") from cause
    top: Mapping[str, Any] = found if isinstance(found, dict) else {"lines": found}
    currency, total = str(top.get("currency") or USD), top.get("total")
    rows = top.get("lines")
    if rows is None and total is not None:
        return [_line(total, currency, "", "", name)], None
    if not isinstance(rows, list):
        raise OperatorError(f"{name} has neither lines nor a total", mend="see docs/how-to/reconcile-an-invoice.md")
    lines = [_json_line(row, currency, f"{name}, line {place}") for place, row in enumerate(rows, 1)]
    return lines, None if total is None else _amount(total, f"{name}, total")


def _json_line(row: Any, currency: str, where: str) -> Line:
    if not isinstance(row, dict):
        raise OperatorError(f"{where}: got {str(row)[:40]!r}", mend="write an object with an amount")
    model, day, code = (str(row.get(key) or "") for key in ("model", "date", "currency"))
    return _line(row.get("amount"), code or currency, model, day, where)


def _line(amount: Any, currency: str, model: str, day: str, where: str) -> Line:
    code = currency.strip().upper()
    if len(code) != 3 or not code.isascii() or not code.isalpha():
        raise OperatorError(f"{where}: got the currency {currency[:20]!r}", mend="use a code of ISO 4217, such as USD")
    return Line(amount=_amount(amount, where), currency=code, model=model[:128], day=day)


def _amount(text: Any, where: str) -> Decimal:
    told = str(text).strip()
    number = told.removeprefix("-").strip().removeprefix("$")
    number = f"-{number}" if told.startswith("-") else number
    if NUMBER.fullmatch(number) is None:
        raise OperatorError(
            f"{where}: got {told[:40]!r} as an amount",
            mend="write it as a number such as 12.34, with a point before its decimals",
        )
    return Decimal(number.replace(",", ""))
