"""Published payback cases of a machine of one's own, recomputed by the projection from the shipped facts.

Each case is a process that uses so many tokens a month and stays with a hosted model; the machine is the same in all.
Nothing grows, no price changes and nobody is paid, as the cases say. Fails where one is off by more than a tenth.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from switchover.costs.assumptions import Chance, Values, shipped
from switchover.costs.hosting import HOURS_PER_MONTH, Hosting, machine, payback_months, throughput
from switchover.costs.options import Known, world
from switchover.costs.project import simulate
from switchover.costs.usage import UsageModel
from switchover.domain.costing import Assumption
from switchover.domain.process import Price, Settings
from switchover.facts.read import facts
from switchover.testing.builders import NOW, make_process, make_settings, make_upstream

TOLERANCE = 0.10
# Beyond this a machine has long been replaced: "never" and so many months say the same.
NEVER_MONTHS = 1000.0
MTOK = 1_000_000


@dataclass(frozen=True)
class Case:
    """``expected`` and ``found`` in months; infinite: never."""

    model: str
    output_mtok: float
    expected: float
    found: float

    @property
    def difference(self) -> float:
        """As a share of what is expected; 0 where both say never."""
        if self.expected == float("inf"):
            return 0.0 if self.found > NEVER_MONTHS else float("inf")
        return self.found / self.expected - 1


def cases() -> Iterator[Case]:
    """Every published case, with what the projection says."""
    page = facts("payback")
    terms = page["terms"]
    for row in page["cases"]:
        expected = float("inf") if row["months"] is None else float(row["months"])
        found = payback(row["model"], float(row["output_mtok_month"]), terms)
        yield Case(row["model"], row["output_mtok_month"], expected, found)


def payback(model: str, output_mtok: float, terms: Mapping[str, Any]) -> float:
    """Months until the machine of the terms has paid for itself against a hosted model at its listed price."""
    built, _ = world(_settings(model), {"claims": _usage(output_mtok, terms)}, Known(), NOW, 1)
    rows = shipped() | _rows(terms)
    stays = replace(built, rows=rows, options=built.options[:1])
    values = Values(rows, Chance(0, 1), certain=True)
    saved = float(simulate(stays, values).monthly["stay"][0, 0])
    hosting = Hosting(
        machine=machine(terms["machine"]),
        model="gpt-oss-120b",
        throughput=throughput(terms["machine"], "gpt-oss-120b", 0.0),
    )
    return payback_months(hosting, 1.0, saved, values)


def _settings(model: str) -> Settings:
    row = next(one for one in facts("prices")["prices"] if one["model"] == model)
    price = Price(input_mtok=row["input_mtok"], output_mtok=row["output_mtok"], source=row["source"])
    upstream = make_upstream("hosted", model=model, price=price)
    return make_settings(
        upstreams={"hosted": upstream}, processes={"claims": make_process("claims", baseline="hosted", fallbacks=())}
    )


def _usage(output_mtok: float, terms: Mapping[str, Any]) -> UsageModel:
    return UsageModel(
        process="claims", calls=1.0, input=output_mtok * terms["input_per_output"] * MTOK, cached=0.0,
        output=output_mtok * MTOK, peak_ratio=1.0, week=(), growth=(0.0, 0.0, 0.0), error=0.0, hours=730.0, first=0.0,
        last=0.0, confidence="given", gaps=(),
    )  # fmt: skip


def _rows(terms: Mapping[str, Any]) -> dict[str, Assumption]:
    """The terms of the cases as assumptions: so much power a month, no staff, nothing else."""
    kwh = machine(terms["machine"]).watts / 1000 * HOURS_PER_MONTH  # type: ignore[operator]
    said = {
        "power_usd_kwh": float(Decimal(terms["power_usd_month"])) / kwh,
        "power_draw_share": 1.0,
        "pue": 1.0,
        "space_usd_month": 0.0,
        "staff_month_hours": float(terms["staff_hours"]),
    }
    rows = shipped()
    return {name: replace(rows[name], value=value, low=value, high=value) for name, value in said.items()}


def main() -> int:
    """Prints the table; 1 if a case is off."""
    print(f"{'stays with':18} {'Mtok out':>9} {'published':>10} {'computed':>9} {'difference':>11}")
    off = 0
    for case in cases():
        within = abs(case.difference) <= TOLERANCE
        off += not within
        said = f"{case.difference:+.1%}" if case.expected != float("inf") else "–" if within else "BEYOND"
        print(
            f"{case.model:18} {case.output_mtok:9g} {_months(case.expected):>10} {_months(case.found):>9} {said:>11}"
            f"{'' if within else '  BEYOND 10 %'}"
        )
    print(
        f"months until {facts('payback')['terms']['machine']} has paid for itself; {facts('payback')['meta']['source']}"
    )
    return 1 if off else 0


def _months(months: float) -> str:
    return "never" if months > NEVER_MONTHS else f"{months:.1f}"


if __name__ == "__main__":
    sys.exit(main())
