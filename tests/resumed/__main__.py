"""``make resumed``: a rehearsal interrupted at random by SIGINT and SIGKILL, 20 times, against one that is not."""

from __future__ import annotations

import random
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from resumed.histories import interrupted, uninterrupted

HISTORIES = 20


def main(seed):
    """Runs them all; 1 where a verdict differs."""
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        verdict, calls = uninterrupted(Path(folder, "whole"))
        overall = verdict["evidence"]["overall"]
        print(f"uninterrupted: {verdict['state']} after {overall['replays']} replays, {calls} calls")
        for number in range(seed, seed + HISTORIES):
            rng = random.Random(f"signals {number}")
            signals = rng.choices([signal.SIGINT, signal.SIGKILL], k=rng.randint(1, 4))
            found, again = interrupted(Path(folder, str(number)), number, calls, signals=signals)
            same = found == verdict
            bad += not same
            names = " ".join(one.name for one in signals)
            print(f"{number}: {names}: {'the same verdict' if same else found}, {again} calls made again", flush=True)
    print(f"{HISTORIES - bad} of {HISTORIES} histories gave the same verdict, and none replayed what it had")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
