"""``switchover accept``: who may, what it asks, and what it leaves behind."""

from __future__ import annotations

import json

import pytest

from switchover import cli
from switchover.clock import SystemClock
from switchover.config import load
from switchover.domain.candidate import ScoredCase, State, Verdict
from switchover.domain.people import Role
from switchover.evidence import EvidenceLog
from switchover.rehearsal import Order, cell_of
from switchover.store import Store
from switchover.store.acceptances import acceptances
from switchover.store.prompt_versions import prompt_versions
from switchover.store.proofs import save_verdict
from switchover.trial.book import Book
from switchover.wiring import access

CONFIGURATION = """\
organisation: {domicile: NL}
data: ./data
providers: {acme: {home: US}}
upstreams:
  vendor: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: big-1, developer: acme, host: acme}
  other: {kind: openai, base_url: "http://127.0.0.1:8/v1", model: small, developer: own, host: own}
  kept: {kind: openai, base_url: "http://127.0.0.1:7/v1", model: kept, developer: own, host: own}
processes:
  letters:
    {owner: head, criticality: important, data: internal, baseline: vendor, fallbacks: [other, kept],
     allow: {internal: [vendor, other]}, rehearse: {grader: label, labels: [a, b]}}
  claims: {owner: head, criticality: critical, data: internal, baseline: vendor, fallbacks: [other]}
"""
ASKED = ("--candidate", "other", "--reason", "the vendor is gone", "--until", "30d")


class Desk:
    def __init__(self, folder, monkeypatch, capsys):
        (folder / "switchover.yaml").write_text(CONFIGURATION, encoding="utf-8")
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

    def as_person(self, key):
        self.monkeypatch.setenv("SWITCHOVER_OPERATOR_KEY", key)

    def store(self):
        return Store.open(self.settings.database)

    def events(self):
        found = [json.loads(entry) for entry in EvidenceLog(self.settings.data_dir, SystemClock()).entries()]
        return [one for one in found if "risk" in one["event"]]


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    return Desk(tmp_path, monkeypatch, capsys)


def test_what_is_accepted_serves_and_shows_until_it_is_withdrawn(desk):
    code, said = desk.run("accept", "letters", *ASKED)
    assert (code, "other may serve letters until" in said, "verdict is UNPROVEN" in said) == (0, True, True)
    code, said = desk.run("explain", "letters", "--without", "upstream:vendor")
    assert code == 0
    assert "1. other (small): no proof: accepted by local user" in said
    code, said = desk.run("verdicts")
    assert "other serves letters without a proof" in said
    assert "because: the vendor is gone" in said
    code, said = desk.run("accept", "letters", "--candidate", "other", "--withdraw")
    assert (code, said) == (0, "1 acceptance withdrawn\n")
    assert desk.run("explain", "letters", "--without", "upstream:vendor")[0] == 3
    assert "nothing is accepted" in desk.run("accept", "letters", "--candidate", "other", "--withdraw")[1]
    accepted, ended = desk.events()
    assert (accepted["event"], accepted["process"], accepted["target"]) == ("risk accepted", "letters", "other")
    assert (ended["event"], ended["id"]) == ("risk no longer accepted", accepted["id"])
    assert not any("vendor is gone" in str(one) for one in (accepted, ended))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("letters", "--candidate", "kept", *ASKED[2:]), "the data policy keeps internal data from kept"),
        (("letters", "--candidate", "vendor", *ASKED[2:]), "no fallback of letters"),
        (("letters", *ASKED[:4], "--until", "400d"), "a year at most"),
        (("letters", *ASKED[:2], "--reason", " ", "--until", "30d"), "for a reason"),
        (("letters", *ASKED[:2], "--until", "30d"), "for a reason, and until a day"),
        (("letters", *ASKED, "--prompt-version", "v9"), "no prompt version 'v9'"),
        (("letters", *ASKED, "--withdraw"), "leave the other options out"),
        (("claims", *ASKED), "takes two people, and nobody is known here yet"),
    ],
)
def test_what_can_not_be_accepted_is_refused_with_the_mend(desk, words, said):
    code, shown = desk.run("accept", *words)
    assert code != 0
    assert said in shown
    assert desk.run("explain", words[0], "--without", "upstream:vendor")[0] == 3


def test_a_candidate_known_to_be_not_ready_is_accepted_only_with_the_flag(desk):
    settings = desk.settings
    assert desk.run("accept", "letters", *ASKED)[0] == 0
    with desk.store() as store:
        [version] = prompt_versions(store, "letters")
        order = Order(
            process=settings.processes["letters"],
            baseline=settings.upstreams["vendor"],
            candidate=settings.upstreams["other"],
            prompt_version=version.id,
        )
        cell = cell_of(order)
        rows = [ScoredCase(cell_id=cell.id, exchange_id=f"x{n}", graded_at=1e9, candidate=0.0, baseline=1.0)
                for n in range(20)]  # fmt: skip
        book = Book(order.process.rehearse, rows, kinds={}, traffic=[], examples={}, calibrated=True, was_ready=False)
        evidence = book.decide(1e9).evidence
        save_verdict(
            store,
            Verdict(id="v1", cell=cell, state=State.NOT_READY, evidence=evidence, made_at=1e9, expires_at=None, seed=1,
                    calls=20),
        )  # fmt: skip
    code, said = desk.run("accept", "letters", *ASKED)
    assert code == 1
    assert "was shown to be NOT READY for letters: overall: worse than the margin allows" in said
    code, said = desk.run("accept", "letters", *ASKED, "--although-not-ready")
    assert (code, "verdict is NOT READY" in said) == (0, True)


def test_for_a_critical_process_it_takes_the_owner_and_a_second_person(desk):
    root = access.init(desk.settings, "root").token
    admin = access.admit(desk.settings, "access add", lambda: root)
    owner = access.add(desk.settings, admin, "head of claims", [Role.OWNER], ["claims"]).token.reveal()
    operator = access.add(desk.settings, admin, "operator", [Role.OPERATOR], []).token.reveal()
    desk.as_person(operator)
    assert "not the right" in desk.run("accept", "letters", *ASKED)[1]
    desk.as_person(owner)
    assert "not the right" in desk.run("accept", "letters", *ASKED)[1]
    # The key that root made was seen by root: the owner takes one that only they know.
    rotated = json.loads(desk.run("access", "rotate", "--json")[1])
    desk.as_person(next(text for text in rotated.values() if str(text).startswith("swo_")))
    code, said = desk.run("accept", "claims", *ASKED)
    assert (code, "takes two people" in said) == (1, True)
    asked = said[said.index("ap-") :].split()[0]
    desk.as_person(root.reveal())
    assert desk.run("approve", asked)[0] == 0
    code, said = desk.run("accept", "claims", *ASKED)
    assert code == 0, said
    with desk.store() as store:
        [found] = acceptances(store)
    assert found.approved_by is not None
    assert found.approved_by != found.made_by
    [event] = desk.events()
    assert event["approved_by"] == found.approved_by
