"""How soon a cut-off, and its end, is in force at both workers of a real `switchover up`: ``python in_force.py 20``.

Whatever changes the register takes the same way: a key, a proof, an acceptance, a configuration. Half of all have to be
in force within a second; a machine that is busy with something else delays any.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from switchover.config import load
from switchover.domain.cut_off import CutOff, Target, TargetKind
from switchover.store.drills import lift_cut_off, place_cut_off
from switchover.testing.fake_vendor import FakeVendor
from switchover.wiring.parts import open_store
from switchover.wiring.running import running

WORKERS, WITHIN_S, PATIENCE_S = 2, 1.0, 60.0
CONFIGURATION = """\
organisation: {{domicile: NL}}
data: ./data
gateway: {{host: 127.0.0.1, port: 0, workers: {workers}}}
pages: {{serve: false}}
log: {{format: json}}
providers: {{acme: {{home: US}}}}
upstreams:
  vendor: {{kind: openai, base_url: "{vendor}/v1", model: big-1, developer: acme, host: acme}}
processes:
  messages: {{owner: us, criticality: critical, data: internal, baseline: vendor}}
"""


def followed(log: Path, name: str, *, cut: bool) -> dict[str, float]:
    """When each worker first went by a register with the cut-off or, after that, by one without."""
    found: dict[str, float] = {}
    seen = set()
    whole, _, _ = log.read_text(encoding="utf-8").rpartition("\n")
    for told in (json.loads(line) for line in whole.splitlines() if line.startswith("{")):
        if told["event"] != "register in force":
            continue
        has = name in told["cut_offs"]
        if has:
            seen.add(told["part"])
        if has is cut and told["part"] in seen:
            found.setdefault(told["part"], datetime.fromisoformat(told["at"]).timestamp())
    return found


def took(log: Path, name: str, since: float, *, cut: bool) -> float:
    """Seconds until the last worker went by it. Raises TimeoutError."""
    end = time.monotonic() + PATIENCE_S
    while len(found := followed(log, name, cut=cut)) < WORKERS:
        if time.monotonic() > end:
            raise TimeoutError(f"{name} was not in force at every worker after {PATIENCE_S:.0f} s; see {log}")
        time.sleep(0.02)
    return max(found.values()) - since


def measured(folder: Path, times: int) -> tuple[list[float], list[float]]:
    """How long each cut-off took to be in force, and how long its end."""
    placed, lifted = [], []
    with FakeVendor() as vendor:
        file, log = folder / "switchover.yaml", folder / "up.log"
        file.write_text(CONFIGURATION.format(workers=WORKERS, vendor=vendor.url), encoding="utf-8")
        settings = load(str(file))
        with running(settings, log=log), open_store(settings) as store:
            target = Target(TargetKind.PROVIDER, "acme")
            # The first is for those that still start.
            for number in range(times + 1):
                name, at = f"cut-{number}", time.time()
                place_cut_off(store, CutOff(id=name, target=target, reason="measured", by="us", placed_at=at))
                placed.append(took(log, name, at, cut=True))
                at = time.time()
                lift_cut_off(store, name, "us", at)
                lifted.append(took(log, name, at, cut=False))
    return placed[1:], lifted[1:]


def main(times: int = 20) -> int:
    """Prints the figures; the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        found = dict(zip(("cut-off", "its end"), measured(Path(folder), times), strict=True))
    for what, seconds in found.items():
        told = f"median {statistics.median(seconds):.2f} s, most {max(seconds):.2f} s"
        print(f"{what} in force at {WORKERS} workers: {told}")
    return 0 if all(statistics.median(seconds) <= WITHIN_S for seconds in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
