"""Who can serve and at what price: an upstream's tariff month by month, a list price, a machine with a model on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np

from switchover.domain.budget import PICO, Tariff
from switchover.domain.candidate import Verdict, fingerprint
from switchover.domain.costing import OptionSpec
from switchover.domain.process import Settings, UpstreamSpec
from switchover.facts.read import facts

from .assumptions import shipped
from .hosting import Hosting, Throughput, machine, open_models, throughput
from .mechanisms import MONTH_S
from .project import Priced, Serve
from .tariffs import tariff
from .usage import UsageModel

PER_CALL_USD = PICO * 1_000_000


class Serving:
    """Prices what can serve. ``begins`` is the first month's first moment (Unix seconds).

    What has no price is a sentence that says why.
    """

    def __init__(
        self,
        settings: Settings,
        usage: Mapping[str, UsageModel],
        verdicts: Sequence[Verdict],
        begins: float,
        months: int,
    ) -> None:
        self.settings, self.usage, self.verdicts = settings, usage, verdicts
        self.begins, self.months = begins, months
        self._priced: dict[str, Priced | str] = {}

    def upstream(self, spec: UpstreamSpec) -> Serve | str:
        """An upstream at its price, or on the machine that an option names for it; else why it has none."""
        if is_self_hosted(spec):
            named = [one for one in self.settings.costing.options if one.upstream == spec.name and one.machine]
            found = self.hosting(named[0]) if named else None
            return found or f"{spec.name} runs on our own machine; name that machine under costs.options"
        if spec.name not in self._priced:
            self._priced[spec.name] = self._price(spec)
        return self._priced[spec.name]

    def _price(self, spec: UpstreamSpec) -> Priced | str:
        """Each month at the price that is in force or announced for it."""
        found = [tariff(spec, self.begins + month * MONTH_S) for month in range(self.months)]
        known = [one for one in found if one is not None]
        if len(known) < len(found) or not known:
            return f"no price for {spec.host}/{spec.model}; state one under upstreams.{spec.name}.price"
        day = [tariff(spec, self.begins + hour * 3600) for hour in (0, 6, 12, 18)]
        notes = []
        if len({one.rates for one in day if one is not None}) > 1:
            notes.append(f"{spec.name} has prices by the hour; those of this hour are taken for all")
        if len(known[0].rates) > 1:
            notes.append(f"{spec.name} asks more for calls with long prompts; the price of short ones is taken")
        return Priced(
            where=spec.name,
            host=spec.host,
            kind="open" if is_open(spec.model) else "vendor",
            rates=np.array([_rates(one) for one in known]),
            source=known[0].source,
            per_call=known[0].per_call / PER_CALL_USD,
            notes=tuple(notes),
        )

    def listed(self, model: str) -> Priced | str:
        """A model at its list price among the facts."""
        row = next((one for one in facts("prices")["prices"] if one["model"] == model), None)
        if row is None:
            return f"no price of {model} among the facts"
        read, written = float(Decimal(row["input_mtok"])), float(Decimal(row["output_mtok"]))
        return Priced(
            where=f"{row['host']}/{model}",
            host=row["host"],
            kind="open" if row["open_weights"] else "vendor",
            rates=np.tile([read, read, written], (self.months, 1)),
            source=f"facts/prices.yaml, checked {row['checked']}; {row['source']}",
        )

    def hosting(self, spec: OptionSpec) -> Hosting | str:
        """The machine and the model that an option names."""
        model = spec.model or (self.settings.upstreams[spec.upstream].model if spec.upstream else "")
        try:
            found = machine(spec.machine or "")
            speed = self._throughput(spec, found.id, model)
        except LookupError as cause:
            return str(cause.args[0])
        return Hosting(machine=found, model=model, throughput=speed, rented=spec.rented)

    def _throughput(self, spec: OptionSpec, machine: str, model: str) -> Throughput:
        """One's own measurement, else a public one, else what a rehearsal timed. Raises LookupError."""
        given = spec.tokens_per_second
        if given is not None:
            return Throughput(write=given, read=None, one=given, saturated=False, source=spec.measured or "")
        rows = shipped() | dict(self.settings.costing.assumptions)
        try:
            return throughput(machine, model, rows["stream_tps"].value)
        except LookupError:
            timed = self._timed(spec.upstream)
            if timed is None:
                raise
            return timed

    def _timed(self, upstream: str | None) -> Throughput | None:
        """Tokens a second in the rehearsals of an upstream on our own machine, reading included."""
        spec = self.settings.upstreams.get(upstream or "")
        if spec is None or not spec.is_own:
            return None
        for one in self.verdicts:
            usage, seconds = self.usage.get(one.cell.process), one.seconds_per_replay
            if (one.cell.upstream, one.cell.fingerprint) != (upstream, fingerprint(spec)):
                continue
            if usage is not None and seconds and usage.output:
                speed = usage.output / usage.calls * spec.slots / seconds
                source = f"verdict {one.id}: {seconds:.3f} s an answer, {spec.slots} at once"
                return Throughput(write=speed, read=math.inf, one=speed, saturated=False, source=source)
        return None


def is_self_hosted(spec: UpstreamSpec) -> bool:
    """Whether it runs on a machine of our own, and nobody states a price for it."""
    return (spec.is_own or spec.host == "own") and spec.price is None


def _rates(one: Tariff) -> tuple[float, float, float]:
    """USD per million tokens: input, cached, output."""
    first = one.rates[0]
    return first.input / PICO, first.cached / PICO, first.output / PICO


def bare(model: str) -> str:
    """A model's name without the organisation before it."""
    return model.rpartition("/")[2].lower()


def is_open(model: str) -> bool:
    """Whether its weights are open: those that somebody measured on a machine of their own."""
    name = bare(model)
    return any(name.startswith(one) for one in open_models())
