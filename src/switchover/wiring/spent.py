"""What was spent in a month, as commands show it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from switchover.costs.spent import NOT_KNOWN, Month, Share, month_at, provider_of, spent
from switchover.costs.spent import month_of as month_named
from switchover.domain.process import Settings
from switchover.errors import OperatorError
from switchover.report import focus, focus_check
from switchover.store import Store
from switchover.store.spending import spend_rows

from .parts import CLOCK, open_store


def month_of(name: str | None) -> Month:
    """The month of this name; None: the one that is now. Raises OperatorError."""
    return month_at(CLOCK.now()) if name is None else month_named(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """A month's spend ``by`` one of :data:`~switchover.costs.spent.BY`, most first.

    ``sources``: whose price made up how much, in USD. ``gaps`` say of how many calls it is not known what they cost,
    and why; ``missing`` what the record itself lacks.
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
    with open_store(settings) as store:
        of = {} if process is None else {"process": process}
        found = spent(store, settings, month.begin, month.end, (by,), of)
    return Costs(
        month=month.name, by=by, process=process, rows=found.by[by], whole=found.whole, sources=found.sources,
        gaps=found.unknown, missing=found.missing,
    )  # fmt: skip


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
