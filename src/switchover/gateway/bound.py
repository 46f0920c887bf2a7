"""The most that a call can cost, from its bytes: known before the first of them leaves."""

from __future__ import annotations

from switchover.dialects.across import DEFAULT_MAX_TOKENS
from switchover.dialects.shapes import STATE
from switchover.dialects.side import NEEDS_VECTORS
from switchover.domain.budget import ADDED_TOKENS, LEEWAY, MOST_TOKENS, Tariff
from switchover.domain.process import UpstreamSpec

from .admit import Call

# OpenAI's gpt-4o-mini counts 2,833 tokens for an image and 5,667 for each of at most 8 tiles, the most of all
# (platform.openai.com/docs/guides/images-vision); Anthropic's, at most 4,784.
IMAGE_TOKENS = 50_000
IMAGES = (b'"image_url"', b'"image"', b'"input_image"')
# What is fetched, kept or unpacked elsewhere has no bound in the bytes of the request.
ELSEWHERE = frozenset(["files", STATE])
# A letter written as an escape, as no serializer does: it could hide the name of a field that says what is attached.
ESCAPED = (b"\\u005", b"\\u006", b"\\u007")


def bound_of(call: Call, spec: UpstreamSpec, tariff: Tariff, body: bytes) -> int:
    """The most that sending ``body`` can cost, in micro-USD.

    A token covers a byte of text or more, in every tokenizer in use: they fall back to bytes. What providers bill
    beside tokens, such as searches in the web, is not in it.
    """
    return tariff.bound(tokens_in(call, tariff, body), tokens_out(call, spec, tariff))


def tokens_in(call: Call, tariff: Tariff, body: bytes) -> int:
    """The most tokens that the model can be made to read."""
    most, needs = len(body) + ADDED_TOKENS, call.peek.needs
    if b"\\u00" in body and any(escape in body for escape in ESCAPED):
        return max(most, tariff.window)
    if needs:
        if not needs.isdisjoint(ELSEWHERE):
            return max(most, tariff.window)
        if "vision" in needs:
            most += IMAGE_TOKENS * sum(body.count(name) for name in IMAGES)
    return most


def tokens_out(call: Call, spec: UpstreamSpec, tariff: Tariff) -> int:
    """The most tokens that the model can write: as many as it was let, in each of the answers asked for."""
    peek = call.peek
    if NEEDS_VECTORS in peek.needs:
        return 0
    most = peek.limit
    if most is None:
        known = spec.max_output or (DEFAULT_MAX_TOKENS if spec.kind == "anthropic" else MOST_TOKENS)
        return min(known, tariff.window) * peek.n
    # As much over the limit as amount.py lets pass.
    return (most + most // 10 + LEEWAY) * peek.n
