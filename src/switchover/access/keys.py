"""Caller keys ``sw_<id>_<256 bit>``: shown once, kept as an HMAC under a pepper."""

from __future__ import annotations

import contextlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from switchover.domain.register import CallerKey
from switchover.domain.secret import Secret
from switchover.errors import StoreUnavailable

TOKEN = re.compile(r"sw_([a-z0-9]{8})_([A-Za-z0-9_-]{43})$")
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"

# Compared with when the id is unknown, so that knowing an id can't be told by the time a refusal takes.
NOBODY = "0" * 64


def make_key(process: str, pepper: bytes, now: float) -> tuple[CallerKey, Secret]:
    """A new key for a process: the row to keep, and the token to hand over once."""
    name = "".join(secrets.choice(ALPHABET) for _ in range(8))
    token = f"sw_{name}_{secrets.token_urlsafe(32)}"
    return CallerKey(id=name, process=process, mac=mac(token, pepper), made_at=now), Secret(token)


def mac(token: str, pepper: bytes) -> str:
    """HMAC-SHA256 of the whole token under the pepper, hex."""
    return hmac.digest(pepper, token.encode(), "sha256").hex()


def check_key(token: str, keys: Mapping[str, CallerKey], pepper: bytes) -> CallerKey | None:
    """The key a token belongs to, or None; the same work is done whether its id is known or not."""
    match = TOKEN.fullmatch(token)
    key = keys.get(match[1]) if match else None
    same = hmac.compare_digest(mac(token[:128], pepper), key.mac if key else NOBODY)
    return key if key is not None and same and key.revoked_at is None else None


def load_pepper(data_dir: str) -> bytes:
    """The pepper in ``data_dir/pepper`` (32 bytes, 0600), made when there is none.

    Two processes that start at once agree: the file is made exclusively, and the loser reads the winner's.
    """
    path = Path(data_dir, "pepper")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists():
            return _whole(path)
        draft = path.with_name(f"pepper.{os.getpid()}")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        return _whole(path)
    except OSError as cause:
        raise StoreUnavailable(
            f"{path}: {cause.strerror}", mend="make the data folder writable, or name another under data:"
        ) from cause


def _whole(path: Path) -> bytes:
    pepper = path.read_bytes()
    if len(pepper) != 32:
        raise StoreUnavailable(
            f"{path} is damaged: {len(pepper)} bytes instead of 32",
            mend="restore it from a backup; without it every caller key has to be made anew",
        )
    return pepper
