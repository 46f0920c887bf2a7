"""A drill: steady? → cut off → observe → lift → outcome → save."""

from .order import DrillOrder
from .run import run_drill

__all__ = ["DrillOrder", "run_drill"]
