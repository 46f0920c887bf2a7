"""A key's reference becomes the key: read when it is needed, never stored."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from switchover.domain.secret import Secret
from switchover.errors import ConfigError


def absolute(reference: str | None, base: str | Path) -> str | None:
    """``file:PATH`` from the folder of the configuration on; anything else as it is."""
    if reference is None or not reference.startswith("file:"):
        return reference
    return f"file:{Path(base, reference[5:]).resolve()}"


def resolve(ref: str, base: str, env: Mapping[str, str]) -> Secret:
    """The secret behind ``env:NAME`` or ``file:PATH`` (relative to the folder ``base``).

    A file that others may read is refused: a key that anyone on the machine can copy is no key. Raises ConfigError
    without ever showing the value.
    """
    kind, _, name = ref.partition(":")
    if kind == "env":
        value = env.get(name, "")
        if not value:
            raise ConfigError(at=f"key {ref}", got="nothing", want=f"the environment variable {name} to be set")
        return Secret(value)
    if kind != "file":
        raise ConfigError(at="key", got="something else", want="env:NAME or file:PATH, never the key itself")
    path = Path(base, name)
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        # No cause: it holds the file's bytes.
        raise ConfigError(at=f"key {ref}", got="bytes that are no text", want="the key on its first line") from None
    except OSError as cause:
        raise ConfigError(at=f"key {ref}", got=os.strerror(cause.errno or 0), want="a readable file") from cause
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigError(at=f"key {ref}", got="a file that others may read", want=f"chmod 600 {name}")
    if not text:
        raise ConfigError(at=f"key {ref}", got="an empty file", want="the key on its first line")
    return Secret(text)
