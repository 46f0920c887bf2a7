"""The settings of graders that ask somebody, or run the user's code: a judge, people, a hook."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from switchover.domain.candidate import fingerprint
from switchover.domain.judge import PROMPT_VERSION, RUBRIC, partiality
from switchover.domain.process import Process, Provider, UpstreamSpec

from .document import Document, Place
from .sections.rehearse import RehearseSection

Settings = dict[str, object]

DEFAULT_SHARE = 0.5
# Below it so few cases have a label that the range of their values leaves no bet worth placing.
LEAST_SHARE = 0.1
LONGEST_RUBRIC = 20_000
HOOK = "file:PATH.py:function or module:function"
_FUNCTION = re.compile(r"(?P<where>.+):(?P<function>[A-Za-z_]\w*)", re.ASCII)
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


def labels_share(document: Document, at: Place, section: RehearseSection) -> float:
    """The chance with which a case is drawn for people."""
    if section.grader == "human":
        return 1.0
    if section.grader != "rubric":
        return 0.0
    share = DEFAULT_SHARE if section.labels_share is None else section.labels_share
    if 0 < share < LEAST_SHARE:
        raise document.error((*at, "labels_share"), got=share, want=f"0, or a share of {LEAST_SHARE:g} to 1")
    return share


def rubric(
    document: Document, at: Place, section: RehearseSection, upstreams: Mapping[str, UpstreamSpec], base: Path
) -> Settings:
    """What makes a judge this one: its model, its prompt, its rubric, and how many of its cases people look at."""
    if section.judge is None or section.judge not in upstreams:
        known = ", ".join(sorted(upstreams))
        got = section.judge or "nothing"
        raise document.error((*at, "judge"), got=got, want=f"the upstream that judges: one of {known}")
    return {
        "judge": fingerprint(upstreams[section.judge]),
        "prompt": PROMPT_VERSION,
        "rubric": _rubric_text(document, at, section.rubric, base),
        "labels_share": labels_share(document, at, section),
    }


def _rubric_text(document: Document, at: Place, given: str | None, base: Path) -> str:
    if given is None:
        return RUBRIC
    text = given
    if given.startswith("file:"):
        try:
            text = Path(base, given.removeprefix("file:")).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise document.error((*at, "rubric"), got=given, want="a readable text file") from None
    if not text.strip() or len(text) > LONGEST_RUBRIC:
        raise document.error((*at, "rubric"), got=f"{len(text)} characters", want=f"1 to {LONGEST_RUBRIC} characters")
    return text.strip()


def hook(document: Document, at: Place, section: RehearseSection, base: Path) -> Settings:
    """The function by its file's content, wherever that lies: another one is another grader."""
    file = hook_file(document, at, section, base)
    try:
        content = file.read_bytes()
    except OSError as cause:
        raise document.error((*at, "hook"), got=section.hook, want=f"a readable file: {cause.strerror}") from cause
    return {
        "function": str(section.hook).rpartition(":")[2],
        "sha256": hashlib.sha256(content).hexdigest(),
        "by_merit": section.hook_by_merit,
        "seconds": section.hook_timeout,
    }


def hook_file(document: Document, at: Place, section: RehearseSection, base: Path) -> Path:
    """The file that the function is in."""
    match = _FUNCTION.fullmatch(section.hook or "")
    if match is None:
        raise document.error((*at, "hook"), got=section.hook or "nothing", want=HOOK)
    where = match["where"]
    file = Path(base, where.removeprefix("file:")) if where.startswith("file:") else _module(where, base)
    if file is None:
        raise document.error((*at, "hook"), got=section.hook, want=f"{HOOK}, of a module that can be found")
    return file.resolve()


def _module(name: str, base: Path) -> Path | None:
    """The file of a module beside the configuration or among what is installed; nothing is imported for that."""
    if not _MODULE.fullmatch(name):
        return None
    inside = Path(*name.split("."))
    for folder in (base, *(Path(entry) for entry in sys.path if entry)):
        for file in (folder / inside.with_suffix(".py"), folder / inside / "__init__.py"):
            if file.is_file():
                return file
    return None


def check_judge(
    document: Document, process: Process, upstreams: Mapping[str, UpstreamSpec], providers: Mapping[str, Provider]
) -> None:
    """Raises ConfigError for a judge that is not of a third family, or that may not see the process's data."""
    if process.rehearse is None or process.rehearse.judge is None:
        return
    at: Place = ("processes", process.name, "rehearse", "judge")
    judge = upstreams[process.rehearse.judge]
    for name in process.upstreams:
        partial = partiality(judge, upstreams[name])
        if partial is not None:
            raise document.error(
                at, got=partial, want="a judge of another developer and family than any that it judges"
            )
    if not process.may_see(judge, providers):
        raise document.error(
            at,
            got=f"{judge.name}, which may not see {process.data} data",
            want=f"{judge.name} (or its host's home) under allow.{process.data}, or another judge",
        )
