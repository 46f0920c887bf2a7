"""A judge's scores set right by people: the prediction-powered value of one case.

Whether people look at a case is drawn before anybody looks, with chance π. The judge's difference d_J counts for every
case, and what people saw corrects it where they looked:

    r = d_J + (ξ / π) (d_H - d_J),   ξ ~ Bernoulli(π)

so that mean(r) = mean(d_H) whatever the judge's bias. r is bet on over its own range. Source: prediction-powered
e-values, arXiv 2502.04294.
"""

from __future__ import annotations


def reach(share: float) -> float:
    """The largest |r| there can be when people look at ``share`` (0–1, above 0) of the cases: 2/π - 1."""
    if not 0.0 < share <= 1.0:
        raise ValueError(f"people look at a share above 0 and up to 1 of the cases, not {share:g}")
    return 2.0 / share - 1.0


def rectified(judged: float, seen: float | None, share: float) -> float:
    """r of one case, in [-reach, reach].

    ``judged`` is d_J, ``seen`` is d_H or None where it was not drawn, ``share`` is π.
    """
    return judged if seen is None else judged + (seen - judged) / share
