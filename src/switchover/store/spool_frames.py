"""How a record lies in a segment.

A segment begins with a 16-byte head: 8 bytes magic, 4 bytes salt, 4 bytes zero. Frames follow, little-endian:
``u32 length | u32 crc32c | payload``; the payload is one kind byte and a msgpack body. The checksum begins from
``salt ^ length``, so that it covers the length too, and so that nobody who sends us a body with a frame in it can have
that taken for a record when a segment is searched for the next whole frame: the salt is drawn for each segment.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
from crc32c import crc32c

from switchover.domain.exchange import Exchange, Intent

MAGIC = b"SWSPOOL1"
HEAD = struct.Struct("<8sII")
FRAME = struct.Struct("<II")
# Twice the largest body the gateway takes, twice over for request and answer: more is no length but rot.
LONGEST = 256 << 20


# Why bytes can't be read: gaps that are met by a reader and bear the moment of reading, which is another each time.
ROT = "bit-rot"
TORN_HEAD, DAMAGED_HEAD, UNKNOWN_KIND = "torn segment head", "damaged segment head", "a record of an unknown kind"
MET = frozenset([ROT, TORN_HEAD, DAMAGED_HEAD, UNKNOWN_KIND])


class Position(NamedTuple):
    """A place in a worker's spool: the segment's number and the byte after the last frame read."""

    segment: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """A worker began to write: whatever it had open before is unfinished."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """``records`` (0 when it can't be told) are not in the record, for the ``reason`` given."""

    at: float
    records: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rot:
    """``length`` bytes that no longer match their checksum; never written, only met when reading."""

    length: int
    reason: str = ROT


Record = Intent | Exchange | Gap | Began
KINDS: dict[type, bytes] = {Exchange: b"X", Intent: b"I", Gap: b"G", Began: b"B"}
# An exchange whose words are sealed: of a kind of its own, so that nobody who can't open it takes it for an empty one.
SEALED = b"S"

_encoder = msgspec.msgpack.Encoder()
_decoders: dict[int, msgspec.msgpack.Decoder[Record]] = {
    kind[0]: msgspec.msgpack.Decoder(record) for record, kind in KINDS.items()
}
_decoders[SEALED[0]] = _decoders[KINDS[Exchange][0]]


def segment_head() -> tuple[bytes, int]:
    """The head of a new segment, and its salt."""
    salt = secrets.randbits(32)
    return HEAD.pack(MAGIC, salt, 0), salt


def encode(record: Record) -> bytes:
    """Kind byte and body: what a frame carries, whatever its segment."""
    kind = SEALED if isinstance(record, Exchange) and record.sealed is not None else KINDS[type(record)]
    return kind + _encoder.encode(record)


def frame(payload: bytes, salt: int) -> bytes:
    """The payload, framed for a segment with this salt."""
    return framed([payload], salt)


def framed(payloads: Iterable[bytes], salt: int) -> bytes:
    """The payloads, each framed, one behind the other."""
    parts = []
    for payload in payloads:
        length = len(payload)
        parts.append(FRAME.pack(length, crc32c(payload, salt ^ length)))
        parts.append(payload)
    return b"".join(parts)


def decode(payload: bytes | memoryview) -> Record | None:
    """The record, or None when the bytes are whole but not one of ours (a newer Switchover's)."""
    decoder = _decoders.get(payload[0])
    if decoder is None:
        return None
    try:
        return decoder.decode(payload[1:])
    except msgspec.MsgspecError:
        return None


def whole_frame(data: bytes | memoryview, at: int, salt: int) -> memoryview | None:
    """The payload of the frame at byte ``at`` of a segment, or None when there is no whole and sound one."""
    if at + FRAME.size > len(data):
        return None
    length, check = FRAME.unpack_from(data, at)
    start = at + FRAME.size
    if not 0 < length <= LONGEST or start + length > len(data):
        return None
    payload = memoryview(data)[start : start + length]
    return payload if crc32c(payload, salt ^ length) == check else None
