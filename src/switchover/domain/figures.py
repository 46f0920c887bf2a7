"""How a number is written for people. Pure."""

from __future__ import annotations

from decimal import Decimal


def figure(value: float) -> str:
    """With four digits that count, or all before the point, and no power of ten: "25,000", "0.02", "0.0000004"."""
    said = f"{value:,.0f}" if abs(value) >= 1000 else f"{Decimal(f'{value:.4g}'):,f}"
    return said.replace("-", "−")
