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

from switchover.testing.fake_vendor import FakeVendor

PLACES = [Path(__file__).parents[2] / "shared", *(parent / "shared" for parent in Path(__file__).parents[2].parents)]
SET = next((found for place in PLACES if (found := place / "data" / "banking77_8way_train.csv").is_file()), None)
PROMPT = "Sort the customer's message into one of these classes and answer with its name only: "
# What the vendor that serves as baseline gets wrong when it is asked again; the recorded answers are the set's own.
NOISE = 0.05
STUDENT = "  student: {kind: student, model: student, developer: own, host: own}"
ROWS = 2500


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


@pytest.mark.skipif(SET is None and os.environ.get("STRICT") != "1", reason="no shared/data beside the checkout")
def test_a_public_set_is_imported_and_rehearsed_without_any_gateway(alone, capsys):
    assert SET is not None, "STRICT=1 wants shared/data beside the checkout"
    truth = exchanges(SET, alone.folder / "public.jsonl", ROWS)
    labels = ", ".join(sorted(set(truth.values())))
    with FakeVendor(truth, latency=0.0, wrong=NOISE) as vendor:
        alone.vendor, alone.env["VENDOR_KEY"] = vendor, vendor.key
        terms = f"    fallbacks: [student]\n    rehearse: {{grader: label, margin: 0.10, labels: [{labels}]}}\n"
        alone.write(upstreams=STUDENT, process=terms)

        taken = json.loads(
            alone.run("import", "public.jsonl", "--process", "messages", "--upstream", "vendor", "--json").stdout
        )
        assert taken["taken"] + taken["known"] == ROWS
        assert vendor.served == {}
        learned = alone.done("adapt", "messages", "--way", "student")
        shown = alone.run("rehearse", "messages", "--candidate", "student")
        verdict = json.loads(alone.run("verdicts", "--json").stdout)[0]
        entries = alone.told("evidence", "log")

    assert verdict["state"] in ("READY", "PROVISIONAL", "NOT READY"), shown.stdout + shown.stderr
    assert shown.returncode == (0 if verdict["state"] == "READY" else 3)
    overall = verdict["evidence"]["overall"]
    assert overall["replays"] >= 50
    assert verdict["evidence"]["candidate_score"] > 0.5
    # Nobody served anything: no worker ran, and all there is in the spool was imported.
    assert not (alone.data / "run").exists() or not list((alone.data / "run").glob("gateway*"))
    assert [folder.name for folder in (alone.data / "spool").iterdir()] == ["import"]
    assert [entry["event"] for entry in entries].count("import") == 1
    with capsys.disabled():
        print(f"\n{taken['taken']} of {ROWS} exchanges imported, {taken['known']} twice in the set")
        print(f"{learned}{shown.stdout}")
