"""`switchover label`: keys, a real terminal, files of labels, and answers that would like to write on the screen."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import shutil

import pytest
from typer.testing import CliRunner

from switchover import cli
from switchover.cli.label import HELP, keys, shown, sit, take
from switchover.config import load
from switchover.errors import OperatorError
from switchover.graders.human import Human
from switchover.rehearsal import Order, Pair, rehearse
from switchover.store.indexing import save_exchanges
from switchover.store.labels import labels_of
from switchover.store.proofs import verdicts
from switchover.testing.builders import make_exchange
from switchover.trial.replay import Reply
from switchover.wiring import labels
from switchover.wiring.parts import CLOCK, open_store

FILE = """\
organisation: {domicile: NL}
data: ./data
providers: {acme: {home: US}, newlab: {home: DE}}
upstreams:
  vendor: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: big-1, developer: acme, host: acme}
  spare: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: big-2, developer: newlab, host: newlab}
processes:
  answers:
    owner: head-of-service
    criticality: important
    data: internal
    baseline: vendor
    fallbacks: [spare]
    rehearse: {grader: human, label_budget: 10}
"""
WORDS = "roof car sea phone leak post visit bank gale glass door fee yard trip dog bike tree pipe".split()  # noqa: SIM905


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder in which some cases of one candidate wait for people."""
    folder = tmp_path_factory.mktemp("prepared")
    (folder / "switchover.yaml").write_text(FILE, encoding="utf-8")
    found = load(str(folder / "switchover.yaml"), {})
    now = CLOCK.now() - 1_000
    texts = [" ".join(WORDS[(n * place + n // place) % 18] for place in range(1, 9)) + f" {n}" for n in range(40)]

    async def spare(request):
        return Reply("worded anew", 0.01)

    with open_store(found) as store:
        save_exchanges(
            store,
            [
                make_exchange(
                    text, f"recorded {n}", id=f"x{n:03d}", process="answers", upstream="vendor", started_at=now + n
                )
                for n, text in enumerate(texts)
            ],
        )
        process = found.processes["answers"]
        order = Order(
            process=process, baseline=found.upstreams["vendor"], candidate=found.upstreams["spare"],
            prompt_version="as-is-1",
        )  # fmt: skip
        asyncio.run(rehearse(order, store=store, ask=spare, baseline_ask=spare, grader=Human(), clock=CLOCK))
    return folder


@pytest.fixture
def settings(prepared, tmp_path, monkeypatch):
    """A copy of that folder, and we are in it."""
    shutil.copytree(prepared, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return load("switchover.yaml", {})


def given(settings):
    with open_store(settings) as store:
        return labels_of(store, verdicts(store, "answers")[0].cell.id)


def run(*words):
    return CliRunner().invoke(cli.build("label"), ["label", "answers", "--candidate", "spare", *words])


def seated(settings, typed, by="ann"):
    """What is said to somebody who types these keys."""
    said, left = [], list(typed)
    with labels.desk(settings, "answers", "spare", by=by) as desk:
        sit(desk, lambda: left.pop(0) if left else "q", said.append)
        desk.close()
    return "\n".join(said)


def test_keys_mark_skip_undo_and_leave_and_another_key_changes_nothing(settings):
    said = seated(settings, ["1", "3", "x", "2", "u", "2", "1", "0", "s", "u", "1", "1", "q"])
    labels_ = given(settings)
    # The third pair was unclear; that was taken back and it was marked good on both sides.
    assert len(labels_) == 3
    by_mark = sorted((one.candidate, one.baseline) for one in labels_)
    assert sorted(sorted(pair) for pair in by_mark) == [[0.0, 1.0], [0.5, 1.0], [1.0, 1.0]]
    assert {one.person for one in labels_} == {"local user ann"}
    assert said.startswith("ann: 0 of ")
    assert "The last label is taken back." in said
    assert said.count("left?") > 5
    assert "vendor" not in said
    assert "spare" not in said


def test_a_case_of_which_nobody_can_tell_is_a_label_without_marks(settings):
    seated(settings, ["0", "q"])
    assert [(one.candidate, one.baseline) for one in given(settings)] == [(None, None)]


def test_a_sitting_ends_when_nothing_is_left(settings):
    said = seated(settings, ["1", "1"] * 30)
    assert "Nothing is left to look at." in said
    assert "0 to go" in said


def test_single_keys_are_read_from_a_terminal_which_is_put_back():
    import termios

    ours, theirs = pty.openpty()
    try:
        before = termios.tcgetattr(theirs)
        with keys(theirs) as read:
            os.write(ours, b"1S")
            assert (read(), read()) == ("1", "s")
            assert not termios.tcgetattr(theirs)[3] & termios.ICANON
        assert termios.tcgetattr(theirs) == before
    finally:
        os.close(ours)
        os.close(theirs)


def test_what_callers_and_models_wrote_is_wrapped_and_cannot_write_on_the_screen():
    said = shown(
        Pair(
            case="x", request={"messages": [{"role": "user", "content": "a\x1b[2J" + "word " * 40}, 3]},
            left="\u202eevil\r\x07", right="line one\n\nline two",
        ),
        width=40,
    )  # fmt: skip
    assert "\x1b" not in said
    assert "\r" not in said
    assert "\u202e" not in said
    assert max(map(len, said.splitlines())) <= 40
    assert "line one\n\nline two" in said


def test_without_a_terminal_it_says_how_else(settings):
    done = run()
    assert done.exit_code != 0
    assert "--from labels.jsonl" in str(done.exception)


def test_pairs_are_handed_to_another_tool_blinded_and_its_labels_are_taken(settings, tmp_path):
    listed = run("--json", "--by", "tool")
    pairs = [json.loads(line) for line in listed.stdout.splitlines()]
    assert len(pairs) >= 10
    assert all(set(pair) == {"case", "request", "left", "right"} for pair in pairs)
    file = tmp_path / "labels.jsonl"
    lines = [
        {
            "case": pair["case"],
            **{side: "good" if pair[side].startswith("recorded") else 0.25 for side in ("left", "right")},
        }
        for pair in pairs
    ]
    file.write_text("\n".join(map(json.dumps, [*lines, {"case": "x999", "left": 1, "right": 1}])), encoding="utf-8")
    done = run("--by", "tool", "--from", str(file), "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["taken"] == len(pairs)
    assert told["verdict"]["evidence"]["people"]["labelled"] == len(pairs)
    assert {(one.candidate, one.baseline, one.source) for one in given(settings)} == {(0.25, 1.0, "file")}
    assert "0 labels taken" in run("--by", "tool", "--from", str(file)).stdout


NO_LABELS = (
    "{", "[]", '"left"', "1", '{"case": "x"}', '{"case": "x", "left": 1}', '{"case": "x", "left": 2, "right": 0}',
    '{"case": "x", "left": "fine", "right": 0}', '{"case": "x", "left": true, "right": 0}',
    '{"case": "x", "candidate": null, "baseline": 1}',
)  # fmt: skip


def test_a_line_that_is_no_label_is_named_and_nothing_is_taken(settings, tmp_path):
    file = tmp_path / "labels.jsonl"
    with labels.desk(settings, "answers", "spare") as desk:
        case = desk.waiting()[0]
        for line in NO_LABELS:
            file.write_text(f'{{"case": "{case}", "left": 1, "right": 1}}\n\n{line}\n', encoding="utf-8")
            with pytest.raises(OperatorError, match=r"labels\.jsonl:3 is no label"):
                take(desk, file)
        with pytest.raises(OperatorError, match="can't be read"):
            take(desk, tmp_path / "none.jsonl")
    assert given(settings) == []


def test_help_names_every_key():
    assert all(f"{key} " in HELP for key in ("1", "2", "3", "0", "s", "u", "q"))
