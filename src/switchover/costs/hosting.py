"""What a machine of one's own, or one rented by the hour, costs and carries. Pure; floats, as in the simulation.

Price per token from measured throughput: the machine's cost a month over the tokens it writes in one, at the share of
the time that it is busy. Reading a prompt takes the machine's time, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from switchover.domain.costing import Assumption
from switchover.facts.read import facts

from .assumptions import Array, Values

SECONDS_PER_MONTH = 2_629_800.0  # a twelfth of a Julian year
HOURS_PER_MONTH = SECONDS_PER_MONTH / 3600
MILLION = 1_000_000
# Below the first a machine is mostly idle, and below the second still too often (specification of costs).
IDLE, LOW = 0.40, 0.50
# Batches beyond this are tests of saturation: how much, not how soon.
MOST_BATCH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine one could buy (``price`` in USD) or rent (``rent`` in USD an hour, low and high); None: not known.

    ``card`` is True where a computer has to be bought around it. ``watts`` is its rating.
    """

    id: str
    name: str
    price: float | None
    rent: tuple[float, float] | None
    watts: float | None
    card: bool
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Tokens a second that one machine was measured to write, over all requests at once, and to read.

    ``read`` is None where it was not measured; ``one`` is the speed of a single stream. ``saturated``: measured with so
    many requests at once that an answer begins late.
    """

    write: float
    read: float | None
    one: float
    saturated: bool
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting:
    """A model on machines, bought or rented; ``throughput`` is that of one machine."""

    machine: Machine
    model: str
    throughput: Throughput
    rented: bool = False

    @property
    def lacks(self) -> str | None:
        """What has to be known before it can be priced."""
        if self.rented:
            return None if self.machine.rent else f"nobody says what {self.machine.id} costs to rent"
        if self.machine.price is None:
            return f"the price of {self.machine.id} is not known"
        return None if self.machine.watts else f"how much power {self.machine.id} draws is not known"


def machine(name: str) -> Machine:
    """A machine among the facts. Raises LookupError."""
    for row in facts("hardware")["machines"]:
        if row["id"] == name:
            low, high = row.get("rent_low_usd_per_hour"), row.get("rent_high_usd_per_hour")
            return Machine(
                id=name,
                name=row["name"],
                price=row["price_usd"],
                rent=(float(low), float(high)) if low is not None else None,
                watts=row["watts"],
                card=bool(row.get("host_needed")),
                source=row["source"],
            )
    raise LookupError(f"no machine {name} among the facts")


def throughput(machine: str, model: str, stream: float) -> Throughput:
    """The largest measured throughput at which each request still gets ``stream`` tokens a second.

    Where that was not measured, the largest at saturation. Raises LookupError where nothing was measured.
    """
    rows = [
        row
        for row in facts("measured_throughput")["measurements"]
        if row["machine"] == machine and row["model"] == model and row["verified"]
    ]
    if not rows:
        raise LookupError(f"no measured throughput of {model} on {machine}")
    swift = [row for row in rows if row["per_user_decode_tps"] >= stream and row["batch"] <= MOST_BATCH]
    best = max(swift or rows, key=lambda row: (row["decode_tps"], str(row.get("date", ""))))
    few = min(rows, key=lambda row: (row["batch"], -row["decode_tps"]))
    reads = [row["prefill_tps"] for row in rows if row["prefill_tps"] is not None]
    return Throughput(
        write=float(best["decode_tps"]),
        read=float(max(reads)) if reads else None,
        one=float(few["decode_tps"]),
        saturated=best["batch"] > MOST_BATCH,
        source=f"{best['engine']}, {best['quant']}, {best['batch']} at once: {best['source']}",
    )


def busy(hosting: Hosting, read: float, written: float, values: Values) -> Array:
    """Machines kept busy all month by reading and writing so many tokens in it, per draw."""
    reading, writing = seconds_per_token(hosting, values)
    return np.asarray((written * writing + read * reading) / SECONDS_PER_MONTH)


def seconds_per_token(hosting: Hosting, values: Values) -> tuple[Array, Array]:
    """How long one machine is busy with a token that it reads, and with one that it writes, per draw."""
    found = hosting.throughput
    share = values.of("sustained_share")
    if found.saturated:
        share = share * values.of("saturated_share")
    speed = found.read if found.read is not None else found.one * values.of("prefill_ratio")
    return np.asarray(1 / speed / share), np.asarray(1 / found.write / share)


def machines(load: Array, rented: bool, spare: Array) -> tuple[Array, Array]:
    """Machines that serve the ``load`` of the p95 hour (draws × months), and those paid for with the spare ones.

    A machine that was bought stays; a rented one goes back.
    """
    serving = np.maximum(1.0, np.ceil(load - 1e-9))
    if not rented:
        serving = np.maximum.accumulate(serving, axis=1)
    return serving, serving + np.round(spare)[:, None]


def monthly(hosting: Hosting, paid: Array, values: Values) -> Array:
    """USD a month for so many machines (draws × months), with the people who run them, without setting up."""
    people = values.of("staff_usd_hour") * values.of("staff_month_hours")
    return np.asarray(paid * per_machine(hosting, values)[:, None] + people[:, None])


def per_machine(hosting: Hosting, values: Values) -> Array:
    """USD a month for one machine: written off evenly and running, or its rent. Needs what ``lacks`` names."""
    if hosting.rented:
        return values.row(rent_row(hosting.machine)) * HOURS_PER_MONTH
    written_off = purchase(hosting, values) * (1 - values.of("residual_share")) / values.of("lifetime_months")
    return np.asarray(written_off + running(hosting, values))


def purchase(hosting: Hosting, values: Values) -> Array:
    """USD to buy one machine, with the computer around it where it is a card."""
    price = (hosting.machine.price or 0.0) * values.of("hardware_price_factor")
    return price + values.of("card_host_usd") if hosting.machine.card else price


def running(hosting: Hosting, values: Values) -> Array:
    """USD a month for the power and the space of one machine that was bought."""
    kwh = (hosting.machine.watts or 0.0) / 1000 * values.of("power_draw_share") * HOURS_PER_MONTH * values.of("pue")
    return np.asarray(kwh * values.of("power_usd_kwh") + values.of("space_usd_month"))


def payback_months(hosting: Hosting, paid: float, saved: float, values: Values) -> float:
    """Months until so many machines have paid for themselves; infinite where nothing is left over.

    ``saved`` is what is not spent elsewhere in a month. Wants values that are certain.
    """
    people = values.of("staff_usd_hour") * values.of("staff_month_hours")
    left = saved - paid * float(running(hosting, values)[0]) - float(people[0])
    return paid * float(purchase(hosting, values)[0]) / left if left > 0 else math.inf


def rent_row(machine: Machine) -> Assumption:
    """The rent as a row among the assumptions. Raises ValueError where nobody says it."""
    if machine.rent is None:
        raise ValueError(f"nobody says what {machine.id} costs to rent")
    low, high = machine.rent
    return Assumption(
        name=f"rent of {machine.id}",
        means=f"Rent of {machine.name} by the hour.",
        value=(low + high) / 2,
        low=low,
        high=high,
        unit="USD per hour",
        source=f"facts/hardware.yaml; {machine.source}",
        owner="purchasing",
        date=facts("hardware")["meta"]["as_of"],
    )


def per_mtok(cost: float, capacity: float, utilisation: float) -> float:
    """USD per million output tokens, where machines cost so much a month and are busy for a share of it (0–1).

    ``capacity`` is what they would write in a month without a pause, with the reading that goes with it.
    """
    written = capacity * utilisation
    return cost / written * MILLION if written > 0 else math.inf


def flags(hosting: Hosting, utilisation: float, machines: float, first: float) -> tuple[str, ...]:
    """What to know about it: how busy it is (0–1), machines needed at the end of the time and at first."""
    said: list[str] = []
    if utilisation < LOW:
        limit = IDLE if utilisation < IDLE else LOW
        said.append(f"busy {_percent(utilisation)} of the time, below {100 * limit:.0f} %: mostly paid for standing by")
    if first > 1:
        said.append(f"one machine does not carry the p95 hour: {first:.0f} are needed, without spare ones")
    if machines > first:
        said.append(f"{machines:.0f} machines are needed by the end, as usage grows")
    if hosting.throughput.read is None:
        said.append("how fast it reads a prompt was not measured: assumed (prefill_ratio)")
    if hosting.throughput.saturated:
        said.append("measured at saturation only, where answers begin late: derated (saturated_share)")
    return tuple(said)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "under 1 %"


def open_models() -> Sequence[str]:
    """Models whose throughput on a machine was measured: their weights are open."""
    return sorted({row["model"] for row in facts("measured_throughput")["measurements"]})
