"""Costs of each option in each month and draw: the simulation. Pure; floats, chance is handed in.

All options meet the same usage and the same prices in a draw, so that they can be held against each other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from switchover.domain.costing import Assumption, PriceEvent

from .assumptions import Array, Values
from .hosting import MILLION, Hosting, busy, machines, monthly
from .mechanisms import MONTHS_PER_YEAR, Mechanism, changes
from .usage import DAY_H, UsageModel

LEAST_LEVEL = 0.05
ONCE: Array = np.ones(1)


@dataclass(frozen=True, eq=False)
class Priced:
    """Served at a price per token. ``rates`` are USD per million tokens, months × (input, cached, output).

    ``where`` is the upstream, or what stands for one; ``host`` its provider. ``kind`` is "vendor" or "open". What
    happens to prices at one place happens to all that is bought there. ``per_call`` is USD on top of each call.
    """

    where: str
    host: str
    kind: str
    rates: Array
    source: str
    per_call: float = 0.0
    notes: tuple[str, ...] = ()


Serve = Priced | Hosting


@dataclass(frozen=True, kw_only=True)
class Quality:
    """A proof in date: the difference in quality to what serves today, with its ends; negative is worse."""

    low: float
    value: float
    high: float
    source: str


@dataclass(frozen=True, kw_only=True)
class Option:
    """Who serves each process. ``moved`` are those that leave what serves them today.

    ``proven`` says how good the answers are, ``unproven`` (process → why) where nobody knows. ``lacks``: why the
    option can't be priced.
    """

    name: str
    words: str
    serves: Mapping[str, Serve] = field(default_factory=dict)
    moved: tuple[str, ...] = ()
    proven: Mapping[str, Quality] = field(default_factory=dict)
    unproven: Mapping[str, str] = field(default_factory=dict)
    lacks: str | None = None


@dataclass(frozen=True, kw_only=True)
class World:
    """What is projected. The first option is to stay. ``begins`` is the first month's first moment (Unix seconds)."""

    months: int
    begins: float
    usage: Mapping[str, UsageModel]
    options: tuple[Option, ...]
    rows: Mapping[str, Assumption]
    mechanisms: tuple[Mechanism, ...] = ()
    events: tuple[PriceEvent, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Hosted:
    """Machines of one option: their share of busy time, and how many serve, draws × months each."""

    hosting: Hosting
    utilisation: Array
    serving: Array
    paid: Array
    cost: Array


@dataclass(frozen=True, kw_only=True)
class Costs:
    """USD by option, draws × months; the machines behind it; USD lost to a cut-off by process, one per draw."""

    monthly: Mapping[str, Array]
    hosted: Mapping[str, tuple[Hosted, ...]]
    losses: Mapping[str, Array]


def simulate(world: World, values: Values, scale: Array = ONCE, *, losses: bool = False) -> Costs:
    """Every option that can be priced, with usage ``scale`` times what it is; with what cut-offs lose, if wanted.

    Several scales (with values that are certain) stand in the place of draws.
    """
    run = _Run(world, values, scale)
    options = [option for option in world.options if option.lacks is None]
    found = {option.name: run.option(option) for option in options}
    return Costs(
        monthly={name: cost for name, (cost, _) in found.items()},
        hosted={name: hosted for name, (_, hosted) in found.items()},
        losses={process: run.loss(process) for process in world.usage if losses},
    )


class _Run:
    """One simulation: what several options share is reckoned once."""

    def __init__(self, world: World, values: Values, scale: Array) -> None:
        self.world, self.values = world, values
        self.shape = (max(values.draws, len(scale)), world.months)
        self.volume = {name: scale[:, None] * self._volume(one) for name, one in world.usage.items()}
        self._changes: dict[str, Array] = {}
        self._bought: dict[tuple[str, str], Array] = {}

    def option(self, option: Option) -> tuple[Array, tuple[Hosted, ...]]:
        """Its cost, and the machines behind it."""
        total = np.zeros(self.shape)
        pooled: dict[Hosting, list[str]] = {}
        for process in self.world.usage:
            serve = option.serves[process]
            if isinstance(serve, Priced):
                total += self._priced(process, serve)
            else:
                pooled.setdefault(serve, []).append(process)
        hosted = tuple(self._hosted(hosting, processes) for hosting, processes in pooled.items())
        stays = self.world.options[0].serves
        for one in hosted:
            total += one.cost
            if any(stays[process] != one.hosting for process in pooled[one.hosting]):
                total[:, 0] += self.values.of("staff_usd_hour") * self.values.of("staff_setup_hours")
        for process in option.moved:
            self._moving(total, process, option)
        return total, hosted

    def _volume(self, usage: UsageModel) -> Array:
        """Usage against that of the record, draws × months."""
        level = self.values.row(_level(usage, self.values.find("short_record_error").value))
        growth = self.values.row(_growth(usage, self.values))
        return np.asarray(level[:, None] * np.exp(np.log1p(growth)[:, None] * np.arange(self.world.months)))

    def _priced(self, process: str, serve: Priced) -> Array:
        key = (process, serve.where)
        found = self._bought.get(key)
        if found is None:
            usage = self.world.usage[process]
            tokens = np.array([usage.input - usage.cached, usage.cached, usage.output])
            each = serve.rates @ tokens / MILLION + serve.per_call * usage.calls
            found = self._bought[key] = self.volume[process] * each * self._change(serve)
        return found

    def _change(self, serve: Priced) -> Array:
        found = self._changes.get(serve.where)
        if found is None:
            world = self.world
            events = [one for one in world.events if one.where in (serve.where, serve.host)]
            found = self._changes[serve.where] = changes(
                serve.where, serve.kind, world.months, self.values, world.mechanisms, events, world.begins
            )
        return found

    def _hosted(self, hosting: Hosting, processes: list[str]) -> Hosted:
        mean, peak = np.zeros(self.shape), np.zeros(self.shape)
        for process in processes:
            usage = self.world.usage[process]
            load = busy(hosting, usage.input - usage.cached, usage.output, self.values)[:, None] * self.volume[process]
            mean += load
            ratio = usage.peak_ratio
            peak += load * (self.values.of("peak_ratio", process)[:, None] if ratio is None else ratio)
        serving, paid = machines(peak, hosting.rented, self.values.of("spare_machines"))
        cost = monthly(hosting, paid, self.values)
        return Hosted(hosting=hosting, utilisation=mean / serving, serving=serving, paid=paid, cost=cost)

    def _moving(self, total: Array, process: str, option: Option) -> None:
        """Adds re-tuning, running both side by side, and the answers that get worse."""
        values = self.values
        total[:, 0] += values.of("switch_hours", process) * values.of("staff_usd_hour")
        stay = self.world.options[0].serves[process]
        if isinstance(stay, Priced):
            both = np.clip(values.of("parallel_months")[:, None] - np.arange(self.world.months), 0.0, 1.0)
            total += self._priced(process, stay) * both
        quality = option.proven.get(process)
        if quality is not None:
            worse = np.maximum(0.0, -values.row(quality_row(quality, process, option.name)))
            calls = self.world.usage[process].calls * self.volume[process]
            total += (worse * values.of("defect_usd", process))[:, None] * calls

    def loss(self, process: str) -> Array:
        """USD lost when what serves the process is lost and nothing else is ready, over all months."""
        values = self.values
        happens = -np.expm1(-values.of("cut_offs_year") * self.world.months / MONTHS_PER_YEAR)
        serve = self.world.options[0].serves[process]
        where = serve.host if isinstance(serve, Priced) else serve.machine.id
        lost = values.of("cut_off_days") * DAY_H * values.of("loss_usd_hour", process)
        return np.asarray((values.uniform(f"cut off: {where}") < happens) * lost)


def quality_row(quality: Quality, process: str, option: str) -> Assumption:
    """A proof's difference as a row among the assumptions."""
    return Assumption(
        name=f"quality of {option} in {process}",
        means="Difference in quality to what serves today; negative is worse.",
        value=quality.value,
        low=quality.low,
        high=quality.high,
        unit="share of answers",
        source=quality.source,
        owner="the rehearsal",
        date="",
    )


def _level(usage: UsageModel, short: float) -> Assumption:
    """How far off the recorded level may be: two standard deviations either way."""
    days = usage.hours / DAY_H
    error = usage.error if usage.error is not None else short / math.sqrt(max(1.0, days))
    return Assumption(
        name=f"level of usage: {usage.process}",
        means="Usage a month against what the record says.",
        value=1.0,
        low=max(LEAST_LEVEL, 1 - 2 * error),
        high=1 + 2 * error,
        unit="times",
        source="spread of its weeks in the record" if usage.error is not None else "short_record_error",
        owner="the record",
        date="",
    )


def _growth(usage: UsageModel, values: Values) -> Assumption:
    """What somebody said about this process, else what its record shows, else what is said about all."""
    said = values.find("growth_month", usage.process)
    if usage.growth is None or said.name != "growth_month":
        return said
    low, value, high = usage.growth
    return Assumption(
        name=f"growth_month:{usage.process}",
        means="Growth of usage a month, from the record's weeks.",
        value=value,
        low=low,
        high=high,
        unit="share a month",
        source=f"record of {usage.hours / DAY_H / 7:.0f} weeks: least squares, two standard errors either way",
        owner="the record",
        date="",
    )
