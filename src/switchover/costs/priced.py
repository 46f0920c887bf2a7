"""Whether everything that a budget is about has a price: nothing is free because nobody knows what it costs."""

from __future__ import annotations

from switchover.config.document import read
from switchover.domain.process import Settings

from .tariffs import limited, tariff


def check_prices(settings: Settings, at: float) -> None:
    """Raises ConfigError for an upstream that a budget is about and that has no price: it is never free."""
    for spec, budgets in limited(settings):
        if tariff(spec, at) is None:
            place = ("upstreams", spec.name, "price")
            wanted = spec.price.priced_as if spec.price else f"{spec.host}/{spec.model}"
            raise read(settings.source).error(
                place,
                got=f"no known price ({wanted})",
                want=f'{{as: provider/model}} of a published one, or {{input_mtok: "…", output_mtok: "…"}}: '
                f"{' and '.join(budgets)} may spend only so much",
            )
