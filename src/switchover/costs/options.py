"""What could serve each process, and at what price: staying, another host, a machine, a mix by process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from switchover.domain.candidate import Proof, State, Verdict, fingerprint
from switchover.domain.costing import OptionSpec, PriceEvent
from switchover.domain.process import Process, Settings

from .assumptions import Chance, Values, shipped
from .hosting import Hosting, throughput
from .mechanisms import mechanisms
from .project import Option, Priced, Quality, Serve, World, simulate
from .serving import Serving, bare, is_open, is_self_hosted
from .usage import UsageModel

STAY, MIX = "stay", "mix"
# Options where nobody names one: a machine to buy, one to rent, and the open weights on them.
BOUGHT, RENTED, OPEN_WEIGHTS = "dgx-spark", "h100-80-sxm", "gpt-oss-120b"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of candidates: proofs in date (not suspended) and the newest verdict of each cell.

    ``events`` are changes of price that others announced, beside those of the configuration, which go first.
    """

    proofs: Sequence[Proof] = ()
    verdicts: Sequence[Verdict] = ()
    events: Sequence[PriceEvent] = ()


def world(
    settings: Settings, usage: Mapping[str, UsageModel], known: Known, begins: float, months: int
) -> tuple[World, tuple[str, ...]]:
    """All that a projection needs, and what had to be left out, named. Raises ValueError where no process has a price.

    A process is left out of every option if nobody knows what staying costs: sums over different processes can't be
    held against each other.
    """
    build = _Build(settings, usage, known, begins, months)
    stay, gaps = build.stay()
    if not stay.serves:
        raise ValueError("; ".join(gaps) or "no process has a price")
    counted = {name: usage[name] for name in stay.serves}
    specs = settings.costing.options or build.defaults(stay)
    if not settings.costing.options:
        gaps += build.own(stay)
    options = [stay, *(build.option(spec, stay) for spec in specs if not spec.mix)]
    found = World(
        months=months,
        begins=begins,
        usage=counted,
        options=tuple(options),
        rows=shipped() | dict(settings.costing.assumptions),
        mechanisms=mechanisms(),
        events=expected(settings.costing.events, known.events, begins),
    )
    gaps += [_past(event) for event in settings.costing.events if event.at < begins]
    mixes = [_mixed(spec.name, spec.mix, options) for spec in specs if spec.mix]
    if not settings.costing.options:
        mixes = _cheapest(found)
    lacking = (f"{one.name} can't be priced: {one.lacks}" for one in options if one.lacks)
    return replace(found, options=(*options, *mixes)), (*gaps, *lacking)


def expected(stated: Sequence[PriceEvent], announced: Sequence[PriceEvent], begins: float) -> tuple[PriceEvent, ...]:
    """What comes after ``begins``; what is stated stands for what was announced under the same name at the same place.

    What is past is in today's price, as far as it came.
    """
    coming = [one for one in stated if one.at >= begins]
    told = {(one.name, one.where) for one in coming}
    return (*coming, *(one for one in announced if (one.name, one.where) not in told))


def _past(event: PriceEvent) -> str:
    day = datetime.fromtimestamp(event.at, UTC).date()
    return f"{event.name} at {event.where} was expected on {day}: that is past, and today's price is taken as it is"


class _Build:
    """Builds options for the processes that have a usage."""

    def __init__(
        self, settings: Settings, usage: Mapping[str, UsageModel], known: Known, begins: float, months: int
    ) -> None:
        self.settings, self.usage, self.known = settings, usage, known
        self.serving = Serving(settings, usage, known.verdicts, begins, months)

    def stay(self) -> tuple[Option, list[str]]:
        """What serves each process today, without those that have no price; these are named."""
        serves: dict[str, Serve] = {}
        gaps = []
        for name in self.usage:
            found = self.serving.upstream(self.settings.upstreams[self.settings.processes[name].baseline])
            if isinstance(found, str):
                gaps.append(f"{name} is left out: {found}")
            else:
                serves[name] = found
        return Option(name=STAY, words="what serves today", serves=serves), gaps

    def defaults(self, stay: Option) -> tuple[OptionSpec, ...]:
        """Where nobody names options: each upstream that could serve, and open weights on a machine."""
        used = dict.fromkeys(name for process in stay.serves for name in self.settings.processes[process].upstreams)
        hosted = [name for name in used if not is_self_hosted(self.settings.upstreams[name])]
        everything = {self.settings.processes[process].baseline for process in stay.serves}
        found = [OptionSpec(name=name, upstream=name) for name in hosted if everything != {name}]
        specs = [self.settings.upstreams[name] for name in hosted]
        opened = [spec for spec in specs if is_open(spec.model)]
        if not opened:
            found.append(OptionSpec(name=f"{OPEN_WEIGHTS}-hosted", model=OPEN_WEIGHTS))
        measured = [bare(spec.model) for spec in opened if _measured(BOUGHT, bare(spec.model))]
        model = measured[0] if measured else OPEN_WEIGHTS
        found.append(OptionSpec(name=f"{BOUGHT}-bought", machine=BOUGHT, model=model))
        found.append(OptionSpec(name=f"{RENTED}-rented", machine=RENTED, model=OPEN_WEIGHTS, rented=True))
        return tuple(found)

    def own(self, stay: Option) -> list[str]:
        """Upstreams on our own machine that could serve, and whose machine nobody names."""
        used = dict.fromkeys(name for process in stay.serves for name in self.settings.processes[process].upstreams)
        return [
            f"{name} is no option yet: it runs on our own machine; name that machine under costs.options"
            for name in used
            if is_self_hosted(self.settings.upstreams[name])
        ]

    def option(self, spec: OptionSpec, stay: Option) -> Option:
        """One that serves every process alike."""
        serve: Serve | str
        if spec.machine is not None:
            serve, words = self.serving.hosting(spec), _machine_words(spec)
        elif spec.upstream is not None:
            there = self.settings.upstreams[spec.upstream]
            serve, words = self.serving.upstream(there), f"{there.model} at {there.host}"
        else:
            serve, words = self.serving.listed(spec.model or ""), f"{spec.model} at another host"
        if isinstance(serve, str):
            return Option(name=spec.name, words=words, lacks=serve)
        if isinstance(serve, Hosting) and serve.lacks:
            return Option(name=spec.name, words=words, lacks=serve.lacks)
        moved = tuple(process for process, now in stay.serves.items() if not _same(now, serve))
        judged = {process: self._judged(self.settings.processes[process], spec) for process in moved}
        return Option(
            name=spec.name,
            words=words,
            serves=dict.fromkeys(stay.serves, serve),
            moved=moved,
            proven={process: found for process, found in judged.items() if isinstance(found, Quality)},
            unproven={process: found for process, found in judged.items() if isinstance(found, str)},
        )

    def _judged(self, process: Process, spec: OptionSpec) -> Quality | str:
        """Whether a proof in date says that the answers are good enough, and how good they are."""
        if spec.upstream is None:
            return self._nobody(spec)
        one = self.settings.upstreams[spec.upstream]
        if spec.machine is None and not process.may_see(one, self.settings.providers):
            return f"the data policy keeps {process.data} data from {one.name}"
        for proof in self.known.proofs:
            ready = proof.state is State.READY or process.accept_provisional
            if ready and (proof.process, proof.upstream, proof.fingerprint) == (
                process.name, one.name, fingerprint(one),
            ):  # fmt: skip
                return self._quality(proof)
        return f"UNPROVEN: no proof in date for {one.name}"

    def _nobody(self, spec: OptionSpec) -> str:
        """Why an option without an upstream is unproven: a proof is for what was rehearsed, not for a name."""
        same = [one.name for one in self.settings.upstreams.values() if bare(one.model) == bare(spec.model or "")]
        if same:
            return f"UNPROVEN: if {same[0]} has the very same weights, name it as this option's upstream"
        return f"UNPROVEN: no upstream serves {spec.model}, so no rehearsal shows that it is good enough"

    def _quality(self, proof: Proof) -> Quality:
        low, high, value = proof.lower, 0.0, None
        for one in self.known.verdicts:
            cell = one.cell
            if (cell.process, cell.upstream, cell.prompt_version) == (
                proof.process, proof.upstream, proof.prompt_version,
            ):  # fmt: skip
                value, high = one.evidence.overall.mean_difference, one.evidence.overall.upper
                break
        high = max(low, high)
        middle = (low + high) / 2 if value is None else min(max(value, low), high)
        return Quality(low=low, value=middle, high=high, source=f"proof {proof.id}")


def _same(one: Serve, other: Serve) -> bool:
    if isinstance(one, Priced) and isinstance(other, Priced):
        return one.where == other.where
    return one == other


def _measured(machine: str, model: str) -> bool:
    try:
        throughput(machine, model, 0.0)
    except LookupError:
        return False
    return True


def _machine_words(spec: OptionSpec) -> str:
    return f"{spec.model or spec.upstream} on {'rented ' if spec.rented else ''}{spec.machine}"


def _mixed(name: str, chosen: Mapping[str, str], options: Iterable[Option]) -> Option:
    """Each process as the option that is chosen for it serves it; the others stay."""
    by_name = {one.name: one for one in options}
    stay = by_name[STAY]
    picked = {process: by_name[chosen.get(process, STAY)] for process in stay.serves}
    lacking = next((one for one in picked.values() if one.lacks), None)
    words = ", ".join(f"{process}: {one.name}" for process, one in picked.items())
    if lacking is not None:
        return Option(name=name, words=words, lacks=f"{lacking.name}: {lacking.lacks}")
    return Option(
        name=name,
        words=words,
        serves={process: one.serves[process] for process, one in picked.items()},
        moved=tuple(process for process, one in picked.items() if process in one.moved),
        proven={process: one.proven[process] for process, one in picked.items() if process in one.proven},
        unproven={process: one.unproven[process] for process, one in picked.items() if process in one.unproven},
    )


def _cheapest(world: World) -> list[Option]:
    """The mix of what is proven and cheapest for each process by itself; none where that is to stay or one option."""
    chosen = {}
    values = Values(world.rows, Chance(0, 1), certain=True)
    for process, usage in world.usage.items():
        alone = replace(world, usage={process: usage}, options=tuple(_alone(one, process) for one in world.options))
        costs = simulate(alone, values).monthly
        allowed = [one.name for one in world.options if one.name in costs and process not in one.unproven]
        chosen[process] = min(allowed, key=lambda name: float(costs[name].sum()))
    if len(set(chosen.values())) == 1:
        return []
    return [_mixed(MIX, chosen, world.options)]


def _alone(option: Option, process: str) -> Option:
    return replace(option, moved=tuple(one for one in option.moved if one == process))
