"""A rehearsal: sample → replay → grade → decide → save."""

from .run import Order, Progress, cell_of, rehearse

__all__ = ["Order", "Progress", "cell_of", "rehearse"]
