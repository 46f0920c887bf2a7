"""Spend by the hour, on either database: counted once, taken back and counted anew, and learned from."""

from __future__ import annotations

import os
import threading
from dataclasses import replace

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

import switchover.store.migrations as migrations
from switchover.costs.estimates import ratios_of
from switchover.costs.metering import meter
from switchover.domain.charge import KINDS
from switchover.domain.exchange import AttemptRecord, Intent, Length, Outcome, Usage
from switchover.domain.process import Price, UpstreamSpec
from switchover.errors import OperatorError
from switchover.store import Store, database
from switchover.store.counting import recount
from switchover.store.indexing import save_exchanges, save_intents
from switchover.store.invoices import Invoice, invoices, new_id, save_invoice
from switchover.store.ledger import Ledger
from switchover.store.migrations import migrate
from switchover.store.spending import learned, record_spend, spend_rows
from switchover.testing.builders import NOW, make_exchange

DAY = 86_400
VENDOR = UpstreamSpec(
    name="vendor", kind="openai", model="big-1", developer="acme", host="acme",
    price=Price(input_mtok="2", output_mtok="8"),
)  # fmt: skip


def priced(exchange):
    return meter(exchange, {"vendor": VENDOR})


def sums(store, *by, process=None):
    rows = spend_rows(store, NOW - 40 * DAY, NOW + 40 * DAY, by or ("basis",), process)
    return [tuple(row[name] for name in (*(by or ("basis",)), "calls", "listed")) for row in rows]


def settled(**more):
    return make_exchange(**{"usage": Usage(input=1000, output=100), "length": Length(asked=4000, said=400)} | more)


# 1000 × 2 + 100 × 8 = 2,800 per million, in billionths
ONE = 2_800_000


def test_charges_are_summed_by_the_hour_and_a_day_begins_at_midnight(store):
    save_exchanges(store, [settled(), settled(started_at=NOW + DAY), settled(process="mail")], priced)
    today = int(NOW // DAY)
    assert sums(store, "day") == [(today, 2, 2 * ONE), (today + 1, 1, ONE)]
    assert sums(store, "process", process="mail") == [("mail", 1, ONE)]
    [row] = spend_rows(store, NOW - DAY, NOW + 2 * DAY, ("upstream", "provider", "purpose"))
    assert (row["upstream"], row["provider"], row["purpose"]) == ("vendor", "acme", "live")
    assert [row[f"{kind}_spent"] for kind in KINDS] == [6_000_000, 0, 0, 2_400_000, 0]
    assert (row["input_tokens"], row["output_tokens"]) == (3000, 300)


def test_one_that_comes_twice_is_billed_once_and_an_unfinished_one_gives_way(store):
    save_intents(store, [Intent(id="a", process="p", route="p", dialect="openai_chat", started_at=NOW)])
    save_exchanges(store, [replace(settled(id="b"))], priced)
    save_exchanges(store, [settled(id="a"), settled(id="b")], priced)
    assert sums(store) == [("settled", 2, 2 * ONE)]


def test_counting_anew_gives_the_same_and_leaves_what_trials_reported(store):
    cut = AttemptRecord(upstream="vendor", model="big-1", fault="reset-midway", status=200, elapsed_ms=1.0)
    broken = settled(outcome=Outcome.TRUNCATED, stream=True, usage=None, attempts=(cut,))
    save_exchanges(store, [settled(), broken], priced)
    record_spend(store, "customer-messages", NOW, "rehearsal", priced(settled()).charges)
    before, taught = sums(store, "purpose", "basis", "ending"), learned(store)
    assert len(before) == 3
    with store.write() as connection:
        recount(connection, priced)
    assert sums(store, "purpose", "basis", "ending") == before
    assert (
        learned(store)
        == taught
        == {"big-1": {"answers": 1, "read": 1000, "asked": 4000, "wrote": 100, "told": 100, "said": 400}}
    )
    assert ratios_of(taught)["big-1"].read == 1000


def test_what_was_recorded_elsewhere_has_its_own_purpose_and_without_a_moment_no_month(store):
    save_exchanges(store, [settled(id="import-x-1"), settled(id="import-undated-x-2")], priced)
    assert sums(store, "purpose") == [("imported", 1, ONE)]


def test_several_who_report_at_once_lose_nothing(store):
    charges = priced(settled()).charges
    threads = [
        threading.Thread(target=lambda: [record_spend(store, "p", NOW, "judge", charges) for _ in range(5)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sums(store, "purpose") == [("judge", 20, 20 * ONE)]


def test_an_invoice_is_taken_once_and_replaces_only_its_own_month(store):
    def bill(sha256, month="2026-11", provider="acme"):
        return Invoice(
            id=new_id(), provider=provider, month=month, at=NOW, by="local", file="f.csv", sha256=sha256,
            currency="USD", amount=5, billed="5", rate=None, rate_source=None, lines=1, by_model={"big-1": "5"},
        )  # fmt: skip

    first = bill("a")
    for one in (first, bill("b"), bill("a", month="2026-10"), bill("a", provider="other")):
        assert save_invoice(store, one) == 0
    with pytest.raises(OperatorError, match="already"):
        save_invoice(store, bill("a"))
    assert first in invoices(store, "2026-11")
    assert save_invoice(store, bill("a"), replace=True) == 2
    assert len(invoices(store)) == 3


def test_what_an_earlier_version_counted_is_carried_over_with_its_sum(blank, monkeypatch):
    config = Config()
    config.set_main_option("script_location", os.path.dirname(migrations.__file__))
    before = ScriptDirectory.from_config(config).get_revision("0018").down_revision
    with monkeypatch.context() as patch:
        for module in (migrations, migrate, database):
            patch.setattr(module, "HEAD", before)
        Store.open(blank).close()
    row = (
        "insert into traffic_hour (hour, process, route, upstream, model, dialect, outcome, last_at, exchanges, "
        "priced, input, cached_input, output, spent) "
        f"values ({int(NOW // 3600)}, 'p', 'p', 'vendor', 'big-1', 'openai_chat', 'complete', 1.0, 7, "
        "5, 500, 200, 30, 123456)"
    )
    with database.Store(*database.engine_of(blank, 5.0)) as old, old.write() as connection:
        connection.execute(text(row))
    with Store.open(blank) as store:
        assert sums(store, "basis") == [("settled", 5, 123456), ("unpriced", 2, 0)]
        [settled_row, _] = spend_rows(store, NOW - DAY, NOW + DAY, ("basis",))
        assert [settled_row[f"{kind}_tokens"] for kind in KINDS[:-1]] == [300, 200, 0, 30]


def test_a_ledger_without_the_newest_tables_gets_them_and_is_corrected_once(blank, tmp_path):
    found = Ledger.open(tmp_path, blank, busy_s=2)
    with found._write() as run:
        run("drop table budget_correction", ())
        run("drop table budget_seen", ())
        run("insert into budget_account values ('organisation', '2026-11', 900, 400, 0)", ())
        run("insert into budget_account values ('process:p', '2026-11', 900, 400, 50)", ())
    found.close()
    for _ in range(2):
        told = found.correct("organisation", "2026-11", 30)
        assert told is not None
        assert (told[1].settled, told[1].unknown) == (530, 0)
    assert found.correct("process:p", "2026-11", 30) is None
    assert found.correct("process:none", "2026-11", 30) is None
    assert found.corrected() == {("organisation", "2026-11")}
    found.close()
