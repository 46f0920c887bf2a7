"""One worker of a history: random calls through the real leases and the real ledger, each step noted before and after.

``python worker.py FOLDER DATABASE NAME SEED CALLS CAP [racy]``. Each call is charged to the organisation and to its
process, which have the same cap, to one of three caller keys, of which one has a hard cap and one a soft one, and at
the replacement to that one's provider.

A line of the history is one write to a file that all append to, so that its order is that in which things happened. A
call's lines:

- ``A id bound``: what it can cost is about to be reserved
- ``B id cost``: reserved; its provider is asked, who will bill ``cost``, at most the bound
- ``Z id cost``: about to be settled with ``cost`` (``U id bound``: as unknown)
- ``D id``: settled
- ``R id``: refused
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from types import SimpleNamespace
from typing import Any

from switchover.clock import SystemClock
from switchover.costs.holding import LedgerHolding
from switchover.domain.budget import Rates, Tariff
from switchover.domain.exchange import Usage
from switchover.domain.process import Budget, Criticality, DataClass, Process, Provider, UpstreamSpec
from switchover.domain.register import Snapshot
from switchover.errors import BudgetExceeded, BudgetUnavailable
from switchover.gateway.budget import Budgets
from switchover.store.ledger import Account, Ledger
from switchover.testing.served import spec

AT_ONCE = 8
# A micro-dollar a token, so that a call's bound is what its limit and its bytes say.
TARIFF = Tariff(
    rates=(Rates(above=-1, input=10**6, cached=10**6, written=10**6, output=10**6),),
    most_input=10**6, most_output=10**6, window=10**6,
)  # fmt: skip


class Racy(Ledger):
    """Looks at the account in one transaction and adds to it in another: the race that this is all about."""

    def exchange(self, holder: str, asks: Any, grant: Any) -> Any:
        seen = {(one.budget, one.period): one for one in self.accounts()}

        def by_what_was_seen(ask: Any, settled: int, leased: int) -> int:
            one = seen.get((ask.budget, ask.period), Account(budget=ask.budget, period=ask.period))
            return grant(ask, one.settled, one.leased)  # type: ignore[no-any-return]

        time.sleep(0.05)
        return super().exchange(holder, asks, by_what_was_seen)


KEYS = ("hardkeyx", "softkeyx", "freekeyx")


def caps(cap: int) -> dict[str, Budget]:
    """Every budget that there is, by name, where the organisation may spend so much."""
    return {
        "organisation": Budget(month=cap), "process:p": Budget(month=cap), "provider:other": Budget(month=cap // 4),
        "key:hardkeyx": Budget(month=cap // 3), "key:softkeyx": Budget(month=cap // 5, kind="soft"),
    }  # fmt: skip


def snapshot(cap: int) -> Snapshot:
    """One process with a budget, a vendor and a replacement."""
    upstreams = {name: spec(name, "http://127.0.0.1:1") for name in ("vendor", "other")}
    process = Process(
        name="p", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor",
        fallbacks=("other",), budget=caps(cap)["process:p"],
    )  # fmt: skip
    return Snapshot(
        version=1, made_at=1.0, upstreams=upstreams, processes={"p": process}, tariffs=dict.fromkeys(upstreams, TARIFF),
        providers={name: Provider(name=name, home="US") for name in upstreams},
        budgets={name: one for name, one in caps(cap).items() if not name.startswith("process:")},
    )  # fmt: skip


class Worker:
    """Makes calls until there are enough of them."""

    def __init__(self, folder: str, database: str, name: str, seed: int, calls: int, cap: int, *, racy: bool) -> None:
        self.name, self.calls, self.rng = name, calls, random.Random(seed)
        self.history = os.open(f"{folder}/history", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        ledger = (Racy if racy else Ledger).open(folder, database)
        self.register = snapshot(cap)
        hold = LedgerHolding(ledger, folder, name)
        self.budgets = Budgets(lambda: self.register, SystemClock(), lambda: hold)

    def note(self, *words: object) -> None:
        """One line."""
        os.write(self.history, (" ".join(map(str, words)) + "\n").encode())

    async def run(self) -> None:
        """All calls, so many at once."""
        await self.budgets.start()
        await asyncio.gather(*(self.some(number) for number in range(AT_ONCE)))
        await self.budgets.stop()
        self.note("END", self.name)

    async def some(self, number: int) -> None:
        """One call after the other."""
        for place in range(self.calls // AT_ONCE):
            await self.call(f"{self.name}.{number}.{place}")

    async def call(self, name: str) -> None:
        """A call and, where its first attempt fails, the attempt at its replacement."""
        rng, specs = self.rng, self.register.upstreams
        peek = SimpleNamespace(needs=frozenset(), n=1, limit=rng.choice([10, 100, 1000, 5000]))
        key = rng.choice(KEYS)
        call: Any = SimpleNamespace(
            process=self.register.processes["p"], peek=peek, spending=[], deadline=float("inf"), key=key
        )
        for upstream in (specs["vendor"], specs["other"]):
            if await self.attempt(f"{name}.{key}.{upstream.name}", call, upstream) or rng.random() < 0.5:
                return

    async def attempt(self, name: str, call: Any, upstream: UpstreamSpec) -> bool:
        """One attempt; whether it answered, or was refused."""
        rng, body = self.rng, b"x" * self.rng.choice([10, 500, 3000])
        most = TARIFF.bound(len(body) + 1024, call.peek.limit + call.peek.limit // 10 + 8)
        self.note("A", name, most)
        try:
            purse = self.budgets.charges(call, upstream)
            assert purse is not None
            spending = self.budgets.reserve(call, upstream, purse, body) or await self.budgets.wait(
                call, upstream, body
            )
        except (BudgetExceeded, BudgetUnavailable):
            self.note("R", name)
            await asyncio.sleep(rng.uniform(0, 0.05))
            return True
        # Something is always read: a usage of noughts tells nothing, and costs the bound.
        read, wrote = rng.randint(1, len(body)), rng.randint(0, call.peek.limit)
        self.note("B", name, TARIFF.cost(Usage(input=read, output=wrote)))
        await asyncio.sleep(rng.choice([0, 0, 0.001, 0.01]))
        if rng.random() < 0.2:
            # It broke off, or its caller hung up: nobody tells what it cost.
            self.note("U", name, most)
            spending.unknown()
        else:
            self.note("Z", name, read + wrote)
            spending.ended(Usage(input=read, output=wrote))
        self.note("D", name)
        return rng.random() < 0.7


def main(folder: str, database: str, name: str, seed: str, calls: str, cap: str, *flags: str) -> None:
    """As the command line says."""
    asyncio.run(Worker(folder, database, name, int(seed), int(calls), int(cap), racy="racy" in flags).run())


if __name__ == "__main__":
    main(*sys.argv[1:])
