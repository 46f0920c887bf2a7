"""``switchover alerts``: what people were told, a try-out by real channels, and what the doctor says of them."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import pytest
import trustme

from switchover import cli
from switchover.config import load
from switchover.costs.budget import Ask, grant, span
from switchover.domain.budget import USD
from switchover.log import OncePerChange
from switchover.processes.alarming import Alarming
from switchover.processes.budgeting import Budgeting
from switchover.store import Store
from switchover.store.alerts import not_delivered, take_delivery
from switchover.testing.clock import ManualClock
from switchover.testing.mail_server import MailServer
from switchover.testing.scripted import ScriptedServer, reply
from switchover.wiring.budget import ledger
from switchover.wiring.diagnosis import examine
from switchover.wiring.parts import CLOCK
from switchover.wiring.register import create_key, rotate_key

CONFIGURATION = """\
organisation: {{domicile: NL}}
egress: {{tls_ca: ca.pem}}
alerts:
  webhooks:
    ops: {{url: "{url}/x", secret: env:HOOK}}
    chat: {{url: "file:chat.url", secret: env:HOOK}}
  mail:
    board: {{server: 127.0.0.1, port: {port}, from: s@example.net, to: [cfo@example.net], login: env:MAIL}}
providers: {{acme: {{home: US}}}}
budgets: {{organisation: {{day: 100 USD}}}}
upstreams:
  vendor: {{kind: openai, base_url: "http://127.0.0.1:9/v1", model: big-1, developer: acme, host: acme,
           price: {{input_mtok: "1", output_mtok: "2"}}}}
processes:
  claims: {{owner: o, criticality: important, data: internal, baseline: vendor, budget: {{month: 500 USD}}}}
"""
SECRET, LOGIN = "canary-of-the-hook", "me:canary-of-the-mail"
MIDMONTH = 1_794_830_400.0  # 2026-11-16, noon


@pytest.fixture(autouse=True)
def midmonth(monkeypatch):
    """No day and no month ends in a test."""
    monkeypatch.setattr(CLOCK, "now", lambda: MIDMONTH)


@pytest.fixture
def office(tmp_path, monkeypatch):
    """A folder with a configuration, a receiver, and a mail server that speaks STARTTLS."""
    authority, side = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(side)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("HOOK", SECRET)
    monkeypatch.setenv("MAIL", LOGIN)
    monkeypatch.chdir(tmp_path)
    with ScriptedServer([reply(b"")]) as receiver, MailServer(side, login=LOGIN) as mails:
        Path("switchover.yaml").write_text(CONFIGURATION.format(url=receiver.url, port=mails.port), encoding="utf-8")
        address = Path("chat.url")
        address.write_text(f"{receiver.url}/canary-in-the-address?sig=canary", encoding="utf-8")
        address.chmod(0o600)
        yield receiver, mails


def run(capsys, *words: str) -> tuple[int, str]:
    code: object = 0
    try:
        cli.main(words)
    except SystemExit as left:
        code = left.code or 0
    shown = capsys.readouterr()
    return int(str(code)), shown.out + shown.err


def spend(micro: int) -> None:
    found, name = ledger(load("switchover.yaml")), span("month", MIDMONTH).name
    asked = Ask(
        budget="process:claims", period=name, limit=None, settled=micro, unknown=0, returned=0, need=0, want=micro
    )
    found.exchange("somebody", [asked], grant)
    found.close()


def keep() -> None:
    """A keeper's look at the budgets."""
    settings, clock = load("switchover.yaml"), ManualClock(MIDMONTH)
    part = Budgeting(Path(settings.data_dir), clock, lambda *_, **__: None, OncePerChange(lambda *_, **__: None))
    with Store.open(settings.database) as store:
        assert part.look(settings)
        list(Alarming(clock, lambda *_, **__: None, part).look(settings, store))
    part.close()


def test_a_try_out_goes_by_every_channel_and_says_what_happened(office, capsys):
    receiver, mails = office
    code, said = run(capsys, "alerts", "test")
    assert (code, said) == (0, "ok   webhook:ops: arrived\nok   webhook:chat: arrived\nok   mail:board: arrived\n")
    assert sorted(seen.line for seen in receiver.seen) == [
        "POST /canary-in-the-address?sig=canary HTTP/1.1", "POST /x HTTP/1.1",
    ]  # fmt: skip
    assert {json.loads(seen.body)["kind"] for seen in receiver.seen} == {"try-out"}
    (letter,) = mails.letters
    assert (letter.encrypted, letter.login, b"Subject: Switchover: a try-out" in letter.data) == (True, LOGIN, True)
    receiver.play([reply(b"", status=500)])
    Path("chat.url").write_text("http://192.0.2.1/canary", encoding="utf-8")
    code, said = run(capsys, "alerts", "test", "--json")
    assert code == 3
    assert [one["trouble"] for one in json.loads(said)] == [
        "answered with status 500", f"plain http to another machine at file:{Path('chat.url').resolve()}", "",
    ]  # fmt: skip
    assert "canary" not in said


def test_without_a_channel_there_is_nothing_to_try(office, capsys):
    text = Path("switchover.yaml").read_text(encoding="utf-8")
    Path("switchover.yaml").write_text(text[: text.index("alerts:")] + text[text.index("providers:") :])
    assert run(capsys, "alerts", "test") == (
        1, "switchover: alerts go to the log alone\n"
        "  To mend it: name a webhook or a mail server under alerts:; see the how-to page\n",
    )  # fmt: skip
    code, said = run(capsys, "alerts")
    assert (code, "No alerts." in said, "the log alone" in said) == (0, True, True)


def test_alerts_and_what_became_of_them_are_shown_and_the_budget_and_the_doctor_say_what_is_late(office, capsys):
    spend(400 * USD)
    keep()
    settings, now = load("switchover.yaml"), MIDMONTH
    with Store.open(settings.database) as store:
        taken = take_delivery(store, "webhook:ops", "k", now + 1, 60)
        assert taken is not None
        trouble = "answered with status 503"
        not_delivered(store, taken[0].id, "webhook:ops", "k", trouble, again_at=now + 99, at=now)
    month = span("month", now).name
    code, said = run(capsys, "alerts")
    assert code == 0
    assert f"budget of claims, {month}: 80 % reached\n" in said
    assert "400.00 USD of 500.00 USD spent\n" in said
    assert "→ mail:board: on its way" in said
    assert "→ webhook:ops: waits after 1 try until" in said
    (told,) = json.loads(run(capsys, "alerts", "--json")[1])
    assert (told["percent"], len(told["deliveries"]), told["amount"]) == (80, 3, 500 * USD)
    code, said = run(capsys, "budget")
    assert "process:claims (month) alert at 80 % of 500.00 USD" in said
    assert "not delivered by mail:board, webhook:chat, webhook:ops yet" in said
    assert said.splitlines()[1].endswith(" 80%         –")
    rows = {(one["budget"], one["period"]): one for one in json.loads(run(capsys, "budget", "--json")[1])}
    assert rows["process:claims", "month"]["left_usd"] == "100.000000"
    assert rows["process:claims", "month"]["total_usd"] is None
    found = {one.what: one for one in examine(settings)}
    late = found["alerts by webhook:ops"]
    assert (late.well, "1 wait and 0 were given up; the last try: answered with status 503" in late.said) == (
        False,
        True,
    )
    assert found["alerts by mail:board"].well
    assert found["secret of the webhook ops"].well
    assert found["address of the webhook chat"].well
    assert "canary" not in str(found)


def test_the_forecast_is_shown_once_there_is_a_rate(office, capsys, monkeypatch):
    monkeypatch.setattr(
        "switchover.wiring.budget.CLOCK", ManualClock(at := span("month", MIDMONTH).begin + 10 * 86_400)
    )
    found, month = ledger(load("switchover.yaml")), span("month", at)
    spend(200 * USD)
    step = 6 * 3600
    rows = [("process:claims", month.name, n, month.begin + n * step, n * 5 * USD) for n in range(40)]
    found.see(rows, [month.name])
    found.close()
    code, said = run(capsys, "budget", "--json")
    assert code == 0
    row = next(one for one in json.loads(said) if one["budget"] == "process:claims")
    # 20 a day: 300 more last for a fortnight and a day.
    assert row["ends_at"] == pytest.approx(at + 15 * 86_400, abs=7200)
    assert float(row["total_usd"]) == pytest.approx(200 + 20 * (month.end - at) / 86_400, rel=0.01)
    assert "will be used up at" in run(capsys, "budget")[1]


def test_a_budget_of_a_key_that_caps_nothing_is_said_and_one_in_place_of_another_is_named(office, capsys):
    settings = load("switchover.yaml")
    first, _ = create_key(settings, "claims")
    turned, _, _ = rotate_key(settings, first.id, overlap=60.0)
    assert turned.in_place_of == first.id
    text = Path("switchover.yaml").read_text(encoding="utf-8")
    ids = f"{first.id}: {{day: 1 USD}}, {turned.id}: {{day: 1 USD}}, nobodysx: {{day: 1 USD}}"
    Path("switchover.yaml").write_text(
        text.replace("budgets: {organisation: {day: 100 USD}}", f"budgets: {{keys: {{{ids}}}}}"), encoding="utf-8"
    )
    code, said = run(capsys, "budget")
    assert code == 0
    assert f"budgets.keys.{turned.id} caps nothing: it was made in the place of {first.id}; name that one" in said
    assert "budgets.keys.nobodysx caps nothing: there is no such key" in said
    assert f"key:{first.id}" in said
    found = {one.what: one.well for one in examine(load("switchover.yaml"))}
    assert (found[f"budget of key {turned.id}"], f"budget of key {first.id}" in found) == (False, False)
    assert f"in the place of {first.id}" in run(capsys, "keys", "list")[1]
