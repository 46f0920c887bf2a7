"""What a provider says is left of a quota, so that it can be left to live traffic before it runs out. Pure."""

from __future__ import annotations

from collections.abc import Mapping

# What is left of what, in the answers of OpenAI and most hosts, and of Anthropic.
PAIRS = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-limit-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-limit-tokens"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-limit"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-limit"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-limit"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-limit"),
)


def share_left(headers: Mapping[str, str]) -> float | None:
    """The least share of any quota that is left (0-1) by an answer's headers; None where they tell of none."""
    shares = [
        _number(headers[remaining]) / most
        for remaining, limit in PAIRS
        if remaining in headers and (most := _number(headers.get(limit, ""))) > 0
    ]
    return min(max(min(shares), 0.0), 1.0) if shares else None


def _number(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() else 0.0
