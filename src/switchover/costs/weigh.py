"""Holds options against each other: ranges, chances, the swing of each assumption, where they break even. Pure.

The simulation reckons in floats; what leaves here is Decimal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np

from switchover.domain.costing import Assumption

from .assumptions import Array, Chance, Values, together
from .hosting import (
    IDLE,
    LOW,
    MILLION,
    SECONDS_PER_MONTH,
    Hosting,
    busy,
    flags,
    payback_months,
    per_mtok,
    seconds_per_token,
)
from .mechanisms import scenarios
from .outlook import Band, Beats, Insurance, Machines, OptionOutlook, Outlook, Swing
from .project import Costs, Hosted, Option, Priced, World, simulate

ENDS = (10, 50, 90)
DRAWS, MONTHS, SEED = 10_000, 24, 1
# A range of a median needs fewer draws than the ends of a range.
SWING_DRAWS = 1_000
SCALES = tuple(float(one) for one in np.geomspace(0.01, 10_000, 61))
UTILISATIONS = (0.1, 0.25, IDLE, LOW, 0.75, 1.0)


def weigh(world: World, gaps: Sequence[str], *, draws: int = DRAWS, seed: int = SEED) -> Outlook:
    """Projects every option. The same arguments give the same figures."""
    values = Values(world.rows, Chance(seed, draws))
    costs = simulate(world, values, losses=True)
    totals = {name: monthly.sum(axis=1) for name, monthly in costs.monthly.items()}
    certain = Values(world.rows, Chance(seed, 1), certain=True)
    by_volume = _by_volume(world, certain)
    middle = {name: float(monthly.sum()) for name, monthly in simulate(world, certain).monthly.items()}
    stay = world.options[0]
    rival = _rival(world.options[1:], totals)
    swings = _swings(world, rival, seed, min(draws, SWING_DRAWS)) if rival else (None, ())
    return Outlook(
        months=world.months,
        draws=draws,
        seed=seed,
        begins=world.begins,
        options=tuple(_option(world, one, costs, totals, by_volume, certain) for one in world.options),
        beats=_beats(world.options, totals),
        rival=rival.name if rival else None,
        middle=swings[0],
        swings=swings[1],
        insurance=tuple(_insurance(process, lost, world.options) for process, lost in costs.losses.items()),
        scenarios={change: money(middle[stay.name] * (1 + change / 100)) for change in scenarios()},
        volumes=SCALES,
        by_volume=by_volume,
        usage=tuple(world.usage.values()),
        assumptions=together(values.used.values()),
        gaps=(*gaps, *(f"{one.process}: {gap}" for one in world.usage.values() for gap in one.gaps)),
    )


def money(amount: float) -> Decimal:
    """USD to a hundredth of a cent."""
    return Decimal(f"{amount:.4f}")


def _band(figures: Array) -> Band:
    ends = np.percentile(figures, ENDS, axis=0)
    p10, p50, p90 = (tuple(money(float(one)) for one in row) for row in ends)
    return Band(p10=p10, p50=p50, p90=p90)


def _ends(figures: Array) -> tuple[Decimal, Decimal, Decimal]:
    low, middle, high = (money(float(one)) for one in np.percentile(figures, ENDS))
    return low, middle, high


def _option(
    world: World,
    option: Option,
    costs: Costs,
    totals: Mapping[str, Array],
    by_volume: Mapping[str, Sequence[float]],
    certain: Values,
) -> OptionOutlook:
    stay = world.options[0]
    monthly = costs.monthly.get(option.name)
    other = monthly is not None and option is not stay
    at_stake = other and not option.unproven
    even, cheaper = _even(by_volume[stay.name], by_volume[option.name]) if other else ((), None)
    served = [one for one in option.serves.values() if isinstance(one, Priced)]
    machines = tuple(_machines(world, option, one, certain) for one in costs.hosted.get(option.name, ()))
    return OptionOutlook(
        name=option.name,
        words=option.words,
        monthly=_band(monthly) if monthly is not None else None,
        cumulative=_band(np.cumsum(monthly, axis=1)) if monthly is not None else None,
        saved=_ends(totals[stay.name] - totals[option.name]) if at_stake else None,
        unproven=option.unproven,
        lacks=option.lacks,
        even=even,
        cheaper_now=cheaper,
        machines=machines,
        notes=tuple(dict.fromkeys(note for one in served for note in one.notes)),
        sources=tuple(dict.fromkeys((*(one.source for one in served), *(one.source for one in machines)))),
    )


def _machines(world: World, option: Option, hosted: Hosted, certain: Values) -> Machines:
    hosting = hosted.hosting
    first, last = (float(np.median(hosted.serving[:, month])) for month in (0, -1))
    used, used_last = (float(np.median(hosted.utilisation[:, month])) for month in (0, -1))
    cost, paid = (float(np.median(one[:, 0])) for one in (hosted.cost, hosted.paid))
    processes = [process for process, serve in option.serves.items() if serve == hosting]
    capacity, asked = _capacity(world, processes, hosting, certain), _asked(world, processes)
    at_load = per_mtok(cost, capacity * first, used)
    saved = sum(asked.values())
    written = sum(world.usage[process].output for process in processes)
    full = per_mtok(cost, capacity * first, 1.0)
    price = saved / written * MILLION if written else 0.0
    # USD for a second in which one of them is busy, shared out by the time that a token takes.
    second = cost / (first * used * SECONDS_PER_MONTH) if used else math.inf
    rates = [money(float(one[0]) * second * MILLION) for one in seconds_per_token(hosting, certain) if used]
    even = full / price if price else math.inf
    payback = math.inf if hosting.rented else payback_months(hosting, paid, saved, certain)
    return Machines(
        machine=hosting.machine.name,
        model=hosting.model,
        rented=hosting.rented,
        first=round(first),
        last=round(last),
        paid=round(paid),
        utilisation=used,
        utilisation_last=used_last,
        per_mtok={round(100 * one): money(per_mtok(cost, capacity * first, one)) for one in UTILISATIONS if capacity},
        rates=(rates[0], rates[1]) if rates else None,
        at_load=money(at_load) if math.isfinite(at_load) else None,
        even=even if even <= 1 else None,
        payback=payback if math.isfinite(payback) else None,
        source=f"{hosting.machine.source}; {hosting.throughput.source}",
        flags=flags(hosting, used, round(last), round(first)),
    )


def _capacity(world: World, processes: Sequence[str], hosting: Hosting, certain: Values) -> float:
    """Output tokens a month that one machine writes without a pause, reading what these processes have it read."""
    usage = [world.usage[process] for process in processes]
    written = sum(one.output for one in usage)
    load = float(busy(hosting, sum(one.input - one.cached for one in usage), written, certain)[0])
    return written / load if load else 0.0


def _asked(world: World, processes: Sequence[str]) -> dict[str, float]:
    """What these processes cost in the first month where they are; on our own machine nothing is saved."""
    stay = world.options[0].serves
    alone = {process: world.usage[process] for process in processes if isinstance(stay[process], Priced)}
    values = Values(world.rows, Chance(0, 1), certain=True)
    only = (world.options[0],)
    return {
        name: float(simulate(replace(world, usage={name: one}, options=only), values).monthly[only[0].name][0, 0])
        for name, one in alone.items()
    }


def _beats(options: Sequence[Option], totals: Mapping[str, Array]) -> tuple[Beats, ...]:
    priced = [one for one in options if one.name in totals]
    return tuple(
        Beats(
            cheaper=one.name,
            dearer=other.name,
            chance=float(np.mean(totals[one.name] < totals[other.name])),
            proven=not one.unproven and not other.unproven,
        )
        for one in priced
        for other in priced
        if one is not other
    )


def _rival(others: Sequence[Option], totals: Mapping[str, Array]) -> Option | None:
    """The cheapest that is proven; where none is, the cheapest."""
    priced = [one for one in others if one.name in totals]
    return min(priced, key=lambda one: (bool(one.unproven), float(np.median(totals[one.name]))), default=None)


def _swings(world: World, rival: Option, seed: int, draws: int) -> tuple[Decimal, tuple[Swing, ...]]:
    """Each assumption at its ends while all others are drawn as before; the widest first."""
    pair = replace(world, options=(world.options[0], rival))
    chance = Chance(seed, draws)

    drawn = Values(world.rows, chance)

    def median(values: Values) -> Decimal:
        costs = simulate(pair, values).monthly
        saved = costs[world.options[0].name].sum(axis=1) - costs[rival.name].sum(axis=1)
        return money(float(np.median(saved)))

    def pinned(row: Assumption, value: float) -> Decimal:
        return median(Values(world.rows, chance, {row.name: value}))

    middle = median(drawn)

    found = [
        Swing(
            name=row.name,
            unit=row.unit,
            low=row.low,
            high=row.high,
            at_low=pinned(row, row.low),
            at_high=pinned(row, row.high),
        )
        for row in drawn.used.values()
        if row.low < row.high
    ]
    moving = [one for one in found if one.width]
    return middle, tuple(sorted(moving, key=lambda one: (-one.width, one.name)))


def _by_volume(world: World, certain: Values) -> dict[str, tuple[float, ...]]:
    costs = simulate(world, certain, np.array(SCALES)).monthly
    return {name: tuple(float(one) for one in monthly.sum(axis=1)) for name, monthly in costs.items()}


def _even(stay: Sequence[float], other: Sequence[float]) -> tuple[tuple[float, ...], bool]:
    """Volumes at which the option begins or ceases to be cheaper; whether it is at today's."""
    saved = [a - b for a, b in zip(stay, other, strict=True)]
    found = []
    for at in range(1, len(saved)):
        if (saved[at - 1] < 0) != (saved[at] < 0):
            share = saved[at - 1] / (saved[at - 1] - saved[at])
            found.append(SCALES[at - 1] * (SCALES[at] / SCALES[at - 1]) ** share)
    now = float(np.interp(0.0, np.log(SCALES), saved))
    return tuple(found), now > 0


def _insurance(process: str, lost: Array, options: Sequence[Option]) -> Insurance:
    covered = any(process in one.proven for one in options)
    chance = float(np.mean(lost > 0))
    p90 = money(float(np.percentile(lost, 90)))
    return Insurance(process=process, chance=chance, mean=money(float(lost.mean())), p90=p90, covered=covered)
