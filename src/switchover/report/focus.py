"""A month's spend as FOCUS 1.2 has it: one row per day, process, upstream, model, purpose and kind of token.

FOCUS is the FinOps Foundation's format of bills (focus.finops.org/focus-specification/v1-2). Costs are written to the
billionth of a dollar, as they are kept, so that nothing is rounded before it is summed.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TextIO

from switchover.domain.charge import BILLIONTH, KINDS, Basis

COLUMNS = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd",
    "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd",
    "ChargePeriodStart", "CommitmentDiscountStatus", "ConsumedQuantity", "ConsumedUnit", "ContractedCost",
    "EffectiveCost", "InvoiceId", "InvoiceIssuerName", "ListCost", "PricingCategory", "PricingQuantity", "PricingUnit",
    "ProviderName", "PublisherName", "ServiceCategory", "ServiceName", "ServiceSubcategory", "Tags", "x_Model",
    "x_Upstream", "x_TokenKind", "x_Basis", "x_Ending", "x_PriceSource",
)  # fmt: skip
# What the columns are read by, in the store's words.
BY = (
    "day", "process", "upstream", "model", "provider", "developer", "purpose", "ending", "basis", "source",
)  # fmt: skip
DESCRIBED = {
    "input": "input tokens",
    "cached": "input tokens read from a prompt cache",
    "written": "input tokens written to a prompt cache",
    "output": "output tokens",
    "call": "requests",
}
UNKNOWN = "unknown"
Row = Mapping[str, object]


@dataclass(slots=True)
class Written:
    """What a file holds: its rows and their sum, in USD; and how many calls are not in it, as they have no price."""

    rows: int = 0
    total: Decimal = Decimal(0)
    unpriced: int = 0


def write(rows: Iterable[Row], begin: datetime, end: datetime, to: TextIO) -> Written:
    """Writes the store's sums (``by`` :data:`BY`) of a billing period as CSV."""
    found = Written()
    writer = csv.writer(to, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        if row["basis"] == Basis.UNPRICED:
            found.unpriced += _whole(row["calls"])
            continue
        for cells, cost in _of(row, begin, end):
            writer.writerow([cells.get(column, "") for column in COLUMNS])
            found.rows += 1
            found.total += cost
    return found


def _of(row: Row, begin: datetime, end: datetime) -> Iterator[tuple[dict[str, str], Decimal]]:
    """A row of FOCUS for each kind that was used or billed."""
    spent = {kind: _whole(row[f"{kind}_spent"]) for kind in KINDS}
    used = {kind: _whole(row[f"{kind}_tokens"]) for kind in KINDS[:-1]}
    used["call"] = _whole(row["calls"]) if spent["call"] else 0
    kinds = [kind for kind in KINDS if spent[kind] or used[kind]]
    listed = _listed(_whole(row["listed"]), {kind: spent[kind] for kind in kinds})
    shared = _shared(row, begin, end)
    for kind in kinds:
        cost = Decimal(spent[kind]) / BILLIONTH
        unit = "Requests" if kind == "call" else "Tokens"
        quantity = f"{used[kind]}.0"
        yield (
            {
                **shared,
                **dict.fromkeys(("BilledCost", "ContractedCost", "EffectiveCost"), _money(cost)),
                "ListCost": _money(Decimal(listed[kind]) / BILLIONTH),
                "ChargeDescription": f"{row['model']}: {DESCRIBED[kind]}, {row['ending']}",
                **dict.fromkeys(("ConsumedQuantity", "PricingQuantity"), quantity),
                **dict.fromkeys(("ConsumedUnit", "PricingUnit"), unit),
                "x_TokenKind": kind,
            },
            cost,
        )


def _shared(row: Row, begin: datetime, end: datetime) -> dict[str, str]:
    day = datetime.fromtimestamp(_whole(row["day"]) * 86_400, UTC)
    provider, developer = str(row["provider"]) or UNKNOWN, str(row["developer"]) or UNKNOWN
    return {
        "BillingAccountId": provider,
        "BillingAccountName": provider,
        "BillingCurrency": "USD",
        "BillingPeriodStart": _moment(begin),
        "BillingPeriodEnd": _moment(end),
        "ChargePeriodStart": _moment(day),
        "ChargePeriodEnd": _moment(day + timedelta(days=1)),
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "InvoiceIssuerName": provider,
        "PricingCategory": "Standard",
        "ProviderName": provider,
        "PublisherName": developer,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": f"Models at {provider}",
        "ServiceSubcategory": "Generative AI",
        "Tags": json.dumps({"process": row["process"], "purpose": row["purpose"]}, separators=(",", ":")),
        "x_Model": str(row["model"]),
        "x_Upstream": str(row["upstream"]),
        "x_Basis": str(row["basis"]),
        "x_Ending": str(row["ending"]),
        "x_PriceSource": str(row["source"]),
    }


def _listed(whole: int, spent: Mapping[str, int]) -> dict[str, int]:
    """The price before discounts by kind, in the proportion of what was spent; the last has what rounding leaves."""
    total = sum(spent.values())
    if not total:
        # All of it was given away: it is listed with what was read.
        return {kind: whole if place == 0 else 0 for place, kind in enumerate(spent)}
    found = {kind: whole * one // total for kind, one in spent.items()}
    last = max(spent, key=lambda kind: spent[kind])
    found[last] += whole - sum(found.values())
    return found


def _whole(value: object) -> int:
    return int(str(value))


def _money(amount: Decimal) -> str:
    return f"{amount:.9f}"


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
