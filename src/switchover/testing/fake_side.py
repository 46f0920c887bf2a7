"""What the fake vendor tells without words: embeddings as OpenAI sends them, a count of tokens as Anthropic does.

A vector is drawn from its text and the model's name by hash: the same text has the same vector at every vendor that
serves this model, and another one under another model.
"""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from typing import Any

import msgspec

from .fake_wire import TOKEN, Rejected, read_request

EMBEDDINGS_PATH = "/v1/embeddings"
TOKEN_COUNT_PATH = "/v1/messages/count_tokens"  # noqa: S105  # a path, not a password
DIMENSIONS = 8


def embed(body: bytes) -> bytes:
    """The answer to a request for embeddings; raises Rejected."""
    request = _decoded(body)
    model, given = request.get("model"), request.get("input")
    if not isinstance(model, str) or not model:
        raise Rejected("you must provide a model parameter")
    # A list of numbers is one input, in tokens.
    inputs = [given] if isinstance(given, str) or _are_tokens(given) else given
    if not isinstance(inputs, list) or not all(one and (isinstance(one, str) or _are_tokens(one)) for one in inputs):
        raise Rejected("'$.input' is invalid: texts or tokens are wanted, none of them empty")
    form, size = request.get("encoding_format", "float"), request.get("dimensions", DIMENSIONS)
    if form not in ("float", "base64"):
        raise Rejected("encoding_format: 'float' or 'base64' is wanted")
    if not isinstance(size, int) or size < 1:
        raise Rejected("dimensions: a number of at least 1 is wanted")
    vectors = [vector(model, one, size) for one in inputs]
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(one) if form == "base64" else one}
        for index, one in enumerate(vectors)
    ]
    tokens = sum(len(one) if isinstance(one, list) else len(one) // TOKEN + 1 for one in inputs)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return msgspec.json.encode({"object": "list", "data": data, "model": model, "usage": usage})


def vector(model: str, text: str | list[int], size: int = DIMENSIONS) -> list[float]:
    """The unit vector of a text under a model, of numbers that 32 bits hold exactly."""
    seed = hashlib.shake_256(f"{model}\n{text}".encode()).digest(2 * size)
    drawn = [value / 32768 for value in struct.unpack(f"<{size}h", seed)]
    length = math.sqrt(sum(value * value for value in drawn)) or 1.0
    return [struct.unpack("<f", struct.pack("<f", value / length))[0] for value in drawn]


def count(body: bytes) -> bytes:
    """The answer to a request to count; raises Rejected, as for a field that only a message may have."""
    request = _decoded(body)
    if "max_tokens" in request:
        raise Rejected("max_tokens: Extra inputs are not permitted")
    ask = read_request("anthropic_messages", msgspec.json.encode({**request, "max_tokens": 1}))
    return msgspec.json.encode({"input_tokens": ask.prompt_tokens})


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Rejected("We could not parse the JSON body of your request.") from None


def _are_tokens(given: object) -> bool:
    return isinstance(given, list) and bool(given) and all(isinstance(one, int) for one in given)


def _packed(values: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
