"""Prices of one's own, as the configuration states them: one, or a list of dated rows."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import TypedDict

from switchover.domain.process import Price

from .document import Document, Place
from .sections.upstreams import PriceSection

# USD per million tokens. The dearest that was ever published is 600 (o1-pro); beyond this a comma has slipped.
ABSURD = Decimal(100_000)
AMOUNTS = ("input_mtok", "output_mtok", "cached_mtok", "written_mtok")
# No published surcharge doubles a price (data residency: 10 to 50 %), and a discount leaves something to pay.
MOST_SURCHARGE = Decimal(200)
WHOLE = Decimal(100)


class Prices(TypedDict):
    """An upstream's price from the beginning, and those that follow in order."""

    price: Price | None
    later_prices: tuple[Price, ...]


def prices_of(document: Document, at: Place, section: PriceSection | tuple[PriceSection, ...] | None) -> Prices:
    """The prices of an upstream. Raises ConfigError for one that can't be one, and for rows out of order."""
    if section is None:
        return Prices(price=None, later_prices=())
    if isinstance(section, PriceSection):
        rows: tuple[Price, ...] = (_price(document, at, section),)
    else:
        rows = tuple(_price(document, (*at, position), one) for position, one in enumerate(section))
        _check_order(document, at, rows)
    first = rows[0] if rows and rows[0].since is None else None
    return Prices(price=first, later_prices=rows if first is None else rows[1:])


def _check_order(document: Document, at: Place, rows: tuple[Price, ...]) -> None:
    if not rows:
        raise document.error(at, got="an empty list", want="a row with as, input_mtok and output_mtok, or a surcharge")
    for position, (before, one) in enumerate(pairwise(rows), 1):
        if one.since is None:
            raise document.error((*at, position), got="a row without a day", want="from: the day it holds from")
        if before.since is not None and one.since <= before.since:
            want = "a later day than that of the row before"
            raise document.error((*at, position, "from"), got="a day out of order", want=want)


def _price(document: Document, at: Place, section: PriceSection) -> Price:
    given = section.model_dump(by_alias=False)
    day = given.pop("from_")
    since = None if day is None else datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
    price = Price(since=since, **given)
    own = [name for name in AMOUNTS if getattr(price, name) is not None]
    changed = price.surcharge is not None or price.discount is not None
    complete = price.input_mtok is not None and price.output_mtok is not None
    if (price.priced_as is not None and own) or (own and not complete) or not (price.priced_as or own or changed):
        want = "either as, or input_mtok and output_mtok; or a surcharge or discount on what is published"
        raise document.error(at, got="a price", want=want)
    if changed and price.source is None:
        raise document.error(at, got="a surcharge or discount", want="a source, such as the contract it is from")
    for name in own:
        amount = getattr(price, name)
        if Decimal(amount) > ABSURD:
            raise document.error((*at, name), got=amount, want=f"USD per million tokens, at most {ABSURD:,}")
    if price.surcharge is not None and Decimal(price.surcharge) > MOST_SURCHARGE:
        want = f"percent on top of the price, at most {MOST_SURCHARGE}"
        raise document.error((*at, "surcharge"), got=price.surcharge, want=want)
    if price.discount is not None and Decimal(price.discount) >= WHOLE:
        raise document.error((*at, "discount"), got=price.discount, want="percent off the price, below 100")
    return price
