"""Whether everything that a budget is about has a price: nothing is free because nobody knows what it costs."""

from __future__ import annotations

from switchover.config.document import read
from switchover.domain.process import Settings

from .tariffs import limited, tariff


def check_prices(settings: Settings, at: float) -> None:
    """Raises ConfigError for an upstream that a budget is about and that has no price: it is never free."""
    for spec, budgets in limited(settings):
        # At the moment, and whenever another price of the configuration begins.
        moments = [at, *(one.since for one in spec.later_prices if one.since is not None and one.since > at)]
        missing = next((moment for moment in moments if tariff(spec, moment) is None), None)
        if missing is not None:
            place = ("upstreams", spec.name, "price")
            price = spec.price_at(missing)
            wanted = price.priced_as if price and price.priced_as else f"{spec.host}/{spec.model}"
            raise read(settings.source).error(
                place,
                got=f"no known price ({wanted})",
                want=f'{{as: provider/model}} of a published one, or {{input_mtok: "…", output_mtok: "…"}}: '
                f"{' and '.join(budgets)} may spend only so much",
            )
