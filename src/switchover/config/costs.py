"""Options and assumptions of a projection: the section ``costs`` and the file of assumptions that it names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from switchover.domain.costing import EDITED, FILE, Assumption, Costing, OptionSpec, PriceEvent
from switchover.domain.process import Process, Provider, UpstreamSpec
from switchover.facts.read import facts

from .complaint import located
from .document import Document, Place, read
from .sections.money import AssumptionsFile, CostOptionSection, CostsSection

STAY = "stay"


def costing_of(
    document: Document,
    section: CostsSection,
    upstreams: Mapping[str, UpstreamSpec],
    processes: Mapping[str, Process],
    providers: Mapping[str, Provider],
    base: Path,
) -> Costing:
    """Options and assumptions, checked. Raises ConfigError with the file and the line."""
    options = tuple(_option(document, name, one, upstreams) for name, one in section.options.items())
    for one in options:
        _check_mix(document, one, options, processes)
    if section.assumptions is None:
        return Costing(options=options)
    file = read(str(base / section.assumptions))
    try:
        parsed = AssumptionsFile.model_validate(file.value)
    except ValidationError as cause:
        raise located(file, cause) from None
    rows = {name: _assumption(file, name, one, processes, FILE) for name, one in parsed.assumptions.items()}
    events = tuple(_event(file, at, one, upstreams, providers) for at, one in enumerate(parsed.events))
    return Costing(assumptions=rows, events=events, options=options)


def _option(
    document: Document, name: str, section: CostOptionSection, upstreams: Mapping[str, UpstreamSpec]
) -> OptionSpec:
    at: Place = ("costs", "options", name)
    if name == STAY:
        raise document.error(at, got=STAY, want="another name: staying is always projected")
    if section.upstream is not None and section.upstream not in upstreams:
        raise document.error(
            (*at, "upstream"), got=section.upstream, want=f"one of {', '.join(sorted(upstreams))}"
        )  # fmt: skip
    if section.mix and (section.upstream or section.machine):
        raise document.error((*at, "mix"), got="a mix beside an upstream or a machine", want="one of them")
    if not (section.mix or section.upstream or section.machine):
        raise document.error(at, got="nothing to go to", want="upstream, machine or mix")
    if section.machine is None:
        given = next((key for key in ("model", "rented", "tokens_per_second") if getattr(section, key)), None)
        if given is not None:
            raise document.error((*at, given), got=given, want="a machine beside it")
        return OptionSpec(name=name, upstream=section.upstream, mix=section.mix)
    machines = [row["id"] for row in facts("hardware")["machines"]]
    if section.machine not in machines:
        raise document.error((*at, "machine"), got=section.machine, want=f"one of {', '.join(machines)}")
    if not (section.model or section.upstream):
        raise document.error(at, got="a machine alone", want="model, upstream or both: what runs on it")
    if section.tokens_per_second is not None and section.measured is None:
        raise document.error((*at, "tokens_per_second"), got="a throughput", want="measured: how and when")
    return OptionSpec(name=name, **section.model_dump())


def _check_mix(
    document: Document, one: OptionSpec, options: tuple[OptionSpec, ...], processes: Mapping[str, Process]
) -> None:
    plain = [STAY, *(other.name for other in options if not other.mix)]
    for process, chosen in one.mix.items():
        at: Place = ("costs", "options", one.name, "mix", process)
        if process not in processes:
            raise document.error(at, got=process, want=f"one of {', '.join(sorted(processes))}")
        if chosen not in plain:
            raise document.error(at, got=chosen, want=f"one of {', '.join(plain)}")


def stated(name: str, given: Mapping[str, str], processes: Collection[str]) -> Assumption:
    """An assumption as somebody says it, field by field, checked as one of the file is.

    Raises ConfigError, whose ``at`` ends with the field.
    """
    file = Document("", {"assumptions": {name: {field: text for field, text in given.items() if text.strip()}}})
    try:
        section = AssumptionsFile.model_validate(file.value).assumptions[name]
    except ValidationError as cause:
        raise located(file, cause) from None
    return _assumption(file, name, section, processes, EDITED)


def _assumption(file: Document, name: str, section: BaseModel, processes: Collection[str], kept_in: str) -> Assumption:
    at: Place = ("assumptions", name)
    known: Mapping[str, Any] = facts("assumptions")["assumptions"]
    kind, colon, process = name.partition(":")
    row = known.get(kind)
    if row is None:
        meant = get_close_matches(kind, known, n=1)
        want = f"{meant[0]}, perhaps" if meant else f"one of {', '.join(known)}"
        raise file.error(at, got="an assumption that the projection does not know", want=want)
    if colon and not row.get("per_process"):
        raise file.error(at, got=name, want=f"{kind}: it is the same for every process")
    if colon and process not in processes:
        raise file.error(at, got=process, want=f"a process: one of {', '.join(sorted(processes))}")
    given = section.model_dump()
    low, high = given["low"], given["high"]
    ends = {"low": given["value"] if low is None else low, "high": given["value"] if high is None else high}
    for end in ("value", "low", "high"):
        figure = ends.get(end, given["value"])
        if not row["least"] <= figure <= row["most"]:
            want = f"{row['unit']}, from {row['least']:g} to {row['most']:g}"
            raise file.error((*at, end), got=figure, want=want)
    if not ends["low"] <= given["value"] <= ends["high"]:
        want = f"between low ({ends['low']}) and high ({ends['high']})"
        raise file.error((*at, "value"), got=given["value"], want=want)
    rest = {key: given[key] for key in ("value", "source", "owner")}
    return Assumption(
        name=name, means=row["means"], unit=row["unit"], date=given["date"].isoformat(), kept_in=kept_in, **rest, **ends
    )  # fmt: skip


def _event(
    file: Document, position: int, section: BaseModel, upstreams: Mapping[str, UpstreamSpec],
    providers: Mapping[str, Provider],
) -> PriceEvent:  # fmt: skip
    given = section.model_dump()
    at: Place = ("events", position)
    if given["where"] not in upstreams and given["where"] not in providers:
        want = f"a provider, or one of {', '.join(sorted(upstreams))}"
        raise file.error((*at, "where"), got=given["where"], want=want)
    if not given["low"] <= given["high"]:
        raise file.error((*at, "low"), got=given["low"], want=f"at most high ({given['high']})")
    day: date = given.pop("date")
    moment = datetime.combine(day, time(), UTC).timestamp()
    names = {one.name for one in fields(PriceEvent)}
    middle = (given["low"] + given["high"]) / 2
    return PriceEvent(at=moment, value=middle, **{key: value for key, value in given.items() if key in names})
