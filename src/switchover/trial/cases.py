"""A recorded exchange as a case: what is asked, what the baseline answered, and where it belongs.

Exchange ids and moments differ between two recordings of the same traffic; a case's ``key`` does not, so that whatever
is drawn by seed is drawn again from the same record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from switchover.domain.candidate import digest
from switchover.domain.exchange import SIDE_DIALECTS, Exchange
from switchover.domain.process import SlicePredicate
from switchover.errors import CallerError
from switchover.prompts import answer_text, ask_text, chat_request

# What a caller sends that does not change what is asked.
_ASIDE = frozenset({"model", "stream", "stream_options", "metadata", "user", "store"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``request`` is an OpenAI chat body, ``text`` its last user message, ``reference`` the recorded answer's text.

    ``key`` names the request's content and ``order`` the content with its answer; both are hex digests.
    """

    exchange: Exchange
    request: dict[str, Any]
    text: str
    reference: str | None
    key: str
    order: str
    slices: tuple[str, ...]


def cases_of(exchanges: Iterable[Exchange], slices: Sequence[SlicePredicate] = ()) -> list[Case]:
    """The exchanges that can be asked again, in order of content; others are left out."""
    found = [case for exchange in exchanges if (case := _case(exchange, slices)) is not None]
    return sorted(found, key=lambda case: (case.order, case.exchange.started_at, case.exchange.id))


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
        exchange=exchange,
        request=request,
        text=text,
        reference=reference,
        key=key,
        order=key + digest(reference),
        slices=tuple(s.name for s in slices if _at(s.path, original, exchange.metadata) == s.equals),
    )


def _at(path: str, request: Any, metadata: Mapping[str, str]) -> str | None:
    """The value at a dotted path, as text: recorded metadata first, then the request's own fields."""
    head, _, rest = path.partition(".")
    if head == "metadata" and rest in metadata:
        return str(metadata[rest])
    value = request
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()
