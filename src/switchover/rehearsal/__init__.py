"""A rehearsal: sample → replay → grade → decide → save."""

from .order import Order, cell_of
from .run import Progress, rehearse

__all__ = ["Order", "Progress", "cell_of", "rehearse"]
