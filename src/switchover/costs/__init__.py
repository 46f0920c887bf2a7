"""Prices and projections; money is Decimal."""
