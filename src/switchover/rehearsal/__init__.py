"""A rehearsal: sample → replay → grade → decide → save."""

from .among import Among, credential
from .order import Order, as_marked, cell_of
from .relabel import Desk, Pair, redecide
from .run import Progress, rehearse

__all__ = ["Among", "Desk", "Order", "Pair", "Progress", "as_marked", "cell_of", "credential", "redecide", "rehearse"]
