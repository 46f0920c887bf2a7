"""A rehearsal: sample → replay → grade → decide → save."""

from .order import Order, cell_of
from .relabel import Desk, Pair, redecide
from .run import Progress, rehearse

__all__ = ["Desk", "Order", "Pair", "Progress", "cell_of", "redecide", "rehearse"]
