"""The header of a GGUF file, read with limits: what the weights say about themselves.

Format: ggml's ``docs/gguf.md``, versions 2 and 3, little-endian.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from switchover.errors import WeightsMissing

SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9
# Twice the largest vocabulary we know (262,144 tokens of Gemma) in keys, entries or bytes of one string.
MOST = 1 << 20
CHAT_TEMPLATE = "tokenizer.chat_template"


def chat_template(path: Path) -> str | None:
    """How a conversation is written for these weights, as they say themselves; None when they do not.

    Raises WeightsMissing when the header can't be read.
    """
    try:
        with path.open("rb") as file:
            magic, version, _tensors, keys = struct.unpack("<4sIQQ", _take(file, 24))
            if magic != b"GGUF" or version not in (2, 3) or keys > MOST:
                raise ValueError(f"version {version} with {keys} keys")
            for _ in range(keys):
                key = _string(file)
                (kind,) = struct.unpack("<I", _take(file, 4))
                if key == CHAT_TEMPLATE.encode():
                    text = _string(file).decode("utf-8", "replace") if kind == STRING else ""
                    return text if text.strip() else None
                _skip(file, kind)
    except (OSError, ValueError, struct.error) as cause:
        raise WeightsMissing(
            f"{path}: not a GGUF file we can read ({cause})", mend="fetch the weights again"
        ) from cause
    return None


def _take(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise ValueError("the file ends within its header")
    return data


def _string(file: BinaryIO) -> bytes:
    (size,) = struct.unpack("<Q", _take(file, 8))
    if size > MOST:
        raise ValueError(f"a text of {size} bytes")
    return _take(file, size)


def _skip(file: BinaryIO, kind: int, *, nested: bool = False) -> None:
    if kind in SCALARS:
        _take(file, struct.calcsize(SCALARS[kind]))
    elif kind == STRING:
        _string(file)
    elif kind == ARRAY and not nested:
        item, count = struct.unpack("<IQ", _take(file, 12))
        if count > MOST:
            raise ValueError(f"a list of {count} entries")
        if item in SCALARS:
            _take(file, struct.calcsize(SCALARS[item]) * count)
        else:
            for _ in range(count):
                _skip(file, item, nested=True)
    else:
        raise ValueError(f"a value of type {kind}")
