"""Whom a request is about, where its process says how requests name that."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class _About(msgspec.Struct):
    """Where each dialect has the person whom a request is made for."""

    user: str | int | None = None
    metadata: dict[str, msgspec.Raw] | None = None


_ABOUT = msgspec.json.Decoder(_About)
_TEXT = msgspec.json.Decoder(str)


def subject_said(where: str, metadata: Mapping[str, str], body: bytes) -> str | None:
    """Whom a request names as its subject: "user" is Anthropic's ``metadata.user_id``, too; None: nobody."""
    head, _, name = where.partition(".")
    if head == "metadata":
        return metadata.get(name) or None
    try:
        about = _ABOUT.decode(body)
        if about.user is not None:
            return str(about.user) or None
        return (_TEXT.decode(about.metadata["user_id"]) or None) if about.metadata else None
    except (msgspec.MsgspecError, KeyError):
        return None
