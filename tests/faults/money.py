"""Rows about money: a replacement dearer than what is left, a ledger that can't be reached, a price that changed."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from injectors import good, says
from result import Result
from stage import OWN, Stage, staged
from wires import WIRES

from switchover.costs.holding import LedgerHolding
from switchover.costs.metering import price_exchange
from switchover.costs.reconcile import Metered, compare
from switchover.costs.tariffs import tariff
from switchover.domain.candidate import fingerprint
from switchover.domain.process import Budget, Price
from switchover.store.ledger import Ledger

CHEAP = Price(input_mtok="1", output_mtok="1")
# A call of the stage costs more than a dollar with this, and less than a cent with the other.
DEAR = Price(input_mtok="1000", output_mtok="1000")
CENT, DOLLAR = 10_000, 1_000_000
ENOUGH = 400


def budget_short_for_failover(result: Result) -> None:
    """The upstream is overloaded, and its replacement costs more than what is left; then there is a cheaper one."""
    streamed = result.streamed
    busy = says(529, "Overloaded", kind="overloaded_error").script(WIRES[result.dialect], streamed)
    with budgeted(result, busy, CENT) as (stage, _):
        priced(stage, own=DEAR)
        said = stage.ask(streamed=streamed, limit=50)
        result.note("caller", "429 budget_exceeded", said, (said.status, said.code) == (429, "budget_exceeded"))
        again = said.headers.get("x-should-retry")
        result.note("to be retried", "no", again, again == "false")
        result.note("replacement", "not asked", len(stage.own.seen), not stage.own.seen)
        priced(stage, own=CHEAP)
        said = stage.ask(streamed=streamed, retries=0, limit=50)
        result.note("a cheaper one", "its answer", said, said.answered and OWN in said.text)


def ledger_unreachable(result: Result) -> None:
    """The ledger is locked: what is held is spent, then paid upstreams are refused and our own go on."""
    wire, streamed = WIRES[result.dialect], result.streamed
    with budgeted(result, good(wire, streamed), DOLLAR) as (stage, folder):
        priced(stage, own=CHEAP)
        before = stage.served.source.current
        # Nobody takes over, for now.
        stage.served.source.current = replace(before, proofs=())
        said = stage.ask(streamed=streamed, retries=0, limit=50)
        result.note("before", "the answer", said, said.answered)
        with contextlib.closing(sqlite3.connect(Path(folder, "budget.sqlite"), isolation_level=None)) as locked:
            locked.execute("begin exclusive")
            held = max(lease.granted - lease.returned for lease in stage.served.gateway.budgets.leases)
            for _ in range(ENOUGH):
                said = stage.ask(streamed=streamed, retries=0, limit=900)
                if not said.answered:
                    break
            result.note(
                "caller", "503 budget_unavailable", said, (said.status, said.code) == (503, "budget_unavailable")
            )
            spent = max(lease.spent + lease.reserved for lease in stage.served.gateway.budgets.leases)
            result.note("spent", "at most what was held", f"{spent} of {held}", spent <= held)
            own = replace(stage.served.source.current.upstreams["own"], host="own", price=None)
            proven = tuple(replace(one, fingerprint=fingerprint(own)) for one in before.proofs)
            upstreams = {**stage.served.source.current.upstreams, "own": own}
            stage.served.source.current = replace(before, upstreams=upstreams, proofs=proven)
            said = stage.ask(streamed=streamed, retries=0, limit=900)
            result.note("our own", "its answer", said, said.answered and OWN in said.text)
            locked.execute("rollback")


def price_changed(result: Result) -> None:
    """The model loses its price, which changes on a day; and an invoice says otherwise than what was metered."""
    wire, streamed = WIRES[result.dialect], result.streamed
    with budgeted(result, good(wire, streamed), DOLLAR) as (stage, _):
        priced(stage, own=CHEAP)
        said = stage.ask(streamed=streamed, retries=0, limit=50)
        result.note("with a price", "the answer", said, said.answered and OWN not in said.text)
        asked, now = len(stage.vendor.seen), stage.served.source.current
        stage.served.source.current = replace(now, tariffs={"own": now.tariffs["own"]})
        said = stage.ask(streamed=streamed, retries=0, limit=50)
        result.note("without one", "the replacement's answer", said, said.answered and OWN in said.text)
        stage.served.source.current = replace(now, tariffs={"own": now.tariffs["own"]}, proofs=())
        said = stage.ask(streamed=streamed, retries=0, limit=50)
        told = (said.status, said.code) == (503, "budget_unavailable") and "no price" in said.why
        result.note("caller", "503 budget_unavailable, which says why", said, told)
        result.note("asked without a price", "never", len(stage.vendor.seen) - asked, len(stage.vendor.seen) == asked)
        stage.faults()
        upstreams = now.upstreams
        spec = upstreams["vendor"]
        exchange = next(one for one in stage.served.spool.exchanges if one.upstream == "vendor")
        dearer = Price(input_mtok="2", output_mtok="2", source="a test", since=exchange.started_at - 1)
        amounts = [
            price_exchange(exchange, {**upstreams, "vendor": replace(spec, price=price, later_prices=later)}).amount
            for price, later in ((CHEAP, ()), (CHEAP, (dearer,)), (None, ()))
        ]
        result.note("the day's price", "twice", f"{amounts[0]}, {amounts[1]}", amounts[1] == 2 * (amounts[0] or 0))
        result.note("metered without one", "not known", amounts[2], amounts[2] is None)
    found = compare("acme", "2026-11", Metered(settled=Decimal(1)), Decimal(150), Decimal("0.02"))
    result.note("an invoice of 150 times as much", "beyond the tolerance", found.difference, found.within is False)


@contextlib.contextmanager
def budgeted(result: Result, script: object, cap: int) -> Iterator[tuple[Stage, str]]:
    """A stage whose process may spend so much, and the folder of its ledger."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.open(folder, "sqlite://", busy_s=0.1)
        with staged(
            result.dialect, script, backed=True, streamed=result.streamed, budget=Budget(month=cap),  # type: ignore[arg-type]  # a script, as the row has it
            budgets=lambda: LedgerHolding(ledger, folder, "worker-0"),
        ) as stage:  # fmt: skip
            yield stage, folder


def priced(stage: Stage, *, own: Price) -> None:
    """The prices from now on, as a worker takes them from the next snapshot."""
    now = stage.served.source.current
    prices = {"vendor": CHEAP, "own": own}
    specs = {name: replace(one, price=prices[name]) for name, one in now.upstreams.items()}
    made = {name: tariff(one, 1.0) for name, one in specs.items()}
    stage.served.source.current = replace(now, upstreams=specs, tariffs=made)
