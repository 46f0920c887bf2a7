"""Pages of an organisation that has spent for two weeks: prices, an own one that is odd, one that nobody knows."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from journeys.served_pages import Served

from switchover.config import load
from switchover.costs.budget import Ask, grant, span
from switchover.costs.metering import charge_call, meter
from switchover.costs.spent import month_at
from switchover.domain.charge import BILLIONTH
from switchover.domain.exchange import AttemptRecord, Length, Outcome, Usage
from switchover.domain.process import Settings
from switchover.store.indexing import save_exchanges
from switchover.store.invoices import Invoice, save_invoice
from switchover.store.spending import record_spend
from switchover.testing.builders import make_exchange
from switchover.testing.sample_candidates import fill
from switchover.wiring import access
from switchover.wiring.budget import ledger
from switchover.wiring.parts import CLOCK, open_store

DAY, HOUR = 86_400.0, 3600.0
DAYS = 16
CONFIGURATION = """\
organisation: {domicile: NL}
data: ./data
gateway: {port: 0}
pages: {port: 0}
providers: {acme: {home: US}, beta: {home: DE}}
budgets: {organisation: {month: 500 USD, kind: soft}, providers: {acme: {day: 1 USD}}}
upstreams:
  vendor: {kind: openai, base_url: "https://vendor.invalid/v1", model: big-1, developer: acme, host: acme,
           price: {input_mtok: "2", output_mtok: "8", source: contract 7}}
  other: {kind: openai, base_url: "https://other.invalid/v1", model: mid-1, developer: beta, host: beta,
          price: {as: openai/gpt-4.1-mini}}
  third: {kind: openai, base_url: "https://third.invalid/v1", model: small-1, developer: beta, host: beta}
processes:
  messages:
    {owner: head-of-service, criticality: critical, data: internal, baseline: vendor, fallbacks: [other, third],
     budget: {month: 60 USD}, rehearse: {grader: label, labels: [good, poor]}}
  replies:
    {owner: head-of-replies, criticality: important, data: internal, baseline: vendor, fallbacks: [other],
     rehearse: {grader: human}}
  notes: {owner: head-of-notes, criticality: ordinary, data: internal, baseline: third}
costs:
  assumptions: assumptions.yaml
  options:
    other-host: {upstream: other}
    half: {mix: {messages: other-host}}
    own-box: {machine: dgx-spark, model: gpt-oss-120b}
    rented: {machine: h100-80-sxm, model: gpt-oss-120b, rented: true}
    not-known: {machine: h200-141-sxm, model: qwen3.5-35b-a3b}
"""
ASSUMPTIONS = """\
assumptions:
  power_usd_kwh: {value: 0.31, low: 0.25, high: 0.4, source: invoice of October, owner: facilities, date: 2026-11-20}
events:
  - {name: contract ends, where: vendor, date: 2027-06-01, probability: 0.8, low: 10, high: 35,
     source: framework contract, owner: purchasing}
"""


def _try(upstream: str, model: str, fault: str | None = None) -> AttemptRecord:
    return AttemptRecord(upstream=upstream, model=model, fault=fault, status=200, elapsed_ms=400.0)


def record(now: float) -> list:
    """Twice an hour in office hours of two weeks; some broke off, and notes go where nobody knows the price."""
    found = []
    cut = {"outcome": Outcome.TRUNCATED, "stream": True, "usage": None, "length": Length(asked=90_000, said=4_000)}
    for hour in range(DAYS * 24):
        at = now - DAYS * DAY + hour * HOUR
        if not 7 <= at % DAY // HOUR <= 18:
            continue
        for number in range(2):
            used = Usage(input=90_000 + 2_000 * (hour % 9), cached_input=20_000, output=9_000 + 300 * (hour % 7))
            more = {"started_at": at + 600 * number, "usage": used}
            vendor = {"attempts": (_try("vendor", "big-1"),), "upstream": "vendor", "model": "big-1"}
            name = "messages" if number else "replies"
            found.append(make_exchange(id=f"s-{name}-{hour:04d}", process=name, route=name, **vendor, **more))
            if hour % 40 == 9 and number:
                broken = more | vendor | cut | {"attempts": (_try("vendor", "big-1", "reset-midway"),)}
                found.append(make_exchange(id=f"s-cut-{hour:04d}", process=name, route=name, **broken))
        if hour % 6 == 0:
            third = {"attempts": (_try("third", "small-1"),), "upstream": "third", "model": "small-1"}
            used = Usage(input=4_000, output=300)
            found.append(make_exchange(
                id=f"s-notes-{hour:04d}", process="notes", route="notes", started_at=at, usage=used, **third
            ))  # fmt: skip
    return found


def _bill(provider: str, month: str, billed: str) -> Invoice:
    """A bill in EUR, at a rate that somebody says."""
    return Invoice(
        id=f"invoice-{month}", provider=provider, month=month, at=CLOCK.now(), by="local", file=f"{provider}.csv",
        sha256="0" * 64, currency="EUR", amount=int(Decimal(billed) * Decimal("1.08") * BILLIONTH), billed=billed,
        rate="1.08", rate_source="ECB", lines=3, by_model={},
    )  # fmt: skip


def _spend(settings: Settings, now: float) -> None:
    """What is settled in the ledger, as by workers that have left; one holds a lease yet."""
    day, month = span("day", now).name, span("month", now).name
    found = ledger(settings)
    for worker, budget, period, settled, unknown, want in (
        ("gone", "process:messages", month, 51_000_000, 300_000, 51_000_000),
        ("gone", "organisation", month, 120_000_000, 0, 120_000_000),
        ("gone", "provider:acme", day, 1_000_000, 0, 1_000_000),
        ("here", "process:messages", month, 0, 0, 4_000_000),
    ):
        ask = Ask(
            budget=budget, period=period, limit=None, settled=settled, unknown=unknown, returned=0, need=0, want=want
        )
        found.exchange(worker, [ask], grant)
    found.end("gone", None)
    found.close()


def served(folder: Path) -> Served:
    """The pages, with an admin, an auditor and the owner of messages known."""
    path = folder / "switchover.yaml"
    path.write_text(CONFIGURATION, encoding="utf-8")
    (folder / "assumptions.yaml").write_text(ASSUMPTIONS, encoding="utf-8")
    settings, now = load(str(path)), CLOCK.now()
    with open_store(settings) as store:
        verdicts = fill(store, settings, now, cases=12, long=10)
        recorded = record(now)
        save_exchanges(store, recorded, lambda exchange: meter(exchange, settings.upstreams))
        judged = charge_call(settings.upstreams["other"], Usage(input=900_000, output=40_000), now)
        record_spend(store, "messages", now - DAY, "judge", [judged] * 3)
        # Two months back nothing was recorded yet.
        before = month_at(month_at(month_at(now).begin - DAY).begin - DAY).name
        save_invoice(store, _bill("acme", before, "190"))
        with store.write() as connection:
            connection.exec_driver_sql(
                "insert into gap (worker, segment, offset, at, records, reason)"
                f" values ('w0', 1, 1, {now - 2 * DAY}, 4, 'disk full')"
            )
    _spend(settings, now)
    made = Served(settings, verdicts)
    made.recorded = recorded
    first = access.init(settings, "boss")
    made.admin = access.admit(settings, "access add", lambda: first.token)
    made.keys["admin"] = first.token.reveal()
    for role, processes in (("operator", ()), ("auditor", ()), ("process-owner", ("messages",))):
        made.keys[role] = access.add(settings, made.admin, role, [role], processes).token.reveal()
    return made
