"""What may be spent, and what a call costs. Money is integer micro-USD, prices are integer pico-USD per token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .exchange import Usage
from .process import Process, UpstreamSpec

USD = 1_000_000
PICO = 1_000_000
ORGANISATION = "organisation"
# Where neither the caller nor the engine sets a limit: twice the most that a provider lets one answer have.
MOST_TOKENS = 262_144
# A provider may count a little other than its model does, such as the end of the answer.
LEEWAY = 8
# What a provider adds to a prompt: its template, and with tools a system prompt of its own. The longest known is
# Anthropic's for tools, of 346 to 804 tokens (docs.claude.com/en/docs/agents-and-tools/tool-use/overview).
ADDED_TOKENS = 1024

Period = Literal["day", "month"]
PERIODS: tuple[Period, ...] = ("day", "month")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Pico-USD per token, of a call with more than ``above`` tokens of input."""

    above: int
    input: int
    cached: int
    written: int
    output: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """The price of an upstream's calls. ``rates`` are in order of ``above``, the first from -1 on.

    ``most_input`` and ``most_output`` are the dearest that a token can be, in any tier, at any hour and of any kind;
    ``per_call`` comes on top. ``window`` is the most tokens that a call can have the model read.
    """

    rates: tuple[Rates, ...]
    most_input: int
    most_output: int
    window: int
    per_call: int = 0
    source: str = ""

    def cost(self, usage: Usage) -> int:
        """What a call with this usage costs, in micro-USD, rounded up."""
        read, found = usage.input, self.rates[0]
        if len(self.rates) > 1:
            for one in self.rates:
                if read > one.above:
                    found = one
        plain = read - usage.cached_input - usage.written_input
        pico = plain * found.input + usage.output * found.output + self.per_call
        if usage.cached_input or usage.written_input:
            pico += usage.cached_input * found.cached + usage.written_input * found.written
        return -(-pico // PICO)

    def bound(self, read: int, written: int) -> int:
        """The most that so many tokens can cost, in micro-USD."""
        return (read * self.most_input + written * self.most_output + self.per_call) // PICO + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetStanding:
    """Where a budget stands in the period that is now; money in micro-USD, moments in Unix seconds.

    ``unknown`` is among ``settled``: nobody told what those calls cost, so that they count with the most they could.
    ``reserved`` is held by workers, for calls under way and those to come. ``ends_at``: when it is used up at the pace
    so far, None where that is not within the period or too early to say.
    """

    budget: str
    period: str
    name: str
    kind: str
    at_cap: str
    cap: int
    settled: int
    unknown: int
    reserved: int
    begins: float
    over: float
    ends_at: float | None

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left of it."""
        return self.settled >= self.cap


def limits_on(process: Process, spec: UpstreamSpec, budgets: Mapping[str, object]) -> tuple[str, ...]:
    """The names of the budgets that a call of this process to this upstream is charged to."""
    names = [f"process:{process.name}"] if process.budget is not None else []
    return (*names, *(name for name in (ORGANISATION, f"provider:{spec.host}") if name in budgets))


def is_free(spec: UpstreamSpec) -> bool:
    """Whether a call costs nothing more: our own hardware, unless a price is stated for it."""
    return (spec.is_own or spec.host == "own") and spec.price is None and not spec.later_prices


def dollars(micro: int) -> str:
    """An amount as people read it; small ones to the hundredth of a cent."""
    return f"{micro / USD:,.{4 if 0 < micro < USD else 2}f} USD"
