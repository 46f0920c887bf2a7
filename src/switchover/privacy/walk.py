"""What of a body is text that people wrote, and what holds it together. Pure.

Strings are read, and changed in place. A string that is JSON (a tool call's arguments, an answer in a schema) is read
as such, so that an escape hides nothing. Numbers are read only where they are somebody's data, in arguments and
metadata: elsewhere they belong to the dialect. What can't be read (an image, a file, a sound, tokens, vectors) is
named.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from switchover.errors import Unreadable

# Words of a dialect's own; where callers write what they like, the same names are theirs.
DIALECT = frozenset(["model", "role", "type", "object", "id", "finish_reason", "stop_reason", "status"])
FREE = frozenset(["input", "arguments", "metadata", "parameters", "args"])
ENCODED = frozenset(["data", "file_data", "result", "b64_json", "partial_image_b64", "signature", "encrypted_content"])
SEALED = frozenset(["signature", "encrypted_content"])
_DATA_URL = re.compile(r"data:([a-z]{0,20})[^,]{0,200};base64,", re.IGNORECASE)
_NO_TEXT = re.compile(r"[\s\"{}<>@]")
_FEWEST_ENCODED = 64
DEEPEST = 200


class Walk:
    """Reads the values of one body after another.

    ``text(said)`` gives what stands in a text's place, ``unread(kind, said)`` what does in the place of something that
    nobody can read: of kind image, audio, video, file, tokens, vectors, likelihoods or sealed.
    """

    def __init__(self, text: Callable[[str], str], unread: Callable[[str, Any], Any]) -> None:
        self._text, self._unread = text, unread

    def value(self, value: Any, key: str = "", *, free: bool = False, depth: int = 0) -> Any:
        """What stands in the place of a value; lists and mappings are changed in place.

        Raises Unreadable for what is nested too deep.
        """
        if depth > DEEPEST:
            raise Unreadable("the body is nested too deep to be read")
        if isinstance(value, str):
            return self._string(value, key, free, depth)
        if isinstance(value, dict):
            return self._mapping(value, free, depth)
        if isinstance(value, list):
            return self._list(value, key, free, depth)
        if free and isinstance(value, int | float) and not isinstance(value, bool):
            return self._number(value)
        return value

    def _string(self, said: str, key: str, free: bool, depth: int) -> Any:
        url = _DATA_URL.match(said)
        if url is not None:
            kind = url[1].lower()
            return self._unread(kind if kind in ("image", "audio", "video") else "file", said)
        if key in ENCODED and len(said) >= _FEWEST_ENCODED and not _NO_TEXT.search(said):
            return self._unread("sealed" if key in SEALED else "file", said)
        if key == "embedding":
            return self._unread("vectors", said)
        if key in DIALECT and not free:
            return said
        return self._text(self._inner(said, depth) if said.lstrip()[:1] in ("{", "[") else said)

    def _inner(self, said: str, depth: int) -> str:
        """A string that may be JSON, read as such; as it is where nothing in it is changed."""
        try:
            value = msgspec.json.decode(said)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return said
        before = msgspec.json.encode(value)
        after = msgspec.json.encode(self.value(value, free=True, depth=depth + 1))
        return said if after == before else after.decode()

    def _mapping(self, value: dict[str, Any], free: bool, depth: int) -> dict[str, Any]:
        for key in list(value):
            held = value.pop(key)
            if key == "logprobs" and isinstance(held, dict | list):
                held = self._unread("likelihoods", held)
            else:
                held = self.value(held, key, free=free or key in FREE, depth=depth + 1)
            value[self._text(key) if free else key] = held
        return value

    def _list(self, value: list[Any], key: str, free: bool, depth: int) -> Any:
        if key == "embedding":
            return self._unread("vectors", value)
        if key == "input" and value and all(isinstance(one, int) for one in value):
            return self._unread("tokens", value)
        # A list's items are where the list is.
        for place, one in enumerate(value):
            value[place] = self.value(one, key, free=free, depth=depth + 1)
        return value

    def _number(self, value: int | float) -> Any:
        said = repr(value)
        read = self._text(said)
        return value if read == said else read


def parse(body: bytes) -> Any:
    """The JSON of a body. Raises Unreadable for anything else."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, ValueError) as cause:
        raise Unreadable("the body is no JSON") from cause
