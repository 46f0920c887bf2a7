"""What the demo makes up is in the past, is read as live traffic is, and says what it is."""

from __future__ import annotations

import time
from collections import Counter
from decimal import Decimal

import pytest

from switchover.costs.budget import span
from switchover.demo import money, past, setting, tested
from switchover.demo.insurer import DESKS, LETTERS, MEDICAL, MESSAGES
from switchover.domain.candidate import State
from switchover.domain.exchange import Outcome
from switchover.errors import OperatorError
from switchover.report.failing import answered, asked
from switchover.store.exchanges import list_exchanges
from switchover.store.invoices import invoices
from switchover.store.ledger import Ledger
from switchover.store.proofs import proofs
from switchover.store.traffic import asked as counted
from switchover.testing.fake_answers import inbox_answers
from switchover.wiring.parts import open_store

# The 26th of a month, so that there is a month to speak of and one before it.
NOW = 1_795_687_200.0
DAYS = 30


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    (folder / setting.KEY).write_text("none")
    return setting.at(folder, {"vendor": "http://127.0.0.1:9101", "second": "http://127.0.0.1:9102"})


@pytest.fixture(scope="module")
def settings(stage):
    return stage.write()


@pytest.fixture(scope="module")
def store(settings):
    with open_store(settings) as opened:
        past.fill(opened, settings, NOW, days=DAYS)
        yield opened


def test_every_process_of_the_configuration_has_mail_and_who_answers_it(settings):
    assert settings.processes.keys() == DESKS.keys()
    assert len(DESKS) >= 5
    for desk in DESKS.values():
        process = settings.processes[desk.process]
        assert (process.baseline, process.routes) == (desk.upstream, (desk.route,))
    hosts = {settings.upstreams[process.baseline].host for process in settings.processes.values()}
    homes = {settings.providers[host].home for host in hosts}
    assert {"US", "FI"} <= homes


def test_all_of_it_lies_before_today_and_names_itself(store):
    found = list_exchanges(store, limit=10_000)
    assert {one.process for one in found} == set(DESKS)
    assert all(NOW - (DAYS + 1) * past.DAY < one.started_at < NOW - NOW % past.DAY for one in found)
    assert all(one.id.startswith("made-up-") for one in found)
    weekdays = Counter(time.gmtime(one.started_at).tm_wday for one in found)
    assert max(weekdays[5], weekdays[6]) < 0.5 * min(weekdays[day] for day in range(5))


def test_it_is_answered_as_the_fake_vendor_answers_wrong_and_failed_shares_included(store):
    found = list_exchanges(store, process=MESSAGES, limit=10_000)
    whole = [one for one in found if one.outcome is Outcome.COMPLETE]
    truth = inbox_answers()
    wrong = sum(answered(one) != truth[asked(one)] for one in whole) / len(whole)
    assert 0.04 < wrong < 0.12
    assert 0 < len(found) - len(whole) < 0.02 * len(found)


def test_it_is_counted_as_live_traffic_is(store):
    rows = counted(store, 0.0, by=("process",))
    assert {row.of["process"]: row.exchanges for row in rows} == Counter(
        one.process for one in list_exchanges(store, limit=10_000)
    )
    assert sum(row.spent for row in rows) > 1


def test_medical_claims_went_where_they_may_not_go_and_no_longer_do(store, settings):
    process = settings.processes[MEDICAL]
    allowed = {name: process.may_see(spec, settings.providers) for name, spec in settings.upstreams.items()}
    assert (allowed["vendor"], allowed["second"]) == (False, True)
    astray = [one for one in list_exchanges(store, process=MEDICAL, limit=10_000) if one.upstream == "vendor"]
    assert astray
    assert max(one.started_at for one in astray) < NOW - past.ASTRAY_DAYS * past.DAY + past.DAY


def test_a_replacement_was_ready_and_drilled_and_its_proof_has_expired(store, settings):
    verdict = tested.rehearsed(store, settings, LETTERS, "second", NOW - tested.REHEARSED_DAYS * past.DAY)
    assert verdict.state is State.READY
    assert verdict.expires_at < NOW
    assert proofs(store, LETTERS, now=NOW) == []
    assert len(proofs(store, LETTERS)) == 1


def test_caps_lie_a_little_above_what_was_spent_and_the_ledger_knows_it(store, settings, stage):
    whole = money.spent(store, settings, NOW)
    money.settle(settings, whole, NOW)
    again = stage.write(money.caps(whole))
    ledger = Ledger.open(again.data_dir, again.database)
    settled = {one.budget: one.settled for one in ledger.accounts() if one.period == span("month", NOW).name}
    ledger.close()
    assert 0.9 < settled["provider:acme"] / again.budgets["provider:acme"].month < 0.96
    assert 0.6 < settled["organisation"] / again.budgets["organisation"].month < 0.8


def test_last_months_bill_is_a_little_above_what_was_metered(store, settings, stage):
    file = money.billed(store, settings, NOW, stage.folder / "bills")
    [bill] = invoices(store)
    before = money.spent(store, settings, span("month", NOW).begin - 1)
    assert bill.file == file.name
    metered = before.by_budget["provider:acme"]
    assert abs(Decimal(bill.amount) / 10**9 / metered - money.OVERCHARGED) < Decimal("0.001")


def test_a_folder_in_which_no_demo_was_played_is_not_opened_again(tmp_path):
    with pytest.raises(OperatorError, match="no demo was played in"), setting.again(tmp_path, 1):
        pass


def test_a_folder_with_somebody_elses_files_is_left_alone(tmp_path):
    (tmp_path / "mine").touch()
    with pytest.raises(OperatorError, match="holds files that are not the demo's"), setting.stage(tmp_path, 1):
        pass
    assert (tmp_path / "mine").exists()
