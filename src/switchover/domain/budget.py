"""What may be spent, and what a call costs. Money is integer micro-USD, prices are integer pico-USD per token."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .exchange import Usage
from .process import Budget, Process, Settings, UpstreamSpec

if TYPE_CHECKING:
    from .register import CallerKey

USD = 1_000_000
PICO = 1_000_000
# A billion dollars: whatever an upstream says of its usage, the counts have room for it.
MOST_MICRO_USD = 10**15
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
    so far, None where that is not within the period or too early to say. ``total`` is what is projected for the whole
    period by what was spent of late, None where it is too early to say.
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
    total: int | None

    @property
    def left(self) -> int:
        """What is neither settled nor reserved."""
        return max(self.cap - self.settled - self.reserved, 0)

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left of it."""
        return self.settled >= self.cap


def limits_on(process: Process, spec: UpstreamSpec, budgets: Mapping[str, Budget], key: str = "") -> dict[str, Budget]:
    """The budgets, by name, that a call of this process to this upstream is charged to.

    ``key`` is the account of the caller's key; "": nobody's, so that no key's budget is about it.
    """
    found = {f"process:{process.name}": process.budget, f"key:{key}": key_budget(process, budgets, key)}
    found |= {name: budgets.get(name) for name in (ORGANISATION, f"provider:{spec.host}")}
    return {name: one for name, one in found.items() if one is not None}


def key_budget(process: Process, budgets: Mapping[str, Budget], key: str) -> Budget | None:
    """What a key of the process may spend: by its own row, else as each of the process's keys."""
    return budgets.get(f"key:{key}", process.key_budget) if key else None


def keys_limited(process: Process, budgets: Mapping[str, Budget]) -> tuple[str, ...]:
    """The budgets, in words, that keys of the process may be charged to: whose a named one is the register knows."""
    each = (f"each key of {process.name}",) if process.key_budget is not None else ()
    return (*each, *(name for name in budgets if name.startswith("key:")))


def budgets_named(settings: Settings) -> dict[str, Budget]:
    """Every budget of the configuration by name, but those of caller keys."""
    own = {f"process:{name}": one.budget for name, one in settings.processes.items() if one.budget is not None}
    return own | {name: one for name, one in settings.budgets.items() if not name.startswith("key:")}


def limits_keys(settings: Settings) -> bool:
    """Whether a budget is about what caller keys spend."""
    return any(keys_limited(one, settings.budgets) for one in settings.processes.values())


def has_budgets(settings: Settings) -> bool:
    """Whether there is any."""
    return bool(settings.budgets) or any(one.budget or one.key_budget for one in settings.processes.values())


def key_budgets(settings: Settings, keys: Iterable[CallerKey]) -> dict[str, Budget]:
    """What these keys may spend, by name; those that were made one in the place of the other are one."""
    found = {}
    for key in keys:
        process = settings.processes.get(key.process)
        budget = key_budget(process, settings.budgets, key.account) if process is not None else None
        if budget is not None:
            found[f"key:{key.account}"] = budget
    return found


def is_free(spec: UpstreamSpec) -> bool:
    """Whether a call costs nothing more: our own hardware, unless a price is stated for it."""
    return (spec.is_own or spec.host == "own") and spec.price is None and not spec.later_prices


def dollars(micro: int) -> str:
    """An amount as people read it; small ones to the hundredth of a cent."""
    return f"{micro / USD:,.{4 if 0 < micro < USD else 2}f} USD"
