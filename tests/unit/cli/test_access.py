"""Who may run which command, shown on the commands themselves: every one of them × every role."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from switchover import cli
from switchover.access.roles import RULES
from switchover.clock import SystemClock
from switchover.config import load
from switchover.domain.cut_off import Target
from switchover.domain.people import Role
from switchover.errors import Forbidden
from switchover.evidence import EvidenceLog
from switchover.store import Store
from switchover.store.indexing import save_exchanges
from switchover.testing.builders import make_exchange
from switchover.wiring import access, register
from switchover.wiring import evidence as wired_evidence

CONFIGURATION = """\
organisation: {domicile: NL}
data: ./data
providers: {acme: {home: US}}
upstreams:
  vendor: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: big-1, developer: acme, host: acme}
processes:
  claims: {owner: head-of-claims, criticality: important, data: internal, baseline: vendor}
  sales:
    {owner: head-of-sales, criticality: important, data: internal, baseline: vendor,
     rehearse: {grader: label, labels: [a, b]}}
"""
# No command: what some ask before they show bodies, and what pages alone ask.
BESIDE = {"bodies", "settings"}
SECRET = "the customer's own words"


def commands() -> Iterator[str]:
    """Every command there is, as it is typed."""

    def below(command: Any, words: str) -> Iterator[str]:
        subcommands = getattr(command, "commands", {})
        for name, one in subcommands.items():
            yield from below(one, f"{words} {name}")
        if not subcommands or command.invoke_without_command:
            yield words

    for name in cli.COMMANDS:
        root: Any = typer.main.get_command(cli.build(name))
        yield from below(root.commands[name], name)


class Office:
    """A folder with one person of each role, and the command line in it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        (folder / "switchover.yaml").write_text(CONFIGURATION, encoding="utf-8")
        monkeypatch.chdir(folder)
        monkeypatch.delenv("SWITCHOVER_OPERATOR_KEY", raising=False)
        self.folder, self.monkeypatch, self.capsys = folder, monkeypatch, capsys
        self.settings = load("switchover.yaml")
        self.keys: dict[str, str] = {}

    def open(self) -> None:
        first = access.init(self.settings, "root-admin")
        self.keys["root"] = first.token.reveal()
        admin = access.admit(self.settings, "access add", lambda: first.token)
        for role in Role:
            owns = ["claims"] if role is Role.OWNER else []
            self.keys[role] = access.add(self.settings, admin, f"the {role}", [role], owns).token.reveal()

    def run(self, who: str | None, *words: str) -> tuple[int, str, str]:
        """Exit status, output and errors of a command, run by somebody."""
        if who is None:
            self.monkeypatch.delenv("SWITCHOVER_OPERATOR_KEY", raising=False)
        else:
            self.monkeypatch.setenv("SWITCHOVER_OPERATOR_KEY", self.keys.get(who, who))
        self.capsys.readouterr()
        code: object = 0
        try:
            cli.main(words)
        except SystemExit as left:
            code = left.code or 0
        shown = self.capsys.readouterr()
        return int(str(code)), shown.out, shown.err

    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(entry) for entry in EvidenceLog(self.settings.data_dir, SystemClock()).entries()]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Office:
    return Office(tmp_path, monkeypatch, capsys)


def test_every_command_has_a_row_in_the_table_of_rights_and_every_row_a_command() -> None:
    assert set(commands()) | BESIDE == set(RULES) | (BESIDE & set(commands()))


# Enough words for each command that asks a key; the process is one that the process owner does not own.
WORDS = {
    "keys create": ("sales",),
    "keys rotate": ("KEY",),
    "keys revoke": ("KEY",),
    "exchanges show": ("EXCHANGE",),
    "propose-grader": ("sales",),
    "compare": ("sales",),
    "rehearse": ("sales", "--candidate", "vendor"),
    "label": ("sales", "--candidate", "vendor"),
    "adapt": ("sales",),
    "watch run": ("--process", "sales"),
    "drill": ("sales", "--fault", "vanished", "--approver", "x"),
    "accept": ("sales", "--candidate", "vendor", "--reason", "x", "--until", "30d"),
    "decide": ("sales", "--place", "vendor", "--reason", "x", "--review", "2027-01-01"),
    "cut": ("provider:acme", "--reason", "x"),
    "restore": ("all",),
    "import": ("log.jsonl", "--process", "sales"),
    "erase": ("--process", "sales", "--reason", "x"),
    "costs assume": ("pue", "1.2", "--reason", "x"),
    "report issue": (),
    "costs reconcile": (),
    "alerts test": (),
    "costs import-invoice": ("bill.csv", "--provider", "acme", "--month", "2026-11"),
    "archive run": (),
    "archive adopt": (),
    "archive open": ("sales", "2026-01-01", "--to", "elsewhere"),
    "retention": (),
    "store backup": ("copy.sqlite",),
    "store restore": ("copy.sqlite",),
    "store rebuild": (),
    "keyring rotate": (),
    "keyring backup": ("elsewhere",),
    "keyring restore": ("elsewhere",),
    "keyring seal": (),
    "access add": ("new", "--role", "operator"),
    "access revoke": ("the operator",),
    "access rotate": ("the operator",),
    "approve": ("ap-none",),
    "decline": ("ap-none",),
}


def test_a_command_is_refused_to_every_role_that_may_not_and_to_whoever_has_no_key(office: Office) -> None:
    office.open()
    key = register.create_key(office.settings, "sales")[0].id
    with Store.open(office.settings.database) as store:
        save_exchanges(store, [make_exchange(SECRET, SECRET, id="of-sales", process="sales", route="sales")])
    own = {"KEY": key, "EXCHANGE": "of-sales"}
    asked = {act for act, rule in RULES.items() if not rule.keyless} - BESIDE
    assert asked == set(WORDS)
    for act, words in WORDS.items():
        line = [*act.split(), *(own.get(word, word) for word in words)]
        for who, said in ((None, "asks who you are"), ("swo_aaaaaaaa_" + "A" * 43, "nobody's"), (key, "nobody's")):
            code, out, err = office.run(who, *line)
            assert (code, out, said in err) == (1, "", True), (act, who, err)
        for role in Role:
            # Whoever is not in the row at all; and the owner of another process.
            if role in RULES[act].roles and not (role is Role.OWNER and act not in ("approve", "decline")):
                continue
            code, out, err = office.run(role, *line)
            if act == "exchanges show":
                assert (code, SECRET in out, "not shown to the process-owner" in out) == (0, False, True)
            elif act == "compare":
                assert (code, "Nothing was rehearsed yet" in out) == (0, True)
            else:
                assert (code, "not the right" in err or "have not" in err) == (1, True), (act, role, out, err)
    after = {one.id: one.revoked_at for one in register.keys(office.settings)}
    assert after == {key: None}
    refused = [entry for entry in office.entries() if entry["event"] == "act refused"]
    assert len(refused) > 10
    assert all(entry["by"].startswith("p-") for entry in refused)


def test_a_command_without_a_row_is_nobodys_once_there_are_people(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer = {act: rule for act, rule in RULES.items() if act != "report"}
    for where in ("wiring.access", "cli.common"):
        monkeypatch.setattr(f"switchover.{where}.RULES", fewer)
    assert office.run(None, "report")[0] == 0
    office.open()
    assert "asks who you are" in office.run(None, "report")[2]
    monkeypatch.setattr("switchover.access.roles.RULES", fewer)
    assert "has not the right to: report" in office.run("root", "report")[2]


def test_before_there_are_people_the_machines_user_may_and_the_log_says_so(office: Office) -> None:
    assert office.run(None, "cut", "provider:acme", "--reason", "a letter")[0] == 0
    assert office.run(None, "keys", "create", "claims")[0] == 0
    assert {e["by"] for e in office.entries() if e["event"] in ("cut-off placed", "key created")} == {"local"}
    code, _, err = office.run(None, "drill", "claims", "--fault", "vanished", "--target", "provider:acme")
    assert (code, "takes two people" in err, "switchover access init" in err) == (1, True, True)


def test_the_first_days_of_an_office_leave_each_act_in_the_log_with_who_and_in_which_role(
    office: Office, tmp_path: Path
) -> None:
    code, out, _ = office.run(None, "access", "init", "jane.roe")
    assert code == 0
    office.keys["jane"] = out.split()[0]
    assert office.run(None, "access", "init", "mallory")[0] == 1
    assert office.run(None, "keys", "create", "claims")[0] == 1
    for name, *words in (
        ("bob", "bob.lee", "--role", "operator", "--expires", "90d"),
        ("aud", "audit-desk", "--role", "auditor"),
        ("own", "head-of-claims", "--role", "process-owner", "--process", "claims"),
    ):
        code, out, err = office.run("jane", "access", "add", *words, "--json")
        assert code == 0, err
        office.keys[name] = json.loads(out)["key"]
    assert office.run("own", "access", "add", "deputy", "--role", "operator")[0] == 1
    code, out, _ = office.run("own", "access", "add", "deputy", "--role", "process-owner", "--process", "claims")
    assert code == 0
    code, out, _ = office.run("own", "keys", "create", "claims", "--expires", "90d", "--name", "portal", "--json")
    made = json.loads(out)
    code, out, _ = office.run("bob", "keys", "rotate", made["id"], "--overlap", "7d", "--json")
    turned = json.loads(out)
    assert turned["old"] == made["id"]
    assert office.run("bob", "keys", "revoke", made["id"])[0] == 0
    key_file = tmp_path / "bob.key"
    key_file.write_text(office.keys["bob"], encoding="utf-8")
    key_file.chmod(0o600)
    assert office.run(None, "--as", str(key_file), "cut", "provider:acme", "--reason", "told to")[0] == 0
    key_file.chmod(0o644)
    assert "chmod 600" in office.run(None, "--as", str(key_file), "restore", "all")[2]
    assert office.run("bob", "restore", "provider:acme")[0] == 0
    assert office.run("jane", "access", "rotate", "bob.lee")[0] == 0
    assert "nobody's" in office.run("bob", "restore", "all")[2]
    assert office.run("jane", "access", "revoke", "audit-desk")[0] == 0
    assert "the last admin" in office.run("jane", "access", "revoke", "jane.roe")[2]

    people = {person.name: person.id for person in access.people(office.settings)[0]}
    told = [(e["event"], e.get("by"), e.get("role")) for e in office.entries() if e["event"] != "log began"]
    jane, bob, own = people["jane.roe"], people["bob.lee"], people["head-of-claims"]
    of_jane, of_bob, of_own = (jane, "admin"), (bob, "operator"), (own, "process-owner")
    assert told == [
        ("person added", "local", None), ("person's key created", "local", None),
        *[("person added", *of_jane), ("person's key created", *of_jane)] * 3,
        ("person added", *of_own), ("person's key created", *of_own),
        ("key created", *of_own),
        ("key created", *of_bob), ("key revoked", *of_bob),
        ("key revoked", *of_bob),
        ("cut-off placed", *of_bob),
        ("cut-off lifted", *of_bob), ("restored", *of_bob),
        ("person's key created", *of_jane), ("person's key revoked", *of_jane),
        ("person revoked", *of_jane), ("person's key revoked", *of_jane),
    ]  # fmt: skip
    whole = json.dumps(office.entries())
    for words in ("jane", "bob.lee", "audit-desk", "told to", "portal", *(key[13:] for key in office.keys.values())):
        assert words not in whole
    found = wired_evidence.verify(office.settings, None, (), None, ())
    assert (found.wrong, [r for r in found.remarks if "without an entry" in r]) == ((), [])
    # No key lies anywhere in the data folder, in whole or in its secret part.
    stored = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    for key in (*office.keys.values(), made["key"], turned["key"]):
        assert key.split("_", 2)[2].encode() not in stored


def test_a_key_of_a_person_ends_when_it_was_said_to(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.open()
    _, out, _ = office.run("root", "access", "add", "temp", "--role", "operator", "--expires", "1h", "--json")
    office.keys["temp"] = json.loads(out)["key"]
    assert office.run("temp", "restore", "all")[0] == 0
    later = SystemClock().now() + 3601
    monkeypatch.setattr(access.CLOCK, "now", lambda: later)
    assert "nobody's" in office.run("temp", "restore", "all")[2]


def test_who_reads_bodies_is_noted_and_an_auditor_sees_the_rest_without(office: Office) -> None:
    office.open()
    with Store.open(office.settings.database) as store:
        save_exchanges(store, [make_exchange(SECRET, SECRET, id="one", process="claims", route="claims")])
    assert SECRET in office.run(Role.OWNER, "exchanges", "show", "one")[1]
    code, out, _ = office.run(Role.AUDITOR, "exchanges", "show", "one")
    assert (code, SECRET in out, "not shown to the auditor" in out, "one  claims" in out) == (0, False, True, True)
    told = json.loads(office.run(Role.AUDITOR, "exchanges", "show", "one", "--json")[1])
    assert (told["id"], told["request"], told["answer"]) == ("one", None, None)
    (shown,) = [entry for entry in office.entries() if entry["event"] == "bodies shown"]
    assert (shown["exchange"], shown["role"]) == ("one", "process-owner")


def test_a_drill_of_a_provider_waits_for_a_second_person_and_then_runs_once(office: Office) -> None:
    office.open()
    line = ("drill", "claims", "--fault", "vanished", "--target", "provider:acme", "--warm-up", "100ms", "--steady",
            "100ms", "--for", "1s")  # fmt: skip
    assert "is approved by a second person" in office.run("operator", *line, "--approver", "boss")[2]
    assert "needs a named approver" in office.run("operator", *line[:4], *line[6:])[2]
    code, _, err = office.run("operator", *line)
    assert (code, "takes two people" in err) == (1, True)
    name = err.partition("switchover approve ")[2].partition("`")[0]
    assert name in office.run("auditor", "approvals", "list")[1]
    assert "you asked for" in office.run("operator", "approve", name)[2]
    # The admin made the operator's key, so the two are not known to be two.
    assert "that is not two people" in office.run("root", "approve", name)[2]
    office.keys["operator"] = office.run("operator", "access", "rotate")[1].split()[0]
    assert office.run("operator", "decline", name)[0] == 0
    err = office.run("operator", *line)[2]
    name = err.partition("switchover approve ")[2].partition("`")[0]
    assert office.run("root", "approve", name)[0] == 0
    code, out, err = office.run("operator", *line)
    assert (code, "not exercised" in out) == (3, True), err
    assert "takes two people" in office.run("operator", *line)[2]
    shown = json.loads(office.run(None, "approvals", "show", name, "--json")[1])
    people = {person.name: person.id for person in access.people(office.settings)[0]}
    who = (shown["state"], shown["proposed_by"], shown["decided_by"], shown["used_by"])
    assert who == ("used", people["the operator"], people["root-admin"], people["the operator"])
    report = next((office.folder / "data" / "reports").glob("*.md")).read_text(encoding="utf-8")
    assert "root-admin" in report
    assert "the operator" in report
    assert wired_evidence.verify(office.settings, None, (), None, ()).wrong == ()


@pytest.mark.parametrize("name", ["expiry", "local", "local user x", "p-12345678", "", " ", "a\nb", "x" * 129])
def test_a_name_that_would_read_as_something_else_is_refused(office: Office, name: str) -> None:
    assert office.run(None, "access", "init", name)[0] == 1
    assert access.people(office.settings) == ([], [])


def test_a_command_that_asks_no_key_acts_with_no_right(office: Office) -> None:
    who = access.admit(office.settings, "report", lambda: None)
    with pytest.raises(Forbidden):
        register.place_cut(office.settings, Target.parse("provider:acme"), reason="x", by="x", actor=who)
    with pytest.raises(Forbidden):
        register.create_key(office.settings, "claims", actor=who)


def test_when_every_key_is_lost_the_machine_makes_another_admin_and_the_log_says_so(office: Office) -> None:
    office.open()
    code, out, _ = office.run(None, "access", "init", "second", "--again")
    assert code == 0
    assert office.run(out.split()[0], "restore", "all")[0] == 0
    added = [entry for entry in office.entries() if entry["event"] == "person added"]
    assert [entry["by"] for entry in added] == ["local", *[added[1]["by"]] * len(Role), "local"]
    assert os.environ["SWITCHOVER_OPERATOR_KEY"] == out.split()[0]
