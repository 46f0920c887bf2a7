"""Checkpoints: C2SP tlog-checkpoint, a signed note over the log's size and root; and the key that signs them."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import re
import stat
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from switchover.errors import StoreUnavailable
from switchover.store.files import sync_folder, unavailable

ED25519 = b"\x01"
NOTE = re.compile(r"([^\n]+)\n(0|[1-9]\d*)\n([A-Za-z0-9+/]{43}=)\n\n((?:— [^ \n]+ [A-Za-z0-9+/=]+\n)+)")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log's size and root (32 bytes) as signed; ``note`` is the whole text."""

    origin: str
    size: int
    root: bytes
    note: str


class PublicKey:
    """An Ed25519 key under a name. ``str()`` is its text: ``name+ID+base64``, as Go's ``sumdb/note`` writes it."""

    def __init__(self, name: str, raw: bytes) -> None:
        self.name, self.raw = name, raw
        self.id = sha256(name.encode() + b"\n" + ED25519 + raw).digest()[:4]
        self._key = Ed25519PublicKey.from_public_bytes(raw)

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """Reads the text. Raises ValueError."""
        name, _, rest = text.strip().partition("+")
        id_, _, encoded = rest.partition("+")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except binascii.Error as cause:
            raise ValueError("a public key is NAME+ID+BASE64") from cause
        if not name or len(raw) != 33 or raw[:1] != ED25519 or (key := cls(name, raw[1:])).id.hex() != id_:
            raise ValueError("a public key is NAME+ID+BASE64 of an Ed25519 key")
        return key

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.raw).decode()}"

    def read(self, note: str) -> Checkpoint:
        """A checkpoint, its signature checked. Raises ValueError that says what is wrong."""
        match = NOTE.fullmatch(note)
        if match is None:
            raise ValueError("it is no checkpoint")
        origin, size, root, signatures = match.groups()
        if origin != self.name:
            raise ValueError(f"it is of another log: {origin}, not {self.name}")
        signed = note[: match.start(4) - 1].encode()
        for line in signatures.splitlines():
            _, name, encoded = line.split(" ")
            with contextlib.suppress(binascii.Error):
                found = base64.b64decode(encoded, validate=True)
                if name == self.name and found[:4] == self.id:
                    try:
                        self._key.verify(found[4:], signed)
                    except InvalidSignature:
                        raise ValueError("its signature is not that of the log's key") from None
                    return Checkpoint(origin, int(size), base64.b64decode(root), note)
        raise ValueError("it is not signed by the log's key")


class SigningKey:
    """The log's private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public = PublicKey(f"switchover/{sha256(raw).hexdigest()[:16]}", raw)

    def sign(self, size: int, root: bytes) -> Checkpoint:
        """A checkpoint of the tree with this size and root."""
        name = self.public.name
        text = f"{name}\n{size}\n{base64.b64encode(root).decode()}\n"
        signature = base64.b64encode(self.public.id + self._key.sign(text.encode())).decode()
        return Checkpoint(name, size, root, f"{text}\n— {name} {signature}\n")


def load_key(path: Path) -> SigningKey:
    """The private key in ``path`` (PKCS #8 in PEM, 0600), made when there is none.

    A symbolic link is followed, so that the key may lie elsewhere. Raises StoreUnavailable for a key that others may
    read, or that can't be read.
    """
    try:
        if not path.exists():
            _make(path)
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise StoreUnavailable(f"{path} may be read by others", mend=f"chmod 600 {path}")
            key = serialization.load_pem_private_key(file.read(), None)
    except OSError as cause:
        raise unavailable(path, cause) from cause
    except (ValueError, TypeError) as cause:
        raise _unfit(path) from cause
    if not isinstance(key, Ed25519PrivateKey):
        raise _unfit(path)
    return SigningKey(key)


def _unfit(path: Path) -> StoreUnavailable:
    return StoreUnavailable(
        f"{path} holds no Ed25519 key that we can read",
        mend="restore it from a backup; or move it and the folder evidence/ away: a new log begins with a new key",
    )


def _make(path: Path) -> None:
    """Two that start at once agree: the file appears whole, and the loser reads the winner's."""
    if path.is_symlink():
        raise StoreUnavailable(
            f"{path} leads to a file that is not there", mend="bring the key back to where the link leads"
        )
    made = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(made)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)
