"""What was spent in a month, as commands show it."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from switchover.domain.charge import BILLIONTH, KINDS, Basis
from switchover.domain.process import Settings
from switchover.errors import OperatorError
from switchover.report import focus, focus_check
from switchover.store import Store
from switchover.store.spending import spend_rows
from switchover.store.traffic import gaps

from .parts import CLOCK, open_store

BY = ("upstream", "process", "provider", "purpose", "day")
NOT_KNOWN = "not known"
MOST_FILE = 256 << 20


@dataclass(frozen=True, slots=True)
class Month:
    """A month by UTC: its name (``2026-11``), and when it begins and ends in Unix seconds."""

    name: str
    begin: float
    end: float


def month_of(name: str | None) -> Month:
    """The month of this name; None: the one that is now. Raises OperatorError."""
    text = name or datetime.fromtimestamp(CLOCK.now(), UTC).strftime("%Y-%m")
    try:
        begin = datetime.strptime(f"{text}-01", "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as cause:
        raise OperatorError(f"--month {text!r} is no month", mend="write it as 2026-11") from cause
    year, month = (begin.year + 1, 1) if begin.month == 12 else (begin.year, begin.month + 1)
    return Month(f"{begin:%Y-%m}", begin.timestamp(), datetime(year, month, 1, tzinfo=UTC).timestamp())


@dataclass(slots=True)
class Share:
    """What was spent under one name, in USD. ``broken`` is the part of tries that were no answer to anybody."""

    calls: int = 0
    settled: Decimal = Decimal(0)
    estimated: Decimal = Decimal(0)
    unpriced: int = 0
    broken: Decimal = Decimal(0)
    tokens: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> Decimal:
        """All that has a price."""
        return self.settled + self.estimated

    def take(self, row: Mapping[str, object], calls: int, spent: Decimal) -> None:
        """Counts a row of the store's."""
        self.calls += calls
        if row["basis"] == Basis.UNPRICED:
            self.unpriced += calls
        elif row["basis"] == Basis.ESTIMATED:
            self.estimated += spent
        else:
            self.settled += spent
        if row["ending"] != "answered":
            self.broken += spent
        for kind in KINDS[:-1]:
            self.tokens[kind] += int(str(row[f"{kind}_tokens"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """A month's spend ``by`` one of :data:`BY`, most first. ``sources``: whose price made up how much, in USD.

    ``gaps`` say of how many calls it is not known what they cost, and why; ``missing`` what the record itself lacks.
    """

    month: str
    by: str
    process: str | None
    rows: Mapping[str, Share]
    whole: Share
    sources: Mapping[str, Decimal]
    gaps: Mapping[str, int]
    missing: Sequence[str]


def costs(settings: Settings, month: Month, by: str, process: str | None = None) -> Costs:
    """What was spent in a month, from the hourly figures."""
    column = "upstream" if by == "provider" else by
    columns = tuple(dict.fromkeys((column, "upstream", "provider", "basis", "ending", "source")))
    rows: defaultdict[str, Share] = defaultdict(Share)
    whole, sources, unknown = Share(), Counter[str](), Counter[str]()
    money: defaultdict[str, Decimal] = defaultdict(Decimal)
    with open_store(settings) as store:
        for row in spend_rows(store, month.begin, month.end, columns, process):
            spent, calls = spent_of(row), int(row["calls"])
            name = provider_of(settings, row) if by == "provider" else _named(by, row[by])
            for share in (rows[name], whole):
                share.take(row, calls, spent)
            if row["basis"] == Basis.UNPRICED:
                unknown[row["source"]] += calls
            else:
                money[row["source"]] += spent
                sources[row["source"]] += calls
        missing = _missing(store, month)
    ordered = sorted(rows.items()) if by == "day" else sorted(rows.items(), key=lambda one: (-one[1].total, one[0]))
    return Costs(
        month=month.name, by=by, process=process, rows=dict(ordered), whole=whole,
        sources=dict(sorted(money.items(), key=lambda one: -one[1])), gaps=dict(unknown.most_common()), missing=missing,
    )  # fmt: skip


def provider_of(settings: Settings, row: Mapping[str, object]) -> str:
    """Who was paid: as it was when it was counted, else as the upstream is configured."""
    known = settings.upstreams.get(str(row["upstream"]))
    return str(row["provider"]) or (known.host if known else NOT_KNOWN)


def _named(by: str, value: object) -> str:
    if by == "day":
        return datetime.fromtimestamp(int(str(value)) * 86_400, UTC).strftime("%Y-%m-%d")
    return str(value) or NOT_KNOWN


def spent_of(row: Mapping[str, object]) -> Decimal:
    """A row's amount in USD."""
    return Decimal(sum(int(str(row[f"{kind}_spent"])) for kind in KINDS)) / BILLIONTH


def _missing(store: Store, month: Month) -> list[str]:
    found = [one for one in gaps(store, month.begin) if one[1] < month.end]
    return [
        f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} {worker}: {f'{records} records lost, ' if records else ''}"
        f"{reason}; what they cost is not in here"
        for worker, at, records, reason in found
    ]


def export_focus(settings: Settings, month: Month, to: Path) -> focus.Written:
    """Writes a month as FOCUS 1.2 into a new file, readable by its owner alone. Raises OperatorError."""
    begin, end = (datetime.fromtimestamp(at, UTC) for at in (month.begin, month.end))
    with open_store(settings) as store:
        try:
            descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as cause:
            raise OperatorError(f"{to} is there already", mend="name a new file") from cause
        except OSError as cause:
            raise OperatorError(f"{to}: {cause.strerror}", mend="name a file in a folder that takes files") from cause
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            return focus.write(_attributed(settings, store, month), begin, end, file)


def _attributed(settings: Settings, store: Store, month: Month) -> Iterator[dict[str, object]]:
    """The month's sums, each with who was paid and who made the model, as far as the configuration still knows."""
    for row in spend_rows(store, month.begin, month.end, focus.BY):
        known = settings.upstreams.get(row["upstream"])
        provider = provider_of(settings, row)
        developer = row["developer"] or (known.developer if known else "")
        yield dict(row) | {"provider": "" if provider == NOT_KNOWN else provider, "developer": developer}


def check_focus(file: Path) -> focus_check.Checked:
    """What is wrong with a file that is to be FOCUS 1.2. Raises OperatorError where it can't be read."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            return focus_check.check(opened)
    except (OSError, UnicodeDecodeError) as cause:
        raise OperatorError(f"{file} can't be read as text", mend="name a CSV file in UTF-8") from cause
