"""A judge over HTTP that favours the candidate, reduced from `make judged`: never READY alone, right with labels."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from switchover.config import load
from switchover.domain.candidate import State
from switchover.domain.charge import JUDGE, REHEARSAL
from switchover.store.spending import spend_rows
from switchover.wiring.parts import open_store

SOURCE = Path(__file__).parents[2] / "benchmarks" / "judged.py"
spec = importlib.util.spec_from_file_location("judged", SOURCE)
assert spec is not None
assert spec.loader is not None
judged = sys.modules["judged"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(judged)


def purposes(folder):
    """What was entered for each purpose."""
    with open_store(load(str(folder / "switchover.yaml"), {})) as store:
        return {row["purpose"]: row for row in spend_rows(store, 0.0, 1e11, ("purpose",))}


RUNS, FEWER, SEED, MARGIN = 400, 150, 7, 0.10


@pytest.mark.parametrize("name", list(judged.JUDGES))
def test_whatever_the_judge_a_candidate_as_bad_as_the_margin_forbids_is_rarely_ready(name):
    share = judged.to_ready(0.85, judged.JUDGES[name], 0.05, RUNS, SEED).share
    assert judged.may_hold(share, judged.ALPHA, RUNS), f"{name}: {share:.1%}"


def test_the_same_judge_believed_would_make_it_ready_every_time():
    assert judged.to_ready(0.85, judged.devoted, 0.05, 100, SEED, share=None).share == 1.0


def test_about_as_many_labels_are_needed_as_promised():
    for margin, most in ((0.05, 105), (0.10, 36)):
        for judge in (judged.exact, judged.partial):
            found = judged.to_ready(0.90, judge, margin, FEWER, SEED)
            mean, error = found.labels.mean(), 2.326 * found.labels.std() / FEWER**0.5
            assert mean - error <= most, f"{judge.__name__}: {mean:.0f} labels at {margin}"


@pytest.mark.parametrize(("quality", "wanted"), [(0.55, State.NOT_READY), (0.97, State.READY)])
def test_the_whole_way_over_http_with_gold_labels_played_in(tmp_path, quality, wanted, capsys):
    seen = judged.play(judged.World(judged.generated(420), quality, SEED), MARGIN, tmp_path, budget=60)
    assert seen.judged.state is State.PROVISIONAL, seen.judged.evidence.reasons
    assert seen.verdict.state is wanted, seen.verdict.evidence.reasons
    evidence = seen.verdict.evidence
    assert evidence.judge_calls > 100
    assert evidence.judge_usd > 0
    assert evidence.judge_unpriced == 0
    assert evidence.people.labelled == seen.labels > 5
    spent = purposes(tmp_path)
    # A call that was asked again is billed again.
    assert spent[JUDGE]["calls"] >= evidence.judge_calls
    assert spent[JUDGE]["listed"] / 1e9 >= float(evidence.judge_usd)
    assert spent[REHEARSAL]["calls"] >= evidence.overall.replays
    with capsys.disabled():
        print(f"\n{wanted}: {seen.labels} labels, {evidence.judge_calls} judge calls, {evidence.judge_usd:.4f} USD")
