"""Budgets, as the configuration states them."""

from __future__ import annotations

from collections.abc import Mapping

from switchover.domain.process import Budget, Provider

from .document import Document, Place
from .sections.money import BudgetSection, BudgetsSection


def budget_of(document: Document, at: Place, section: BudgetSection) -> Budget:
    """A budget. Raises ConfigError for one without an amount."""
    if section.day is None and section.month is None:
        raise document.error(at, got="no amount", want="day: or month:, such as month: 500 USD")
    return Budget(**section.model_dump())


def budgets_of(document: Document, section: BudgetsSection, providers: Mapping[str, Provider]) -> dict[str, Budget]:
    """The budgets over several processes, by name. Raises ConfigError for a provider that nobody knows."""
    found = {}
    if section.organisation is not None:
        found["organisation"] = budget_of(document, ("budgets", "organisation"), section.organisation)
    for name, one in section.providers.items():
        at = ("budgets", "providers", name)
        if name not in providers:
            raise document.error(at, got=name, want=f"a provider we know, or its home under providers.{name}")
        found[f"provider:{name}"] = budget_of(document, at, one)
    for name, one in section.keys.items():
        found[f"key:{name}"] = budget_of(document, ("budgets", "keys", name), one)
    return found
