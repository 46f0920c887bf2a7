"""What was spent in a span of time, from the hourly figures: by whatever is asked, with what is not known named."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from switchover.domain.charge import BILLIONTH, KINDS, Basis
from switchover.domain.process import Settings
from switchover.errors import OperatorError
from switchover.store import Store
from switchover.store.spending import spend_rows
from switchover.store.traffic import gaps

BY = ("upstream", "process", "provider", "purpose", "day")
NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Month:
    """A month by UTC: its name (``2026-11``), and when it begins and ends in Unix seconds."""

    name: str
    begin: float
    end: float


def month_at(now: float) -> Month:
    """The month that a moment (Unix seconds) lies in."""
    return month_of(datetime.fromtimestamp(now, UTC).strftime("%Y-%m"))


def month_of(name: str) -> Month:
    """The month of this name. Raises OperatorError."""
    try:
        begin = datetime.strptime(f"{name}-01", "%Y-%m-%d").replace(tzinfo=UTC)
        year, month = (begin.year + 1, 1) if begin.month == 12 else (begin.year, begin.month + 1)
        end = datetime(year, month, 1, tzinfo=UTC)
    except ValueError as cause:
        raise OperatorError(f"--month {name!r} is no month", mend="write it as 2026-11") from cause
    return Month(f"{begin:%Y-%m}", begin.timestamp(), end.timestamp())


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
class Spent:
    """A span's spend: ``by`` (one of :data:`BY` → name → share), and in all.

    ``sources``: whose price made up how much, in USD, most first. ``unknown`` says of how many calls it is not known
    what they cost, and why; ``missing`` what the record itself lacks.
    """

    by: Mapping[str, Mapping[str, Share]]
    whole: Share
    sources: Mapping[str, Decimal]
    unknown: Mapping[str, int]
    missing: Sequence[str]


def spent(
    store: Store, settings: Settings, begin: float, end: float, by: Collection[str], of: Mapping[str, str] | None = None
) -> Spent:
    """What was spent from ``begin`` to before ``end`` (Unix seconds, full hours).

    ``of`` leaves only what has these values (of :data:`BY`, but the day).
    """
    wanted = dict(of or {})
    columns = ("process", "upstream", "provider", "purpose", "basis", "ending", "source")
    rows = spend_rows(store, begin, end, (*(("day",) if "day" in by else ()), *columns), wanted.get("process"))
    found: dict[str, defaultdict[str, Share]] = {name: defaultdict(Share) for name in by}
    whole, unknown, money = Share(), Counter[str](), defaultdict[str, Decimal](Decimal)
    for row in rows:
        names = {name: named(settings, name, row) for name in dict.fromkeys((*by, *wanted))}
        if any(names[name] != value for name, value in wanted.items()):
            continue
        amount, calls = spent_of(row), int(row["calls"])
        for share in (whole, *(found[name][names[name]] for name in by)):
            share.take(row, calls, amount)
        if row["basis"] == Basis.UNPRICED:
            unknown[row["source"]] += calls
        else:
            money[row["source"]] += amount
    return Spent(
        by={name: _ordered(name, shares) for name, shares in found.items()},
        whole=whole,
        sources=dict(sorted(money.items(), key=lambda one: -one[1])),
        unknown=dict(unknown.most_common()),
        missing=lacking(store, begin, end),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What makes up a figure: tries with the same ``of`` (column → value). ``amount`` is in USD; None: not known."""

    of: Mapping[str, str]
    calls: int
    tokens: Mapping[str, int]
    amount: Decimal | None


def lines(store: Store, settings: Settings, begin: float, end: float, of: Mapping[str, str]) -> list[Line]:
    """What a span's figure is made of, most first; ``of`` as for :func:`spent`."""
    columns = ("process", "upstream", "provider", "model", "purpose", "basis", "ending", "source")
    found = []
    for row in spend_rows(store, begin, end, columns, of.get("process")):
        if any(named(settings, name, row) != value for name, value in of.items()):
            continue
        amount = None if row["basis"] == Basis.UNPRICED else spent_of(row)
        told = {name: str(row[name]) for name in columns} | {"provider": provider_of(settings, row)}
        tokens = {kind: int(row[f"{kind}_tokens"]) for kind in KINDS[:-1]}
        found.append(Line(of=told, calls=int(row["calls"]), tokens=tokens, amount=amount))
    return sorted(found, key=lambda one: (-(one.amount or Decimal(0)), -one.calls))


def _ordered(name: str, shares: Mapping[str, Share]) -> dict[str, Share]:
    """Days in their order, all else most first."""
    if name == "day":
        return dict(sorted(shares.items()))
    return dict(sorted(shares.items(), key=lambda one: (-one[1].total, one[0])))


def named(settings: Settings, by: str, row: Mapping[str, object]) -> str:
    """What a row of the store's is called, ``by`` one of :data:`BY`."""
    if by == "provider":
        return provider_of(settings, row)
    if by == "day":
        return datetime.fromtimestamp(int(str(row["day"])) * 86_400, UTC).strftime("%Y-%m-%d")
    return str(row[by]) or NOT_KNOWN


def provider_of(settings: Settings, row: Mapping[str, object]) -> str:
    """Who was paid: as it was when it was counted, else as the upstream is configured."""
    known = settings.upstreams.get(str(row["upstream"]))
    return str(row["provider"]) or (known.host if known else NOT_KNOWN)


def spent_of(row: Mapping[str, object]) -> Decimal:
    """A row's amount in USD."""
    return Decimal(sum(int(str(row[f"{kind}_spent"])) for kind in KINDS)) / BILLIONTH


def lacking(store: Store, begin: float, end: float) -> list[str]:
    """What the record lacks of a span, in words, newest first."""
    found = [one for one in gaps(store, begin) if one[1] < end]
    return [
        f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} {worker}: {f'{records} records lost, ' if records else ''}"
        f"{reason}; what they cost is not in here"
        for worker, at, records, reason in found
    ]
