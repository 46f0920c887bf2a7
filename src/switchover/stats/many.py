"""Which of many verdicts to believe together: e-BH over named e-values.

With E₍₁₎ ≥ E₍₂₎ ≥ … of K hypotheses, those with E ≥ K / (α k) are rejected, k the largest for which E₍ₖ₎ ≥ K / (α k).
Among what is rejected the expected share of true hypotheses (false READY) is at most α, however the e-values depend on
each other. Source: Wang & Ramdas, *False discovery rate control with e-values*, arXiv 2009.02824.
"""

from __future__ import annotations

import math
from collections.abc import Mapping


def discoveries(log_evidence: Mapping[str, float], alpha: float) -> tuple[str, ...]:
    """The names whose hypothesis is rejected at level ``alpha``, most evidence first; ``log_evidence`` is ln E by name.

    Raises ValueError for an alpha outside (0, 1), or evidence that is no number.
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha lies between 0 and 1, not at {alpha:g}")
    if any(math.isnan(one) for one in log_evidence.values()):
        raise ValueError("evidence is a number")
    ranked = sorted(log_evidence, key=lambda name: (-log_evidence[name], name))
    passed = 0
    for place, name in enumerate(ranked, 1):
        if log_evidence[name] >= needed(len(ranked), place, alpha):
            passed = place
    # Ties are alike: whatever has as much evidence as the last one is with it already, as k is the largest.
    return tuple(ranked[:passed])


def needed(count: int, rejected: int, alpha: float) -> float:
    """ln(K / (α k)): what each of ``rejected`` hypotheses among ``count`` must reach."""
    return math.log(count) - math.log(alpha) - math.log(rejected)
