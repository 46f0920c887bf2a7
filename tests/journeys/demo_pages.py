"""The pages on what the demo makes up, and a sample of every page of the table."""

from __future__ import annotations

import re
import socket

from journeys.served_pages import Served

from switchover.access.local import local
from switchover.demo import money, past, setting, tested
from switchover.store.proofs import newest_verdicts
from switchover.store.trials import scored_cases
from switchover.wiring import answer
from switchover.wiring.parts import CLOCK, open_store
from switchover.wiring.running import prepare

PROCESS = "customer-messages"
# Not shown to whoever plays the demo: nobody is asked for labels, and nobody has a key.
ELSEWHERE = {"/label/{process}/{candidate}": "/label/replies/other", "/sign-in": "/sign-in"}
# Saved and not shown: what is in them was seen as it was issued.
FILES = ("/report/{report}/page", "/report/{report}/pdf")
# What a page is asked for, where without it there is little to see.
ASKED = {"/cut": "?target=provider:acme"}


def with_the_demos_past(folder, now: float | None = None, seed: int = 1) -> Served:
    """The pages on the weeks that the demo makes up, and on what it tries itself, as of ``now`` (Unix seconds)."""
    now = CLOCK.now() if now is None else now
    stage = setting.at(folder, free_addresses())
    folder.joinpath(setting.MARK).touch()
    folder.joinpath(setting.KEY).touch(mode=0o600)
    folder.joinpath(setting.KEY).write_text("none")
    settings = stage.write()
    prepare(settings)
    with open_store(settings) as store:
        past.fill(store, settings, now, seed=seed)
        whole = money.spent(store, settings, now)
        money.settle(settings, whole, now)
        tested.weeks_ago(store, settings, now, seed=seed)
        tested.lately(store, settings, now, seed=seed)
        money.billed(store, settings, now, folder / "bills")
        settings = stage.write(money.caps(whole))
        found = newest_verdicts(store)
        verdicts = {f"{one.cell.process} {one.cell.upstream}": one for one in found}
        served = Served(settings, verdicts)
        served.report = answer.issue(settings, local()).report.id
        served.case = scored_cases(store, verdicts[f"{PROCESS} student"].cell.id)[0].exchange_id
    return served


def free_addresses() -> dict[str, str]:
    """For each vendor one at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = {"vendor": one.getsockname()[1], "second": other.getsockname()[1]}
    return {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}


def samples(served: Served, paths) -> dict[str, str]:
    """An address for each path of the table that the demo shows."""
    parts = {
        "process": PROCESS,
        "candidate": "student",
        "verdict": served.verdicts[f"{PROCESS} student"].id,
        "exchange": served.case,
        "drill": f"made-up-{PROCESS}",
        "kind": "parent",
        "name": "acme",
        "provider": "acme",
        "upstream": "vendor",
        "report": served.report,
        "assumption": f"defect_usd:{PROCESS}",
    }
    return {
        path: filled(path, parts) + ASKED.get(path, "") for path in paths if path not in ELSEWHERE and path not in FILES
    }


def filled(path: str, parts) -> str:
    """An address of the table with its parts; one that nobody gave a sample for is a KeyError."""
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: parts[found[1]], path)
