"""The evidence log: whether what is on disk holds, and its entries in plain words, newest first."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

from starlette.responses import Response

from switchover.errors import StoreUnavailable
from switchover.evidence import EvidenceLog
from switchover.evidence.reading import Entry, Part, Reading, read
from switchover.evidence.telling import WORDS, about, names, sentence
from switchover.store.people import people

from .visit import Visit, in_address

LISTED = 40
# Where what an entry is about has a page; of anything else the log itself tells.
PLACES = {
    "verdict": "/verdicts/{}",
    "drill": "/drills/{}",
    "exchange": "/exchanges/{}",
    "key": "/settings/access#key-{}",
    "person": "/settings/access#person-{}",
    "approval": "/settings/access#approval-{}",
    "report": "/report/{}",
    "cut-off": "/evidence?about={}",
}


def show(visit: Visit) -> Response:
    """The newest entries of the kind, process or thing that is asked for, below the number that is asked for."""
    asked = {name: visit.asked.get(name, "") for name in ("kind", "process", "about")}
    trouble = ""
    found: Reading | None = None
    part = Part(entries=(), looked_at=0, onward=None)
    try:
        found = read(EvidenceLog(visit.settings.data_dir, visit.sources.clock))
        part = found.newest(_wanted(asked), before=visit.number("before") or None, most=LISTED)
    except StoreUnavailable as error:
        trouble = str(error).partition("\n")[0]
    known = {person.id: person.name for person in people(visit.store)}
    checkpoint = found.checkpoint if found is not None else None
    return visit.page(
        "evidence.html",
        trouble=trouble,
        found=found,
        root=base64.b64encode(checkpoint.root).decode() if checkpoint is not None else "",
        rows=[(entry, sentence(entry), list(links(visit, entry)), _who(entry, known)) for entry in part.entries],
        part=part,
        asked=asked,
        query="&".join(f"{name}={in_address(value)}" for name, value in asked.items() if value),
        kinds=sorted(WORDS),
        processes=sorted(visit.settings.processes),
    )


def links(visit: Visit, entry: Entry) -> Iterator[tuple[str, str]]:
    """The pages of what an entry is about: each the words of the link and where it leads."""
    for kind, name in dict.fromkeys(about(entry)):
        if kind == "process":
            if name in visit.settings.processes:
                yield name, f"/processes/{in_address(name)}"
        else:
            yield f"{kind} {name}" if len(name) <= 24 else kind, PLACES[kind].format(in_address(name))


def _wanted(asked: dict[str, str]) -> Callable[[Entry], bool]:
    """Whether an entry is of the kind, the process and the thing that are asked for."""
    kind, process, thing = asked["kind"], asked["process"], asked["about"]

    def is_wanted(entry: Entry) -> bool:
        if (kind and entry.get("event") != kind) or (process and entry.get("process") != process):
            return False
        return not thing or names(entry, thing)

    return is_wanted


def _who(entry: Entry, known: dict[str, str]) -> str:
    """Who did it, by name where that is known, and by which role."""
    by = entry.get("by")
    if not isinstance(by, str):
        return ""
    name = "the machine's user" if by == "local" else known.get(by, by)
    return f"{name} ({entry['role']})" if isinstance(entry.get("role"), str) else name
