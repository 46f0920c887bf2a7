"""``switchover compare`` shows candidates side by side, and whose words to whom."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from switchover import cli
from switchover.clock import SystemClock
from switchover.config import load
from switchover.domain.candidate import (
    Cell,
    Evidence,
    ScoredCase,
    SliceEvidence,
    State,
    Verdict,
    epoch_of,
    fingerprint,
    grader_id,
)
from switchover.domain.people import Role
from switchover.domain.process import Settings
from switchover.evidence import EvidenceLog
from switchover.privacy.erase import erase
from switchover.store.indexing import save_exchanges
from switchover.store.prompt_versions import save_prompt_version
from switchover.store.proofs import save_verdict
from switchover.store.ring import Reach
from switchover.store.trials import save_score
from switchover.testing.builders import make_exchange, make_prompt_version
from switchover.wiring import access
from switchover.wiring.evidence import noting
from switchover.wiring.parts import open_store

CONFIGURATION = """\
organisation: {domicile: NL}
data: ./data
providers: {acme: {home: US}, other: {home: NL}}
upstreams:
  vendor: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: big-1, developer: acme, host: acme}
  backup:
    {kind: openai, base_url: "http://127.0.0.1:8/v1", model: big-2, developer: other, host: other,
     price: {input_mtok: "2", output_mtok: "8"}}
processes:
  claims:
    {owner: head-of-claims, criticality: important, data: internal, baseline: vendor, fallbacks: [backup],
     rehearse: {grader: label, labels: [a, b]}}
"""
RECORDED = "The claim of 12 May is accepted and will be paid within ten days."
# What a hostile model would write: a title change, a colour, a text that runs backwards, a cursor moved up.
HOSTILE = "The claim of 12 May is \x1b]0;owned\x07refused\x1b[31m and\u202e will be paid\x9b2A within ten days."


class Desk:
    """A folder with one candidate that failed one case, and the command line in it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        (folder / "switchover.yaml").write_text(CONFIGURATION, encoding="utf-8")
        monkeypatch.chdir(folder)
        monkeypatch.delenv("SWITCHOVER_OPERATOR_KEY", raising=False)
        self.monkeypatch, self.capsys = monkeypatch, capsys
        self.settings = load("switchover.yaml")

    def run(self, *words: str, columns: int = 140) -> tuple[int, str, str]:
        """Exit status, output and errors."""
        self.monkeypatch.setenv("COLUMNS", str(columns))
        self.capsys.readouterr()
        code: object = 0
        try:
            cli.main(("compare", "claims", *words))
        except SystemExit as left:
            code = left.code or 0
        shown = self.capsys.readouterr()
        return int(str(code)), shown.out, shown.err


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, monkeypatch, capsys)


def rehearsed(settings: Settings, answer: str = HOSTILE) -> None:
    process = settings.processes["claims"]
    version = make_prompt_version("claims", "backup")
    assert process.rehearse is not None
    cell = Cell(
        process="claims",
        upstream="backup",
        fingerprint=fingerprint(settings.upstreams["backup"]),
        prompt_version=version.id,
        grader=grader_id(process.rehearse),
        epoch=epoch_of(settings.upstreams["vendor"]),
    )
    overall = SliceEvidence(
        name="overall",
        replays=120,
        margin=0.05,
        mean_difference=-0.01,
        lower=-0.0712,
        upper=0.03,
        log_e_ready=1.0,
        log_e_not_ready=-2.0,
    )
    evidence = Evidence(
        overall=overall,
        slices=(),
        ungraded=0,
        coverage=1.0,
        candidate_score=None,
        baseline_self_agreement=None,
        anchor_score=None,
        still_needed=None,
        reasons=(),
    )
    verdict = Verdict(
        id="v1",
        cell=cell,
        state=State.UNPROVEN,
        evidence=evidence,
        made_at=1.8e9,
        expires_at=None,
        seed=1,
        calls=120,
        seconds_per_replay=1.25,
    )
    exchange = make_exchange("When is my claim paid?", RECORDED, id="x-late", process="claims", route="claims")
    Path(settings.data_dir).mkdir(exist_ok=True)
    with open_store(settings) as store:
        save_prompt_version(store, version)
        save_exchanges(store, [exchange])
        row = ScoredCase(
            cell_id=cell.id,
            exchange_id="x-late",
            graded_at=1.8e9,
            candidate=0.2,
            baseline=1.0,
            topic=2,
            answer=answer,
        )
        save_score(store, row)
        save_verdict(store, verdict)


def test_figures_and_the_worst_case_stand_side_by_side_with_what_differs_marked(desk: Desk) -> None:
    rehearsed(desk.settings, RECORDED.replace("accepted", "refused"))
    code, out, _ = desk.run()
    assert code == 0
    for said in ("UNPROVEN", "0.072", "-0.010 [-0.07, +0.03]", "120", "1.25 s", "$0.0440", "1 of 1 · -0.80 · topic 2"):
        assert said in out
    assert "When is my claim paid?" in out
    beside = " ".join(" ".join(line.split()) for line in out.splitlines())
    assert "[-accepted-]" in beside
    assert "{+refused+}" in beside


@pytest.mark.parametrize("columns", [40, 60, 100, 140])
def test_no_line_is_wider_than_the_terminal(desk: Desk, columns: int) -> None:
    rehearsed(desk.settings)
    code, out, _ = desk.run(columns=columns)
    assert code == 0
    assert max(map(len, out.splitlines())) <= columns
    assert ("READY from margin: 0.072" in " ".join(out.split())) == (columns < 110)


@pytest.mark.parametrize("columns", [40, 140])
def test_what_a_model_wrote_never_reaches_the_terminal_as_an_order(desk: Desk, columns: int) -> None:
    rehearsed(desk.settings)
    _, out, _ = desk.run(columns=columns)
    assert not set(out) & {"\x1b", "\x07", "\x9b", "\u202e"}
    assert "\\u001b" in out
    assert "\\u202e" in out.replace("\n", "")


def test_machines_get_every_candidate_as_json(desk: Desk) -> None:
    rehearsed(desk.settings, RECORDED)
    code, out, _ = desk.run("--json")
    found = json.loads(out)
    assert (code, found["margin"], len(found["candidates"])) == (0, 0.05, 1)
    assert found["candidates"][0]["worst"][0]["asked"] == "When is my claim paid?"
    assert found["candidates"][0]["cost"] == {"usd": "0.044000", "gap": None}


def test_nothing_rehearsed_and_a_candidate_that_is_none_are_said_with_what_to_do(desk: Desk) -> None:
    assert "switchover rehearse claims --candidate UPSTREAM" in desk.run()[1]
    rehearsed(desk.settings)
    code, _, err = desk.run("--candidate", "student")
    assert (code, "use one of backup" in err) == (1, True)


def test_whose_words_are_shown_is_noted_and_who_may_not_read_them_sees_the_figures(desk: Desk) -> None:
    rehearsed(desk.settings)
    first = access.init(desk.settings, "root-admin")
    admin = access.admit(desk.settings, "access add", lambda: first.token)
    auditor = access.add(desk.settings, admin, "audit-desk", [Role.AUDITOR], []).token.reveal()
    assert "asks who you are" in desk.run()[2]
    desk.monkeypatch.setenv("SWITCHOVER_OPERATOR_KEY", auditor)
    _, out, _ = desk.run()
    assert "not shown to audit-desk" in out
    assert "0.072" in out
    assert "When is my claim paid?" not in out
    assert "will be paid" not in out
    desk.monkeypatch.setenv("SWITCHOVER_OPERATOR_KEY", first.token.reveal())
    assert "When is my claim paid?" in desk.run()[1]
    log = [json.loads(entry) for entry in EvidenceLog(desk.settings.data_dir, SystemClock()).entries()]
    shown = [entry for entry in log if entry["event"] == "bodies shown"]
    assert [(entry["exchange"], entry["process"], entry["by"]) for entry in shown] == [("x-late", "claims", admin.id)]


def test_of_what_was_erased_figures_stay_and_no_words(desk: Desk) -> None:
    rehearsed(desk.settings, RECORDED.replace("accepted", "refused"))
    assert "{+refused+}" in desk.run()[1]
    with open_store(desk.settings) as store, noting(desk.settings, None) as note:
        ring = store.sealer.ring  # type: ignore[union-attr]
        reach = [Reach(process="claims")]
        erase(store, ring, desk.settings.data_dir, reach, by="a", approved_by="b", reason="asked", note=note)
    code, out, _ = desk.run()
    assert (code, "1 of 1 · -0.80 · topic 2" in out, "UNPROVEN" in out) == (0, True, True)
    assert not [word for word in ("refused", "accepted", "When is my claim") if word in out]
    assert out.count("none was given, or it is not kept or not shown") == 3
