"""A recorded exchange as a case: what is asked, what the baseline answered, and where it belongs.

Exchange ids and moments differ between two recordings of the same traffic; a case's ``key`` does not, so that whatever
is drawn by seed is drawn again from the same record.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from switchover.domain.candidate import digest
from switchover.domain.exchange import SIDE_DIALECTS, Exchange
from switchover.domain.process import SlicePredicate
from switchover.errors import CallerError
from switchover.prompts import answer_text, ask_text, chat_request

from .slices import lies_in

# What a caller sends that does not change what is asked.
_ASIDE = frozenset({"model", "stream", "stream_options", "metadata", "user", "store"})
# What a request is framed with, beside its messages.
_FRAME = ("tools", "functions", "response_format")
_DIGITS = re.compile(rb"\d+")
_unpacked = msgspec.msgpack.Decoder(tuple[bytes, bytes])


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``text`` is the last user message, ``reference`` the recorded answer's text.

    ``key`` names the request's content and ``order`` the content with its answer; both are hex digests. ``frame`` names
    system prompt, tools and schema, numbers in them aside. ``bare`` is the exchange without its bodies, which lie
    ``packed``: a record of a hundred thousand is held in memory at once.
    """

    bare: Exchange
    packed: bytes
    text: str
    reference: str | None
    key: str
    order: str
    slices: tuple[str, ...]
    frame: str

    @property
    def exchange(self) -> Exchange:
        """The recorded exchange."""
        request, answer = _unpacked.decode(zlib.decompress(self.packed))
        return replace(self.bare, request=request, answer=answer)

    @property
    def request(self) -> dict[str, Any]:
        """What was asked, as an OpenAI chat body."""
        return chat_request(self.exchange)

    @property
    def id(self) -> str:
        """The exchange's id."""
        return self.bare.id

    @property
    def at(self) -> float:
        """When it was asked, in Unix seconds."""
        return self.bare.started_at


def cases_of(exchanges: Iterable[Exchange], slices: Sequence[SlicePredicate] = ()) -> list[Case]:
    """The exchanges that can be asked again, in order of content; others are left out."""
    found = [case for exchange in exchanges if (case := _case(exchange, slices)) is not None]
    return sorted(found, key=lambda case: (case.order, case.at, case.id))


def _case(exchange: Exchange, slices: Sequence[SlicePredicate]) -> Case | None:
    if exchange.dialect in SIDE_DIALECTS or not exchange.is_askable:
        return None
    try:
        original: Any = msgspec.json.decode(exchange.request)
        request = chat_request(exchange)
        text = ask_text(request)
        reference = answer_text(exchange.dialect, exchange.stream, exchange.answer)
    except (msgspec.MsgspecError, CallerError, KeyError, TypeError, ValueError):
        return None
    key = digest({name: value for name, value in request.items() if name not in _ASIDE}, 32)
    return Case(
        bare=replace(exchange, request=b"", answer=b""),
        packed=zlib.compress(msgspec.msgpack.encode((exchange.request, exchange.answer)), 1),
        text=text,
        reference=reference,
        key=key,
        order=key + digest(reference),
        slices=tuple(part.name for part in slices if lies_in(part, original, exchange.metadata, text)),
        frame=frame_of(request),
    )


def frame_of(request: Mapping[str, Any]) -> str:
    """Names what a chat request is asked with (16 hex digits); "" for one without system prompt, tools and schema."""
    messages = request.get("messages")
    said = [
        one.get("content")
        for one in (messages if isinstance(messages, list) else [])
        if isinstance(one, Mapping) and one.get("role") in ("system", "developer")
    ]
    asked = {name: request[name] for name in _FRAME if request.get(name)}
    if not said and not asked:
        return ""
    plain = msgspec.json.encode([said, asked], order="sorted")
    return digest(_DIGITS.sub(b"0", plain).decode())
