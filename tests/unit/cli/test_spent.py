"""``switchover costs`` and ``export focus`` from a record to the file: sums agree to the cent, gaps are named."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from switchover import cli
from switchover.clock import SystemClock
from switchover.config import load
from switchover.costs.budget import Ask, grant
from switchover.costs.metering import charge_call, meter
from switchover.domain.exchange import AttemptRecord, Length, Outcome, Usage
from switchover.evidence import EvidenceLog, canonical
from switchover.store import Store
from switchover.store.alerts import newest_alerts
from switchover.store.indexing import save_exchanges
from switchover.store.spending import record_spend
from switchover.testing.builders import make_exchange
from switchover.wiring.budget import ledger

CONFIGURATION = """\
organisation: {domicile: NL}
providers: {acme: {home: US}, globex: {home: US}}
budgets: {organisation: {month: 100 USD}, providers: {acme: {month: 90 USD}}}
upstreams:
  vendor: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: big-1, developer: initech, host: acme,
           price: {input_mtok: "2", output_mtok: "8", discount: 50, source: contract 7}}
  other: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: big-2, developer: globex, host: globex,
          price: {as: openai/gpt-4.1-mini}}
processes:
  claims: {owner: o, criticality: important, data: internal, baseline: vendor, budget: {month: 50 USD}}
  mail: {owner: o, criticality: important, data: internal, baseline: other, fallbacks: [vendor]}
"""
MONTH = "2026-11"
AT = 1_794_000_000.0  # 6 November 2026, about nine in the evening


def tried(name: str, model: str, fault: str | None = None, status: int | None = 200) -> AttemptRecord:
    return AttemptRecord(upstream=name, model=model, fault=fault, status=status, elapsed_ms=1.0)


def record() -> list:
    """Settled on two days by two upstreams; cut; without a price; and one of another month."""
    vendor, other = tried("vendor", "big-1"), tried("other", "big-2")
    read = Usage(input=100_000, cached_input=40_000, output=1_000)
    cut = {"outcome": Outcome.TRUNCATED, "stream": True, "usage": None, "length": Length(asked=40_000, said=4_000)}
    return [
        *(make_exchange(process="claims", started_at=AT, attempts=(vendor,), usage=read) for _ in range(3)),
        make_exchange(process="mail", started_at=AT + 86_400, upstream="other", model="big-2", attempts=(other,),
                      usage=read),
        make_exchange(process="claims", started_at=AT, attempts=(tried("vendor", "big-1", "reset-midway"),), **cut),
        make_exchange(process="mail", started_at=AT, attempts=(tried("vendor", "big-0"),)),
        make_exchange(process="claims", started_at=AT + 40 * 86_400, attempts=(vendor,), usage=read),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration and its record, made once."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "switchover.yaml").write_text(CONFIGURATION, encoding="utf-8")
    settings = load(str(folder / "switchover.yaml"))
    Path(settings.data_dir).mkdir()
    with Store.open(settings.database) as store:
        save_exchanges(store, record(), lambda exchange: meter(exchange, settings.upstreams))
        judged = charge_call(settings.upstreams["vendor"], Usage(input=50_000, output=1_000), AT)
        record_spend(store, "claims", AT, "judge", [judged])
    return folder


@pytest.fixture
def file(recorded: Path, tmp_path: Path) -> str:
    """A configuration with its record, to be changed at will."""
    shutil.copytree(recorded, tmp_path, dirs_exist_ok=True)
    return str(tmp_path / "switchover.yaml")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, standard output and errors."""
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def shown(file: str, capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    code, told, _ = run(capsys, "costs", "--month", MONTH, *words, "--json", "--config", file)
    assert code == 0
    found: dict = json.loads(told)
    return found


# 60,000 × 2 + 40,000 × 2 + 1,000 × 8 = 208,000 per million, half of it after the discount.
ANSWER, JUDGED = Decimal("0.104"), Decimal("0.054")
# 60,000 × 0.40 + 40,000 × 0.10 + 1,000 × 1.60 = 29,600 per million
OTHER = Decimal("0.0296")
# 10,000 tokens of 40,000 bytes and 1,000 of 4,000, half of 28,000 per million.
CUT = Decimal("0.014")
WHOLE = 3 * ANSWER + JUDGED + OTHER + CUT


def test_a_month_is_told_as_settled_estimated_and_without_a_price_by_whatever_is_asked(file, capsys):
    found = shown(file, capsys)
    assert {name: Decimal(row["total"]) for name, row in found["rows"].items()} == {
        "vendor": 3 * ANSWER + JUDGED + CUT, "other": OTHER,
    }  # fmt: skip
    whole = found["whole"]
    assert (Decimal(whole["settled"]), Decimal(whole["estimated"])) == (WHOLE - CUT, CUT)
    assert (whole["calls"], whole["unpriced"], Decimal(whole["broken"])) == (7, 1, CUT)
    assert found["gaps"] == {"vendor answered with big-0 then, and is configured with another model now": 1}
    assert any("discount 50 %" in source for source in found["sources"])
    assert sum(map(Decimal, found["sources"].values())) == WHOLE
    by = {name: set(shown(file, capsys, "--by", name)["rows"]) for name in ("process", "provider", "purpose", "day")}
    assert by == {
        "process": {"claims", "mail"}, "provider": {"acme", "globex"}, "purpose": {"live", "judge"},
        "day": {"2026-11-06", "2026-11-07"},
    }  # fmt: skip
    assert Decimal(shown(file, capsys, "--process", "mail")["whole"]["total"]) == OTHER


def test_the_page_names_prices_gaps_and_what_the_record_lacks(file, capsys):
    settings = load(file)
    with Store.open(settings.database) as store, store.write() as connection:
        connection.exec_driver_sql(
            f"insert into gap (worker, segment, offset, at, records, reason) values ('w0', 1, 1, {AT}, 4, 'disk full')"
        )
    code, told, _ = run(capsys, "costs", "--month", MONTH, "--config", file)
    assert code == 0
    assert "no price: 1 call: vendor answered with big-0 then" in told
    assert "missing from the record: 2026-11-06" in told
    assert "4 records lost, disk full; what they cost is not in here" in told
    assert "0.409600" in told
    assert run(capsys, "costs", "--month", "2026-03", "--config", file)[1] == "Nothing was recorded in 2026-03.\n"


def test_a_focus_file_sums_to_the_ledger_to_the_billionth_and_checks_clean(file, capsys, tmp_path):
    to = tmp_path / "november.csv"
    code, told, _ = run(capsys, "export", "focus", "--month", MONTH, "--to", str(to), "--config", file)
    assert code == 0
    assert "to the cent: 0.41 USD" in told
    assert "1 call without a price" in told
    assert to.stat().st_mode & 0o777 == 0o600
    rows = list(csv.DictReader(to.read_text(encoding="utf-8").splitlines()))
    assert sum(Decimal(row["BilledCost"]) for row in rows) == WHOLE
    assert sum(Decimal(row["ListCost"]) for row in rows) == 2 * (WHOLE - OTHER) + OTHER
    assert {(row["ProviderName"], row["PublisherName"]) for row in rows} == {("acme", "initech"), ("globex", "globex")}
    assert {json.loads(row["Tags"])["purpose"] for row in rows} == {"live", "judge"}
    days = {row["ChargePeriodStart"] for row in rows}
    assert days == {"2026-11-06T00:00:00Z", "2026-11-07T00:00:00Z"}
    code, told, _ = run(capsys, "export", "focus", "--check", str(to), "--config", file)
    assert (code, told.split(":")[0]) == (0, f"{to} is FOCUS 1.2")
    assert run(capsys, "export", "focus", "--month", MONTH, "--to", str(to), "--config", file)[0] == 1


@pytest.mark.parametrize(
    ("was", "made", "rule"),
    [
        ("PublisherName", "Publisher", "PublisherName-C: the column PublisherName is missing"),
        (",USD,", ",usd,", "BillingCurrency-C: line 2: BillingCurrency is no currency"),
        (",Usage,", ",Use,", "ChargeCategory-C: line 2: ChargeCategory is 'Use'"),
        ("2026-12-01T00:00:00Z", "2026-12-01", "BillingPeriodEnd-C: line 2: BillingPeriodEnd is no moment"),
        (",acme,", ",,", "BillingAccountId-C: line 2: BillingAccountId is null"),
        ("0.000000000", "nothing", "is no numeric"),
    ],
)
def test_a_file_that_is_not_focus_is_told_the_rule_and_the_line(file, capsys, tmp_path, was, made, rule):
    to, worse = tmp_path / "a.csv", tmp_path / "b.csv"
    run(capsys, "export", "focus", "--month", MONTH, "--to", str(to), "--config", file)
    text = to.read_text(encoding="utf-8")
    if was not in text:
        text = text.replace("0.0", was + "0.0", 1).replace(was + "0.0", was, 1)
    worse.write_text(text.replace(was, made), encoding="utf-8")
    code, told, _ = run(capsys, "export", "focus", "--check", str(worse), "--config", file)
    assert code == 3
    assert rule in told


def bill(folder: Path, text: str, name: str = "bill.csv") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def take(file: str, capsys, path: str, *words: str, provider: str = "acme") -> tuple[int, str, str]:
    return run(
        capsys, "costs", "import-invoice", path, "--provider", provider, "--month", MONTH, *words, "--config", file
    )  # fmt: skip


def test_an_invoice_that_agrees_is_within_the_tolerance_and_one_that_does_not_ends_with_3(file, capsys, tmp_path):
    metered = 3 * ANSWER + JUDGED + CUT
    assert take(file, capsys, bill(tmp_path, f"date,model,amount\n2026-11-06,big-1,{metered}\n"))[0] == 0
    code, told, _ = run(capsys, "costs", "reconcile", "--month", MONTH, "--config", file)
    assert code == 0
    assert "globex: no invoice of 2026-11 was imported" in told
    assert "acme: 1 call without a price, in no sum" in told
    more = bill(tmp_path, '{"currency": "USD", "lines": [{"amount": 0.30, "model": "big-1"}]}', "more.json")
    assert take(file, capsys, more)[0] == 0
    code, told, _ = run(capsys, "costs", "reconcile", "--month", MONTH, "--json", "--config", file)
    (acme, globex) = json.loads(told)["providers"]
    assert code == 3
    assert (Decimal(acme["difference"]), acme["within"], globex["within"]) == (Decimal("0.3"), False, None)
    settings = load(file)
    noted = [canonical.decode(one)["event"] for one in EvidenceLog(settings.data_dir, SystemClock()).entries()]
    assert noted.count("invoice imported") == 2
    assert noted.count("reconciled") == 2
    # Of an invoice that differs people are told, once for what it bills.
    run(capsys, "costs", "reconcile", "--month", MONTH, "--config", file)
    with Store.open(settings.database) as store:
        ((alert, _),) = newest_alerts(store, 9)
    assert (alert.about, alert.period) == ("provider:acme", MONTH)
    assert alert.said.startswith(f"invoice of acme, {MONTH}: differs by ")
    assert take(file, capsys, more)[0] == 1
    assert take(file, capsys, more, "--replace")[1].endswith("2 invoices of that month replaced\n")


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("amount,currency\n5,EUR\n", (), "the invoice is in EUR, and what is metered is in USD"),
        ("amount,currency\n5,EUR\n", ("--rate", "1.1"), "--rate has no source"),
        ("amount,currency\n5,EUR\n", ("--rate", "-1", "--rate-source", "x"), "--rate '-1' is no rate"),
        ("amount,currency\n5,USD\n6,EUR\n", (), "is in EUR, USD"),
        ("amount,date\n5,2026-10-31\n", (), "1 of 1 lines of bill.csv are not of 2026-11"),
        ("price\n5\n", (), "has no column of amounts that is known: price"),
        ("amount\nfive\n", (), "bill.csv:2: got 'five' as an amount"),
        ("amount\nNaN\n", (), "got 'NaN' as an amount"),
        ("amount\n-5\n", (), "comes to -5 USD"),
        ("amount\n99999999999\n", (), "comes to 99999999999 USD"),
        ("amount\n", (), "has no line with an amount"),
        ('{"total": 3, "lines": [{"amount": 2}]}', (), "says 3 in all, and its lines come to 2"),
        ('{"lines": 7}', (), "has neither lines nor a total"),
        ("{", (), "is no JSON"),
    ],
)
def test_an_invoice_that_can_not_be_one_is_refused_with_what_is_wrong(file, capsys, tmp_path, text, words, said):
    code, _, error = take(file, capsys, bill(tmp_path, text), *words)
    assert code == 1
    assert said in error
    assert "To mend it" in error


def test_an_invoice_of_another_currency_is_taken_with_a_rate_and_who_says_so(file, capsys, tmp_path):
    path = bill(tmp_path, "BilledCost,BillingCurrency,ChargePeriodStart\n0.2,EUR,2026-11-01T00:00:00Z\n")
    code, told, _ = take(file, capsys, path, "--rate", "1.08", "--rate-source", "ECB, 2026-11-30")
    assert (code, told) == (0, "acme, 2026-11: 0.2 EUR, 0.216000 USD at 1.08 (ECB, 2026-11-30) in 1 line\n")
    named = bill(tmp_path, "Spend,Service\n1,x\n", "other.csv")
    assert take(file, capsys, named, "--column", "amount=Spend", provider="globex")[0] == 0


def spend(file: str, budget: str, micro: int, unknown: int) -> None:
    """So much is settled in the ledger, as by a worker that has left."""
    found = ledger(load(file))
    asked = Ask(budget=budget, period=MONTH, limit=None, settled=micro, unknown=unknown, returned=0, need=0, want=micro)
    found.exchange("somebody", [asked], grant)
    found.end("somebody", None)
    found.close()


def test_what_budgets_hold_as_unknown_is_put_right_by_the_invoices_and_twice_changes_nothing(file, capsys, tmp_path):
    """The cut answer counts with its bound of 5 USD until the bill tells that it was 0.02."""
    for budget in ("process:claims", "provider:acme", "organisation"):
        spend(file, budget, 312_000 + 5_000_000, 5_000_000)
    take(file, capsys, bill(tmp_path, f"amount\n{3 * ANSWER + JUDGED + Decimal('0.02')}\n"))
    for _ in range(2):
        run(capsys, "costs", "reconcile", "--month", MONTH, "--correct", "--config", file)
        found = ledger(load(file))
        accounts = {one.budget: (one.settled, one.unknown) for one in found.accounts()}
        found.close()
        assert accounts == dict.fromkeys(("process:claims", "provider:acme", "organisation"), (332_000, 0))


def test_what_no_invoice_tells_stays_unknown_with_the_reason(file, capsys):
    spend(file, "process:claims", 400_000, 100_000)
    _, told, _ = run(capsys, "costs", "reconcile", "--month", MONTH, "--correct", "--config", file)
    assert "process:claims: 0.1000 USD stay unknown: no invoice of acme was imported for the month" in told


def test_what_broke_off_on_our_own_machine_waits_for_no_invoice_and_counts_as_estimated(file, capsys, tmp_path):
    text = Path(file).read_text(encoding="utf-8")
    box = """  box: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: open-1, developer: meta, host: own,
        price: {input_mtok: "1", output_mtok: "1", source: our machine}}
processes:"""
    Path(file).write_text(text.replace("processes:", box), encoding="utf-8")
    settings = load(file)
    cut = make_exchange(
        process="claims", started_at=AT, upstream="box", model="open-1", outcome=Outcome.TRUNCATED, stream=True,
        attempts=(tried("box", "open-1", "reset-midway"),), usage=None, length=Length(asked=80_000, said=4_000),
    )  # fmt: skip
    with Store.open(settings.database) as store:
        save_exchanges(store, [cut], lambda exchange: meter(exchange, settings.upstreams))
    spend(file, "process:claims", 312_000 + 6_000_000, 6_000_000)
    take(file, capsys, bill(tmp_path, f"amount\n{3 * ANSWER + JUDGED + Decimal('0.02')}\n"))
    _, told, _ = run(capsys, "costs", "reconcile", "--month", MONTH, "--correct", "--config", file)
    assert "invoice of own" not in told
    assert "own:" not in told
    found = ledger(settings)
    # 20,000 tokens of 80,000 bytes and 1,000 of 4,000, at a dollar per million; and the bill's 0.02 USD.
    assert [(one.settled, one.unknown) for one in found.accounts()] == [(312_000 + 20_000 + 21_000, 0)]
    found.close()


def test_what_was_counted_before_the_configuration_changed_keeps_its_provider(file, capsys):
    text = Path(file).read_text(encoding="utf-8")
    Path(file).write_text(text.replace("developer: initech, host: acme", "developer: initech, host: globex"))
    assert set(shown(file, capsys, "--by", "provider")["rows"]) == {"acme", "globex"}
    assert replace(load(file).upstreams["vendor"]).host == "globex"
