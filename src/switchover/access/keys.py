"""Keys ``sw_<id>_<256 bit>`` of callers and ``swo_…`` of people: shown once, kept as an HMAC under a pepper."""

from __future__ import annotations

import contextlib
import hmac
import os
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from switchover.domain.people import PersonKey
from switchover.domain.register import CallerKey
from switchover.domain.secret import Secret
from switchover.errors import StoreUnavailable

CALLER, PERSON = "sw", "swo"
TOKEN = re.compile(r"(swo?)_([a-z0-9]{8})_[A-Za-z0-9_-]{43}")
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"

# Compared with when the id is unknown, so that knowing an id can't be told by the time a refusal takes.
NOBODY = "0" * 64


def make_key(
    process: str,
    pepper: bytes,
    now: float,
    *,
    name: str | None = None,
    expires_at: float | None = None,
    made_by: str | None = None,
) -> tuple[CallerKey, Secret]:
    """A new key for a process: the row to keep, and the token to hand over once."""
    id_, kept, token = _new(CALLER, pepper)
    key = CallerKey(id=id_, process=process, mac=kept, made_at=now, name=name, expires_at=expires_at, made_by=made_by)
    return key, token


def make_person_key(
    person: str, pepper: bytes, now: float, *, expires_at: float | None, made_by: str
) -> tuple[PersonKey, Secret]:
    """A new key for a person: the row to keep, and the token to hand over once."""
    id_, kept, token = _new(PERSON, pepper)
    return PersonKey(id=id_, person=person, mac=kept, made_at=now, made_by=made_by, expires_at=expires_at), token


def _new(kind: str, pepper: bytes) -> tuple[str, str, Secret]:
    name = new_id()
    token = f"{kind}_{name}_{secrets.token_urlsafe(32)}"
    return name, mac(token, pepper), Secret(token)


def new_id(length: int = 8) -> str:
    """A random name of letters and digits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def mac(token: str, pepper: bytes) -> str:
    """HMAC-SHA256 of the whole token under the pepper, hex."""
    return hmac.digest(pepper, token.encode(), "sha256").hex()


def check_key(token: str, keys: Mapping[str, CallerKey], pepper: bytes, now: float) -> CallerKey | None:
    """The caller's key that a token is, unless it has ended by ``now``; its own ``ends_at`` says how long it counts.

    The same work is done whether its id is known or not.
    """
    name = _id(CALLER, token)
    key = keys.get(name) if name else None
    return key if _same(token, key.mac if key else None, pepper) and key is not None and now < key.ends_at else None


def check_person_key(token: str, find: Callable[[str], PersonKey | None], pepper: bytes) -> PersonKey | None:
    """The person's key that a token is; ``find`` looks one up by id. Whether it still counts is the caller's to see."""
    name = _id(PERSON, token)
    key = find(name) if name else None
    return key if _same(token, key.mac if key else None, pepper) else None


def _id(kind: str, token: str) -> str | None:
    match = TOKEN.fullmatch(token)
    return match[2] if match and match[1] == kind else None


def _same(token: str, kept: str | None, pepper: bytes) -> bool:
    return hmac.compare_digest(mac(token[:128], pepper), kept or NOBODY)


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
