"""What every dialect can say of a request and of a whole answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from ..domain.exchange import Usage
from ..errors import BadRequest, Malformed

T = TypeVar("T")

# The need of a request that rests on what its provider keeps: earlier answers, conversations, files.
STATE = "state"

# Reasons under which an answer without content is still the answer: asking again repeats them.
ENDS_WITHOUT_CONTENT = frozenset(
    {
        "length",
        "content_filter",
        "max_tokens",
        "max_output_tokens",
        "refusal",
        "pause_turn",
        "model_context_window_exceeded",
    }
)


class Peek(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What planning needs of a request, read in one pass.

    ``holds``: a partial answer would be useless or dangerous, so nothing may be relayed before the answer is complete.
    ``needs``: of ``tools``, ``json_schema``, ``vision``, ``files``, ``n``, ``logprobs`` and ``state``, what a provider
    keeps of earlier answers; or, of a side request, ``embeddings`` or ``count_tokens``. ``n``: answers asked for at
    once, which a decoder must be told. ``include_usage``: the caller asked for a usage chunk at the end of the stream.
    ``substitutes``: fields that let the provider answer with another model. ``limit``: the most tokens that one answer
    may have, None when not said.
    """

    model: str
    stream: bool
    metadata: Mapping[str, str] = msgspec.field(default_factory=dict)
    holds: bool = False
    needs: frozenset[str] = frozenset()
    n: int = 1
    include_usage: bool = False
    substitutes: tuple[str, ...] = ()
    limit: int | None = None


def limit_of(first: object, second: object = None) -> int | None:
    """The first limit that is one; what is not, such as -1 for no limit, is its provider's affair."""
    if isinstance(first, int) and first > 0:
        return first
    return second if isinstance(second, int) and second > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call the model asks for; ``arguments`` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that was not streamed; of several choices, the first. ``text`` None means that there is none.

    ``thought``: there is reasoning in it. ``reasoned``: and nothing that would be an answer without words. ``id`` is
    the provider's. ``fell_back``: the provider went over to ``model`` by itself, within this answer.
    """

    text: str | None
    tool_calls: tuple[ToolCall, ...]
    reason: str | None
    usage: Usage | None
    model: str | None
    reasoned: bool = False
    id: str | None = None
    fell_back: bool = False
    thought: bool = False

    @property
    def is_empty(self) -> bool:
        """Nothing in it, though it claims to be done: a failed attempt (``empty-answer``, ``reasoning-only``)."""
        if self.text or self.tool_calls:
            return False
        return is_empty(self.reason, self.usage, reasoned=self.reasoned)


def is_empty(reason: str | None, usage: Usage | None, *, reasoned: bool) -> bool:
    """Whether an answer without content counts as failed: not when it was cut by length or filter, or tokens came."""
    if reason in ENDS_WITHOUT_CONTENT:
        return False
    return reasoned or usage is None or usage.output == 0


def is_utf8(data: bytes) -> bool:
    """msgspec checks JSON's grammar, but not the UTF-8 of what it skips; both SDKs crash on bytes that are not."""
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def read_request(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decodes a caller's body; raises :class:`BadRequest` that names the place that is wrong."""
    if not body.isascii() and not is_utf8(body):
        raise BadRequest("The body is not UTF-8; send JSON encoded as UTF-8.")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The body is not a valid request: {error}.") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"The body is not JSON: {error}.") from error


def read_answer(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decodes a provider's whole answer; raises :class:`Malformed` when it does not parse."""
    if not body.isascii() and not is_utf8(body):
        raise Malformed("The answer is not UTF-8.")
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Malformed(f"The answer does not parse: {redact(str(error))}") from error


def check_addressed(model: str, messages: Sequence[object]) -> None:
    """Raises :class:`BadRequest` when a request names no route or says nothing."""
    if not model:
        raise BadRequest("`model` is empty; name a route.")
    if not messages:
        raise BadRequest("`messages` is empty; send at least one message.")


# One decoder for every request: everything but the key that is replaced stays as it was sent.
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


# Strings escape their quotes, so these bytes are a string of their own. Where they occur once, and no letter of the key
# is written as an escape, they are the key.
_KEY = b'"model"'
_ESCAPED = b"\\u006"
_MODEL = re.compile(rb'"model"[ \t\r\n]*:[ \t\r\n]*"[^"\\]*"')


def with_model(body: bytes, model: str) -> bytes:
    """The same request for another model; every other field's bytes stay as they are. The body is one that was read."""
    if body.count(_KEY) == 1 and _ESCAPED not in body:
        found = _MODEL.search(body)
        if found is not None:
            return b'%b"model":%b%b' % (body[: found.start()], msgspec.json.encode(model), body[found.end() :])
    fields = read_request(body, _FIELDS)
    fields["model"] = msgspec.Raw(msgspec.json.encode(model))
    return msgspec.json.encode(fields)


def plain_metadata(metadata: Mapping[str, Any] | None) -> Mapping[str, str]:
    """Metadata with every value as text; anything else than text or a number is left out."""
    if not metadata:
        return {}
    return {key: str(value) for key, value in metadata.items() if isinstance(value, str | int | float)}


_SECRET = re.compile(
    r"(?i)bearer\s+\S+"
    r"|\b(?:sk|pk|rk|gsk|xai|hf|r8|api|key|token)[-_][\w*.\-]{6,}"
    r"|\bAIza[\w\-]{10,}"
    r"|\b(?!(?:req|msg|chatcmpl|request|exchange)[-_])(?=[\w\-]*\d)(?=[\w\-]*[a-z])[\w\-]{24,}"
    r"|(?<=key provided: )\S+"
)


def redact(message: str, *, longest: int = 500) -> str:
    """A provider's message without the keys that providers echo (BerriAI/litellm#15799), and not longer than asked."""
    return _SECRET.sub("***", message[: 4 * longest])[:longest]
