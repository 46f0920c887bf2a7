"""What is doubtful about the prices that are in force: none at all, nothing, or far from what is published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from switchover.domain.budget import Tariff, is_free
from switchover.domain.figures import figure
from switchover.domain.process import Settings, UpstreamSpec

from .tariffs import tariff

# No discount or surcharge that we know of comes near: beyond it somebody has mistaken a unit or a comma.
FAR = 10


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why an upstream's price is to be looked at, and how to mend it."""

    upstream: str
    said: str
    mend: str


def doubts(settings: Settings, now: float) -> list[Doubt]:
    """Of every upstream that a process may ask, at the moment ``now`` (Unix seconds)."""
    asked = dict.fromkeys(
        name for process in settings.processes.values() for name in (*process.upstreams, *process.embeddings)
    )
    return [doubt for name in asked for doubt in _doubts(settings.upstreams[name], now)]


def _doubts(spec: UpstreamSpec, now: float) -> Iterator[Doubt]:
    place = f"upstreams.{spec.name}.price"
    if is_free(spec):
        yield Doubt(
            spec.name, "it runs on our own machine, whose hourly cost is not stated",
            f"name the machine under costs.options; what a token costs there can be stated as {place}",
        )  # fmt: skip
        return
    found = tariff(spec, now)
    if found is None:
        price = spec.price_at(now)
        wanted = price.priced_as if price and price.priced_as else f"{spec.host}/{spec.model}"
        yield Doubt(spec.name, f"no price is known for {wanted}", f"state one under {place}")
        return
    if found.most_input == 0 and found.most_output == 0 and found.per_call == 0:
        yield Doubt(spec.name, "its price is stated as nothing, so it counts as free", f"see {place}")
        return
    listed = tariff(replace(spec, price=None, later_prices=()), now)
    if listed is not None and listed.source != found.source:
        yield from _far(spec, found, listed, place)


def _far(spec: UpstreamSpec, stated: Tariff, listed: Tariff, place: str) -> Iterator[Doubt]:
    kinds = (("input", stated.most_input, listed.most_input), ("output", stated.most_output, listed.most_output))
    for kind, own, published in kinds:
        if own > FAR * published or own * FAR < published:
            times = f"{figure(float(own / published))} times" if published else "above"
            yield Doubt(spec.name, f"its stated price of {kind} is {times} the published one", f"see {place}")
