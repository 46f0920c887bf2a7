"""Invoices taken in, held against what was metered, and what they say of spend that budgets hold as unknown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from switchover.costs.billed import OWN, Billed, billed
from switchover.costs.invoices import in_usd, read_bill
from switchover.costs.reconcile import Difference, Metered, really_unknown
from switchover.costs.spent import Month
from switchover.domain.budget import USD
from switchover.domain.charge import BILLIONTH
from switchover.domain.people import Actor
from switchover.domain.process import Settings
from switchover.errors import NotFound, OperatorError
from switchover.evidence import events
from switchover.notify import wording
from switchover.store.alerts import raise_alert
from switchover.store.invoices import Invoice, new_id, save_invoice
from switchover.store.ledger import Account

from .budget import ledger
from .evidence import noting
from .parts import CLOCK, open_store

MOST_FILE = 256 << 20


def import_invoice(
    settings: Settings, actor: Actor, path: Path, provider: str, month: Month, *, columns: Mapping[str, str],
    rate: Decimal | None, rate_source: str | None, replace: bool,
) -> tuple[Invoice, int]:  # fmt: skip
    """Takes a provider's bill for a month; the invoice, and how many it replaced. Raises OperatorError."""
    if provider not in settings.providers:
        hosts = sorted({spec.host for spec in settings.upstreams.values()})
        raise NotFound(f"there is no provider {provider!r}", mend=f"use one of {', '.join(hosts)}")
    try:
        if path.stat().st_size > MOST_FILE:
            raise OperatorError(f"{path} is larger than 256 MiB", mend="export the month by day and model")
        data = path.read_bytes()
    except OSError as cause:
        raise OperatorError(f"{path}: {cause.strerror}", mend="name a file that can be read") from cause
    bill = read_bill(data, month.name, columns, path.name)
    amount = in_usd(bill, rate)
    invoice = Invoice(
        id=new_id(), provider=provider, month=month.name, at=CLOCK.now(), by=actor.id, file=path.name[:200],
        sha256=hashlib.sha256(data).hexdigest(), currency=bill.currency,
        amount=int((amount * BILLIONTH).to_integral_value()), billed=str(bill.amount),
        rate=None if rate is None else str(rate), rate_source=rate_source, lines=bill.lines,
        by_model={model: str(one) for model, one in bill.by_model.items()},
    )  # fmt: skip
    with open_store(settings) as store, noting(settings, actor) as note:
        replaced = save_invoice(store, invoice, replace=replace)
        note(
            events.invoice(
                provider, month.name, invoice.sha256, bill.currency, f"{amount:f}", bill.lines, replaced
            )
        )  # fmt: skip
    return invoice, replaced


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A budget's month: what is settled and unknown, in micro-USD, before and after an invoice told it.

    ``why``: the reason where it stays unknown.
    """

    budget: str
    month: str
    unknown: int
    before: int
    after: int
    why: str | None = None


def reconcile(
    settings: Settings, actor: Actor, month: Month, *, correct: bool
) -> tuple[list[Difference], list[Corrected]]:
    """Each provider's month, metered beside billed; with ``correct`` what is unknown of budgets is put right by it."""
    with open_store(settings) as store:
        told = billed(store, settings, month)
    found = told.differences(month.name, settings.cost_tolerance)
    with noting(settings, actor) as note:
        for one in found:
            if one.invoiced is not None:
                note(
                    events.reconciled(
                        one.provider, month.name, f"{one.invoiced:f}", f"{one.metered.settled:f}",
                        f"{one.metered.estimated:f}", bool(one.within),
                    )
                )  # fmt: skip
                _alarm(settings, one)
        made = list(_correct(settings, month, told)) if correct else []
        for each in made:
            if each.why is None:
                note(events.budget_corrected(each.budget, each.month, each.unknown, each.before, each.after))
    return found, made


def _alarm(settings: Settings, found: Difference) -> None:
    """Tells whoever is to be told of an invoice that is beyond the tolerance; of the same amount once."""
    if found.within or found.invoiced is None:
        return
    share = "all of it" if found.share is None else f"{found.share:.1%}"
    alert = wording.invoice_differs(
        found.provider, found.month, invoiced=_micro(found.invoiced), metered=_micro(found.metered.total),
        percent=share, tolerance=settings.cost_tolerance, at=CLOCK.now(),
    )  # fmt: skip
    with open_store(settings) as store:
        raise_alert(store, alert, settings.alerts.names)


def _micro(amount: Decimal) -> int:
    return int((amount * USD).to_integral_value())


def _correct(settings: Settings, month: Month, bills: Billed) -> Iterator[Corrected]:
    """Corrects the month's accounts in the ledger whose providers have all billed."""
    estimates = bills.estimates
    # Nobody bills what ran on our own machines: their estimates stand.
    shares: dict[str, Mapping[str, Decimal]] = {OWN: estimates.get(OWN, {})}
    shares |= {
        name: really_unknown(invoiced, bills.metered.get(name, Metered()), estimates.get(name, {}))
        for name, invoiced in bills.billed.items()
    }
    found = ledger(settings)
    try:
        again = found.corrected()
        for account in [one for one in found.accounts() if one.period == month.name]:
            if not account.unknown and (account.budget, account.period) not in again:
                continue
            actual, why = _actual(account, shares, estimates)
            told = None if actual is None else found.correct(account.budget, account.period, actual)
            if actual is not None and told is None:
                why = "its workers hold leases on it yet: try again once the month is over"
            after = account.settled if told is None else told[1].settled
            if told is None or (account.unknown or after != account.settled):
                yield Corrected(
                    budget=account.budget, month=month.name, unknown=account.unknown, before=account.settled,
                    after=after, why=None if told is not None else why,
                )  # fmt: skip
    finally:
        found.close()


def _actual(
    account: Account, shares: Mapping[str, Mapping[str, Decimal]], estimates: Mapping[str, Mapping[str, Decimal]]
) -> tuple[int | None, str | None]:
    """What an account's unknown calls did cost, in micro-USD; None with the reason where the bills do not tell."""
    kind, _, name = account.budget.partition(":")
    if kind == "provider":
        concerned = {name}
    else:
        concerned = {host for host, by in estimates.items() if kind == "organisation" or name in by}
    if not concerned:
        return None, "nothing in the record says whom its unknown calls were sent to"
    if waiting := sorted(concerned - shares.keys()):
        return None, f"no invoice of {', '.join(waiting)} was imported for the month"
    parts = [
        part for host in concerned for process, part in shares[host].items() if kind != "process" or process == name
    ]
    return _micro(sum(parts, Decimal(0))), None
