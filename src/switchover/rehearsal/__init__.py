"""A rehearsal: sample → replay → grade → decide → save."""

from .among import Among, credential
from .order import Order, cell_of
from .run import Progress, rehearse

__all__ = ["Among", "Order", "Progress", "cell_of", "credential", "rehearse"]
