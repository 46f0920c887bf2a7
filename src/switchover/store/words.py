"""What callers and models said, as the store keeps it: sealed, where it was given who seals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec
from sqlalchemy import Connection, select

from switchover.domain.exchange import Exchange
from switchover.domain.process import Bodies
from switchover.errors import StoreUnavailable

from . import schema

if TYPE_CHECKING:
    from .database import Store

_plain = msgspec.msgpack.Decoder(tuple[bytes, bytes])
_sealed = msgspec.msgpack.Decoder(tuple[bytes, bytes, dict[str, str]])

# Names in one statement; SQLite of 2020 takes 32,766.
ASKED_AT_ONCE = 500

Words = tuple[bytes, bytes, dict[str, str] | None]


class Sealer(Protocol):
    """Who seals and opens; see ``privacy/sealing.py``."""

    def close(self) -> None:
        """Forgets every key; the next call opens the ring again."""
        ...

    def seal(self, batch: Sequence[Exchange]) -> list[Exchange | None]:
        """The exchanges with their words sealed; None for one that can't be."""
        ...

    def seal_apart(self, process: str, at: float, name: str, data: bytes) -> tuple[str, bytes]:
        """``data`` sealed under a key that seals nothing else; the key's id and the content."""
        ...

    def seal_under(self, key: str, name: str, data: bytes) -> bytes | None:
        """``data`` sealed under the wrapping key of this id; None when that was erased."""
        ...

    def open(self, key: str, name: str, content: bytes) -> bytes | None:
        """What was sealed; None when its key was erased."""
        ...


def sealed(store: Store, batch: Sequence[Exchange]) -> list[Exchange]:
    """The exchanges as they may be saved."""
    if store.sealer is None:
        return list(batch)
    return [one for one in store.sealer.seal(batch) if one is not None]


def opened(store: Store, exchange: str, key: str | None, content: bytes | None) -> dict[str, object]:
    """Request, answer and metadata of a body, as fields of the exchange; ``bodies`` says so where they were erased.

    Raises StoreUnavailable where they are sealed and nobody was named who opens them.
    """
    if not content:
        return {"request": b"", "answer": b""}
    found = words_of(_sealer(store) if key else None, exchange, key or "", content)
    if found is None:
        return {"request": b"", "answer": b"", "bodies": Bodies.ERASED}
    request, answer, metadata = found
    return {"request": request, "answer": answer} | ({} if metadata is None else {"metadata": metadata})


def words_of(sealer: Sealer | None, exchange: str, key: str, content: bytes) -> Words | None:
    """Request, answer and metadata (None: it lies beside them) of a body; None where they were erased."""
    if not key or sealer is None:
        return *_plain.decode(content), None
    plain = sealer.open(key, exchange, content)
    return None if plain is None else _sealed.decode(plain)


def beside(store: Store, connection: Connection, exchange: str, name: str, text: str | None) -> dict[str, object]:
    """What a model said about an exchange, under the key of the exchange's own body: erased with it.

    ``key`` and ``text`` to save; ``name`` tells this text from others of the exchange.
    """
    return under(store, keys_of(connection, [exchange]), exchange, name, text)


def keys_of(connection: Connection, exchanges: Sequence[str]) -> dict[str, str]:
    """The key that each exchange's own body is sealed under; those without one are left out."""
    found: dict[str, str] = {}
    for begin in range(0, len(exchanges), ASKED_AT_ONCE):
        some = exchanges[begin : begin + ASKED_AT_ONCE]
        wanted = select(schema.body.c.exchange, schema.body.c.key).where(schema.body.c.exchange.in_(some))
        found |= {exchange: key for exchange, key in connection.execute(wanted) if key}
    return found


def under(store: Store, keys: Mapping[str, str], exchange: str, name: str, text: str | None) -> dict[str, object]:
    """As :func:`beside`, with the key among ``keys``."""
    key = keys.get(exchange, "")
    if text is None or not key or store.sealer is None:
        return {"key": "", "text": text}
    content = store.sealer.seal_under(key, f"{exchange} {name}", text.encode())
    return {"key": key, "text": "" if content is None else content.hex()}


def said(store: Store, exchange: str, name: str, key: str | None, text: str | None) -> str | None:
    """The text that :func:`beside` sealed; nothing ("") where it was erased."""
    if not key or not text:
        return text
    plain = _sealer(store).open(key, f"{exchange} {name}", bytes.fromhex(text))
    return "" if plain is None else plain.decode()


def _sealer(store: Store) -> Sealer:
    if store.sealer is None:
        raise StoreUnavailable(
            f"what {store.name} holds is sealed", mend="open it with the key ring of its data folder"
        )
    return store.sealer
