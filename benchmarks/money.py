"""What a budget costs a request: the worker's own code and counts in a mapped file, without the rest of the gateway."""

from __future__ import annotations

import json
import tempfile
import time

from switchover.clock import SystemClock
from switchover.costs.holding import LedgerHolding
from switchover.costs.tariffs import tariff
from switchover.dialects import DIALECTS
from switchover.domain.exchange import Usage
from switchover.domain.process import Budget, Criticality, DataClass, Price, Process
from switchover.domain.register import Snapshot
from switchover.gateway.admit import Call
from switchover.gateway.budget import Budgets
from switchover.store.ledger import Ledger
from switchover.testing.served import spec

PLENTY = Budget(month=10**15)
PRICE = Price(input_mtok="0.40", output_mtok="1.60")
CALLS, ROUNDS = 10_000, 7
BOUND_US = 10.0


def budget_us() -> float:
    """Microseconds of CPU to find a call's four budgets, reserve its bound in all and settle it; the best of rounds."""
    vendor = spec("vendor", "http://127.0.0.1:1", price=PRICE)
    process = Process(
        name="bench", owner="bench", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor",
        budget=PLENTY, key_budget=PLENTY,
    )  # fmt: skip
    price = tariff(vendor, 0.0)
    assert price is not None
    snapshot = Snapshot(
        version=1, made_at=0.0, providers={}, upstreams={"vendor": vendor}, processes={"bench": process},
        budgets={"organisation": PLENTY, f"provider:{vendor.host}": PLENTY}, tariffs={"vendor": price},
    )  # fmt: skip
    body = json.dumps({"model": "bench", "max_tokens": 200, "messages": [{"role": "user", "content": "x" * 900}]})
    dialect = DIALECTS["openai_chat"]
    call = Call("x", dialect, process, body.encode(), dialect.peek(body.encode()), {}, 0.0, 0.0, key="k3v9x2ab")
    used = Usage(input=300, output=20)
    with tempfile.TemporaryDirectory() as folder:
        hold = LedgerHolding(Ledger.open(folder, "sqlite://"), folder, "bench")
        budgets = Budgets(lambda: snapshot, SystemClock(), lambda: hold)
        budgets.charges(call, vendor)
        for lease in budgets.leases:
            lease.free = 10**15
        took = []
        for _ in range(ROUNDS):
            begun = time.process_time()
            for _ in range(CALLS):
                purse = budgets.charges(call, vendor)
                spending = budgets.reserve(call, vendor, purse, call.body) if purse is not None else None
                assert spending is not None
                spending.ended(used)
            took.append((time.process_time() - begun) / CALLS * 1e6)
        hold.end()
    return min(took)


def judge_budget() -> bool:
    """Prints it; whether it is within its bound."""
    found = budget_us()
    within = found <= BOUND_US
    print(f"budget: {found:.1f} us of each request ({'within' if within else 'BEYOND'} {BOUND_US:g})")
    return within


if __name__ == "__main__":
    judge_budget()
