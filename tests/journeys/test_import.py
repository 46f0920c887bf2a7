"""A public set of exchanges is imported and rehearsed: no gateway was ever in the path.

The set is BANKING77 with its intents merged into eight classes (CC BY 4.0, PolyAI Limited), as ``shared/data`` beside
the checkout has it; without it this journey is left out.
"""

from __future__ import annotations

import csv
import json
import os
import random
from pathlib import Path

import pytest

from switchover.domain.candidate import State
from switchover.store.proofs import verdicts
from switchover.testing.fake_vendor import FakeVendor
from switchover.wiring import evidence

ROOT = Path(__file__).parents[2]
PLACES = ROOT / "shared", ROOT.parent / "shared"
SET = next((found for place in PLACES if (found := place / "data" / "banking77_8way_train.csv").is_file()), None)
PROMPT = "Sort the customer's message into one of these classes and answer with its name only: "
# What the vendor that serves as baseline gets wrong when it is asked again; the recorded answers are the set's own.
NOISE = 0.05
STUDENT = "  student: {kind: student, model: student, developer: own, host: own}"
SECOND = '  second: {{kind: openai, base_url: "{url}/v1", key: env:VENDOR_KEY, model: big-2, developer: b, host: b}}'
HOMES = "providers: {acme: {home: US}}", "providers: {acme: {home: US}, b: {home: DE}}"
no_set = pytest.mark.skipif(
    SET is None and os.environ.get("STRICT") != "1", reason="no shared/data beside the checkout"
)


def exchanges(table: Path, to: Path, rows: int) -> dict[str, str]:
    """The set as OpenAI-style JSON lines, the class as the assistant's answer; its texts with their classes."""
    with table.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    classes = sorted({row["group"] for row in found})
    chosen = random.Random(7).sample(found, rows)
    with to.open("w", encoding="utf-8") as out:
        for row in chosen:
            messages = [
                {"role": "system", "content": PROMPT + ", ".join(classes)},
                {"role": "user", "content": row["text"]},
                {"role": "assistant", "content": row["group"]},
            ]
            out.write(json.dumps({"messages": messages}) + "\n")
    return {row["text"]: row["group"] for row in found}


def prepare(stage, vendor, truth, candidate, upstream, margin):
    labels = ", ".join(sorted(set(truth.values())))
    stage.vendor, stage.env["VENDOR_KEY"] = vendor, vendor.key
    terms = f"    fallbacks: [{candidate}]\n    rehearse: {{grader: label, margin: {margin}, labels: [{labels}]}}\n"
    stage.write(upstreams=upstream, process=terms)
    stage.edit(*HOMES)


def take_in(stage, vendor, rows):
    """Imports the set; nobody was asked anything for it."""
    told = stage.told("import", "public.jsonl", "--process", "messages", "--upstream", "vendor")
    assert (told["taken"], told["known"], told["skipped"]) == (rows, 0, 0)
    assert vendor.served == {}


def rehearsed(stage, candidate):
    """The verdict that was saved, and what the command printed."""
    shown = stage.run("rehearse", "messages", "--candidate", candidate)
    with stage.store() as store:
        (verdict,) = verdicts(store, "messages")
    assert verdict.state is State.READY, shown.stdout + shown.stderr
    assert shown.returncode == 0
    # Nobody served anything: no worker ran, and all there is in the spool was imported.
    assert list((stage.data / "run").glob("gateway*")) == []
    assert [folder.name for folder in (stage.data / "spool").iterdir()] == ["import"]
    return verdict, shown.stdout


@no_set
def test_a_public_set_is_imported_and_rehearsed_without_any_gateway(alone, capsys):
    assert SET is not None, "STRICT=1 wants shared/data beside the checkout"
    truth = exchanges(SET, alone.folder / "public.jsonl", 400)
    with FakeVendor(truth, latency=0.0, wrong=NOISE) as vendor:
        prepare(alone, vendor, truth, "second", SECOND.format(url=vendor.url), 0.10)
        take_in(alone, vendor, 400)
        verdict, said = rehearsed(alone, "second")
    assert verdict.evidence.overall.replays >= 50
    (entry,) = [entry for entry in evidence.entries(alone.settings(), None) if entry["event"] == "import"]
    assert (entry["taken"], entry["format"], entry["processes"]) == (400, "openai", ["messages"])
    with capsys.disabled():
        print(f"\n400 exchanges of a public set imported and rehearsed; no gateway ran\n{said}")


@no_set
@pytest.mark.skipif(not os.environ.get("IMPORTED"), reason="half a minute of one core: `make imported`")
def test_a_student_learns_from_a_public_set_and_is_rehearsed_on_the_rest_of_it(alone, capsys):
    truth = exchanges(SET, alone.folder / "public.jsonl", 2500)
    with FakeVendor(truth, latency=0.0, wrong=NOISE) as vendor:
        prepare(alone, vendor, truth, "student", STUDENT, 0.10)
        take_in(alone, vendor, 2500)
        learned = alone.done("adapt", "messages", "--way", "student")
        verdict, said = rehearsed(alone, "student")
    assert verdict.evidence.candidate_score > 0.8
    with capsys.disabled():
        print(f"\n2500 exchanges of a public set imported and rehearsed; no gateway ran\n{learned}{said}")
