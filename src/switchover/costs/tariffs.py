"""Prices as integers, which a worker reckons with in a microsecond: the price list takes 30 MB and 600 us a call.

A tariff says what :func:`~switchover.costs.prices.price_call` says, rounded up to the millionth of a dollar.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

from switchover.domain.budget import PICO, Rates, Tariff, is_free, keys_limited, limits_on
from switchover.domain.process import Process, Settings, UpstreamSpec

from .rates import factors

# Where nobody says how much a model can read: twice the largest window of the large providers.
LARGEST_WINDOW = 2_097_152
# A price per thousand calls, beside those per million tokens.
CALLS = "requests_kcount"
PER_CALL = 1000
DAY_S = 86_400
INPUTS = ("input_", "cache_")
OUTPUTS = ("output_",)


def tariff(spec: UpstreamSpec, at: float) -> Tariff | None:
    """What calls to ``spec`` cost at the moment ``at`` (Unix seconds); None where no price is known.

    The bound covers the price of a day later too: a worker may hear of a new one a moment after it holds.
    """
    found = _tariff(spec, at)
    later = None if spec.price_at(at) is spec.price_at(at + DAY_S) else _tariff(spec, at + DAY_S)
    if found is None or later is None:
        return found
    return replace(
        found,
        most_input=max(found.most_input, later.most_input),
        most_output=max(found.most_output, later.most_output),
        per_call=max(found.per_call, later.per_call),
    )


def _tariff(spec: UpstreamSpec, at: float) -> Tariff | None:
    price = spec.price_at(at)
    surcharge, discount = factors(price)
    if price is None or price.input_mtok is None or price.output_mtok is None:
        return _published(spec, price.priced_as if price else None, at, surcharge * discount)
    read, written = (Decimal(one) * surcharge * discount for one in (price.input_mtok, price.output_mtok))
    kept = [
        read if one is None else Decimal(one) * surcharge * discount for one in (price.cached_mtok, price.written_mtok)
    ]
    return Tariff(
        rates=(
            Rates(
                above=-1, input=_pico(read), cached=_pico(kept[0]), written=_pico(kept[1]), output=_pico(written)
            ),
        ),
        most_input=_pico(max(read, *kept)),
        most_output=_pico(written),
        window=spec.window or LARGEST_WINDOW,
        source=price.source or "own price in the configuration",
    )  # fmt: skip


def next_price(settings: Settings, at: float) -> float:
    """When the next dated price begins after a moment (Unix seconds); infinite where none does."""
    rows = (price for spec in settings.upstreams.values() for price in spec.later_prices)
    return min((one.since for one in rows if one.since is not None and one.since > at), default=math.inf)


def _published(spec: UpstreamSpec, priced_as: str | None, at: float, factor: Decimal) -> Tariff | None:
    # Only who has published prices loads the list.
    import genai_prices

    provider, _, model = (priced_as or f"{spec.host}/{spec.model}").partition("/")
    moment = datetime.fromtimestamp(at, UTC)
    try:
        found = genai_prices.calc_price(
            genai_prices.Usage(input_tokens=0, output_tokens=0),
            model_ref=model,
            provider_id=provider,
            genai_request_timestamp=moment,
        )
    except (LookupError, ValueError):
        return None
    info, now = found.model, vars(found.model_price)
    every = [vars(one.prices) for one in info.prices] if isinstance(info.prices, list) else [now]
    read = max(_values(every, INPUTS), default=None)
    if read is None:
        return None
    calls = [_pico(one[CALLS] * factor) * PER_CALL for one in every if one.get(CALLS) is not None]
    return Tariff(
        rates=tuple(_rates(now, factor)),
        most_input=_pico(read * factor),
        most_output=_pico(max(_values(every, OUTPUTS), default=Decimal(0)) * factor),
        window=spec.window or info.context_window or LARGEST_WINDOW,
        per_call=max(calls, default=0),
        source=f"genai-prices {genai_prices.__version__}, {found.provider.id}/{info.id}",
    )


def _rates(price: Mapping[str, Any], factor: Decimal) -> Iterator[Rates]:
    """The rates from each threshold on; what has no price of its own is priced as input."""
    starts = {-1} | {tier.start for value in price.values() for tier in getattr(value, "tiers", ())}
    for above in sorted(starts):
        kinds = ("input_mtok", "cache_read_mtok", "cache_write_mtok", "output_mtok")
        read, cached, written, output = (_at(price.get(kind), above, factor) for kind in kinds)
        read = read or 0
        yield Rates(
            above=above,
            input=read,
            cached=read if cached is None else cached,
            written=read if written is None else written,
            output=output or 0,
        )


def _at(value: Any, above: int, factor: Decimal) -> int | None:
    if value is None:
        return None
    if isinstance(value, Decimal):
        return _pico(value * factor)
    reached = [tier.price for tier in value.tiers if tier.start <= above]
    return _pico((reached[-1] if reached else value.base) * factor)


def _values(prices: Iterable[Mapping[str, Any]], names: tuple[str, ...]) -> Iterator[Decimal]:
    """Every price per token of these kinds, in every tier."""
    for price in prices:
        for name, value in price.items():
            if name.endswith("_mtok") and name.startswith(names) and value is not None:
                yield from [value] if isinstance(value, Decimal) else [value.base, *(one.price for one in value.tiers)]


def _pico(per_million: Decimal | str) -> int:
    """USD per million tokens as pico-USD per token, rounded up."""
    return int((Decimal(per_million) * PICO).to_integral_value(ROUND_CEILING))


def limited(settings: Settings) -> Iterator[tuple[UpstreamSpec, Sequence[str]]]:
    """The upstreams that cost something and that a budget is about, with the budgets' names."""
    for name, spec in settings.upstreams.items():
        users = [one for one in settings.processes.values() if name in _asked(one)]
        budgets = dict.fromkeys(
            budget
            for one in users
            for budget in (*limits_on(one, spec, settings.budgets), *keys_limited(one, settings.budgets))
        )
        if budgets and not is_free(spec):
            yield spec, tuple(budgets)


def _asked(process: Process) -> tuple[str, ...]:
    return (*process.upstreams, *process.embeddings)


def tariffs(settings: Settings, at: float) -> dict[str, Tariff]:
    """The tariff of every upstream that a budget is about, by name."""
    found = {spec.name: tariff(spec, at) for spec, _ in limited(settings)}
    return {name: one for name, one in found.items() if one is not None}
