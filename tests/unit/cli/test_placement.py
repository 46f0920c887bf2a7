"""``switchover placement`` and ``switchover decide``: what they say, who may, and what is left behind."""

from __future__ import annotations

import json
import shutil
import time
from datetime import UTC, date, datetime, timedelta

import pytest

from switchover import cli
from switchover.clock import SystemClock
from switchover.config import load
from switchover.domain.people import Role
from switchover.evidence import EvidenceLog
from switchover.testing.sample_candidates import CONFIGURATION, DAY, fill
from switchover.wiring import access
from switchover.wiring.parts import open_store

REVIEW = str(datetime.now(UTC).date() + timedelta(days=90))
ASKED = ("--place", "proposed", "--reason", "shown \x1b[31mred\u202e", "--review", REVIEW)


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """A folder with candidates at every state, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("office")
    (folder / "switchover.yaml").write_text(CONFIGURATION, encoding="utf-8")
    settings = load(str(folder / "switchover.yaml"))
    with open_store(settings) as store:
        fill(store, settings, time.time(), cases=5, long=10)
    return folder


class Desk:
    def __init__(self, folder, monkeypatch, capsys):
        monkeypatch.chdir(folder)
        monkeypatch.delenv("SWITCHOVER_OPERATOR_KEY", raising=False)
        self.monkeypatch, self.capsys = monkeypatch, capsys
        self.settings = load("switchover.yaml")

    def run(self, *words):
        """Exit status and all that was printed."""
        self.capsys.readouterr()
        code = 0
        try:
            cli.main(words)
        except SystemExit as left:
            code = left.code or 0
        shown = self.capsys.readouterr()
        return code, shown.out + shown.err

    def noted(self, name):
        found = [json.loads(entry) for entry in EvidenceLog(self.settings.data_dir, SystemClock()).entries()]
        return [one for one in found if one["event"] == name]


@pytest.fixture
def desk(office, tmp_path, monkeypatch, capsys):
    return Desk(shutil.copytree(office, tmp_path / "office"), monkeypatch, capsys)


def test_a_decision_is_shown_with_its_history_and_noted_with_its_evidence(desk):
    code, said = desk.run("placement")
    assert code == 0
    assert "messages: Stay with vendor (vendor: acme, US), with other (vendor: beta, DE) to stand in" in said
    assert said.count("Proposed; nobody has decided.") == 2
    code, said = desk.run("decide", "messages", *ASKED, "--criticality", "critical")
    assert (code, "vendor (vendor) serves messages, other stands in" in said, "as proposed" in said) == (0, True, True)
    code, said = desk.run("decide", "messages", *ASKED[2:], "--place", "other", "--replacement", "nobody")
    assert (code, "other than proposed" in said) == (0, True)
    code, said = desk.run("placement", "messages")
    assert "third (vendor): proof: its newest rehearsal found it NOT READY" in said
    assert "2. " in said
    assert "other (vendor) serves, nobody stands in, other than proposed" in said
    assert "1. " in said
    assert "(superseded)" in said
    assert "because: shown \\x1b[31mred" in said
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "criticality: proposed critical" in said
    assert "signed as critical by local user" in said
    assert "not carried out: vendor serves" in said
    first, second = desk.noted("placement decided")
    assert (first["serves"], first["replacement"], first["follows"]) == ("vendor", "other", True)
    assert (second["serves"], second["follows"], second["proposed"]["serves"]) == ("other", False, "vendor")
    assert any(one.startswith("proof ") for one in first["evidence"])
    assert "red" not in str(first)
    told = json.loads(desk.run("placement", "messages", "--json")[1])
    assert [one["decision"]["number"] for one in (told[0]["decided"], *told[0]["history"])] == [2, 1]
    assert told[0]["proposal"]["serves"] == "vendor"
    # Half a year on the proof has run out, and the day of the review has passed.
    later = SystemClock().now() + 180 * DAY
    desk.monkeypatch.setattr("switchover.wiring.placement.CLOCK.now", lambda: later, raising=False)
    said = desk.run("placement")[1]
    assert f"to be looked at again on {REVIEW}: overdue; what it rests on has changed." in said


REFUSED = [
    (("messages", "--place", "mars", *ASKED[2:]), "no upstream of messages, and no place"),
    (("messages", "--place", "vendor", *ASKED[2:4], "--review", "tomorrow"), "'tomorrow' is no day"),
    (("messages", *ASKED, "--impact", "huge"), "--impact 'huge' is none there is"),
    (("nothing", *ASKED), "there is no process 'nothing'"),
    (("messages", *ASKED, "--replacement", "vendor"), "can't stand in for itself"),
    (("messages", "--place", "vendor", *ASKED[2:4], "--review", str(date(2020, 1, 1))), "has come already"),
]


def test_what_can_not_be_decided_is_refused_with_the_mend(desk):
    for words, said in REFUSED:
        code, shown = desk.run("decide", *words)
        assert code != 0
        assert said in shown
        assert "To mend it" in shown
    assert desk.noted("placement decided") == []


def test_the_owner_alone_and_an_admin_decide_and_the_entry_names_them_by_id(desk):
    first = access.init(desk.settings, "root")
    admin = access.admit(desk.settings, "access add", lambda: first.token)
    owner = access.add(desk.settings, admin, "head", [Role.OWNER], ["messages"])
    operator = access.add(desk.settings, admin, "runs it", [Role.OPERATOR], [])
    for key, process, allowed in (
        (owner, "messages", True), (owner, "replies", False), (operator, "messages", False), (first, "replies", True),
    ):  # fmt: skip
        desk.monkeypatch.setenv("SWITCHOVER_OPERATOR_KEY", key.token.reveal())
        code, said = desk.run("decide", process, *ASKED)
        assert (code == 0) == allowed, said
    assert [(one["by"], one["role"]) for one in desk.noted("placement decided")] == [
        (owner.person.id, "process-owner"), (first.person.id, "admin"),
    ]  # fmt: skip
    assert [one["act"] for one in desk.noted("act refused")] == ["decide", "decide"]
    desk.monkeypatch.delenv("SWITCHOVER_OPERATOR_KEY")
    assert "Decided by head on" in desk.run("placement")[1]
