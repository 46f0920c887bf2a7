"""Countries and the unions they belong to."""

from __future__ import annotations

EU = frozenset("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())  # noqa: SIM905  # reads better in one line


def within(country: str, jurisdiction: str) -> bool:
    """True when a country (ISO 3166-1 alpha-2) is the jurisdiction or one of its members ("EU")."""
    return country == jurisdiction or (jurisdiction == "EU" and country in EU)
