"""Many claims at once: which to believe so that few of the believed ones are wrong. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence


def e_bh(log_es: Sequence[float], rate: float) -> frozenset[int]:
    """The places of the claims to believe, given each one's log e-value: the share of wrong ones is at most ``rate``.

    Source: Wang & Ramdas, arXiv 2009.02824.
    """
    order = sorted(range(len(log_es)), key=lambda place: -log_es[place])
    kept = 0
    for rank, place in enumerate(order, 1):
        if log_es[place] >= math.log(len(log_es) / (rate * rank)):
            kept = rank
    return frozenset(order[:kept])
