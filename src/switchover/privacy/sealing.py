"""Bodies sealed on their way to a disk, and opened for who may read them.

Sealed content is a version byte, the record's own key under the wrapping key (nonce, ciphertext, tag), and the body
under that key: AES-256-GCM both times, bound to the wrapping key's id and to the record's name. What is sealed of an
exchange is msgpack of (request, answer, metadata).
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import lru_cache

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from switchover.dialects.said import length_of
from switchover.domain.exchange import Exchange, Sealed
from switchover.domain.model_name import name_of
from switchover.errors import StoreUnavailable
from switchover.store.ring import Scope

from .keyring import NONCE, KeyRing, Wrapping

VERSION = b"\x01"
KEY, TAG = 32, 16
START = 1 + NONCE + KEY + TAG
# A record's key seals once: any nonce will do.
ONCE = bytes(NONCE)
DAY = 86_400

_encode = msgspec.msgpack.Encoder().encode


class Sealer:
    """Seals and opens with the keys of a ring. Threads may share it."""

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring

    def close(self) -> None:
        """Closes the ring and forgets its keys; it opens again when it is needed."""
        self.ring.close()

    def seal(self, batch: Sequence[Exchange]) -> list[Exchange | None]:
        """The exchanges with their words sealed, in order; None for one that can't be put into bytes.

        Those that are sealed, and those without a word, come back as they are. Raises StoreUnavailable when the ring
        can't be had: then nothing was sealed.
        """
        scopes = [_scope(one) if _has_words(one) else None for one in batch]
        keys = self.ring.wrapping({scope for scope in scopes if scope is not None})
        return [one if scope is None else _sealed(one, keys[scope]) for one, scope in zip(batch, scopes, strict=True)]

    def seal_under(self, key: str, name: str, data: bytes) -> bytes | None:
        """``data`` sealed under the wrapping key of this id; None when that was erased."""
        cipher = self.ring.cipher(key)
        return None if cipher is None else _seal(key, cipher, name, data)

    def seal_apart(self, process: str, at: float, name: str, data: bytes) -> tuple[str, bytes]:
        """``data`` sealed under a key that seals nothing else; the key's id and the content."""
        scope = Scope(process, apart(name), month_of(at))
        key = self.ring.wrapping([scope])[scope]
        key.uses += 1
        return key.id, _seal(key.id, key.cipher, name, data)

    def open(self, key: str, name: str, content: bytes) -> bytes | None:
        """What was sealed; None when its key was erased. Raises StoreUnavailable for bytes that were changed."""
        cipher = self.ring.cipher(key)
        if cipher is None:
            return None
        about = f"{key}\0{name}".encode()
        try:
            if content[:1] != VERSION:
                raise InvalidTag
            own = cipher.decrypt(content[1 : 1 + NONCE], content[1 + NONCE : START], about)
            return AESGCM(own).decrypt(ONCE, content[START:], about)
        except (InvalidTag, ValueError) as cause:
            raise StoreUnavailable(
                f"what is sealed of {name} was changed",
                mend="restore the store from a backup, or fill it from the spool",
            ) from cause


def apart(name: str) -> str:
    """In a ring, the subject of the key that seals one thing alone."""
    return f"artefact:{name}"


def month_of(at: float) -> str:
    """The month of a moment (Unix seconds), in UTC."""
    return _month(int(at // DAY))


@lru_cache(maxsize=64)
def _month(day: int) -> str:
    return time.strftime("%Y-%m", time.gmtime(day * DAY))


_named = lru_cache(maxsize=1024)(name_of)


def _has_words(exchange: Exchange) -> bool:
    return exchange.sealed is None and bool(exchange.request or exchange.answer or exchange.metadata)


def _scope(exchange: Exchange) -> Scope:
    return Scope(exchange.process, exchange.subject or "", month_of(exchange.started_at))


def _sealed(exchange: Exchange, key: Wrapping) -> Exchange | None:
    try:
        plain = _encode((exchange.request, exchange.answer, exchange.metadata))
    except (TypeError, ValueError):
        return None
    key.uses += 1
    bare = exchange.bare(Sealed(key=key.id, content=_seal(key.id, key.cipher, exchange.id, plain)))
    # What is no name are an upstream's words; they stand in the answer.
    bare.model = _named(exchange.model)
    bare.length = length_of(exchange)
    return bare


def _seal(key: str, cipher: AESGCM, name: str, data: bytes) -> bytes:
    about = f"{key}\0{name}".encode()
    fresh = os.urandom(KEY + NONCE)
    own, nonce = fresh[:KEY], fresh[KEY:]
    return b"".join((VERSION, nonce, cipher.encrypt(nonce, own, about), AESGCM(own).encrypt(ONCE, data, about)))
