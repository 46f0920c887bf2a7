"""Checks an evidence log of Switchover, without Switchover: python verify.py FOLDER [--checkpoint FILE] [--key TEXT]

This file needs Python 3.11 and the package `cryptography`, and is all that has to be read to know what is checked:

1. Each entry is one JSON object in canonical form (RFC 8785), and says the number of its own place: 0, 1, 2, …
2. Its hash is the one in the tiles (C2SP tlog-tiles), and each hash of a higher tile that of the tile below it.
3. Each checkpoint (C2SP tlog-checkpoint) is signed (Ed25519) by the log's key, and its root is the Merkle tree's
   (RFC 6962, section 2.1) over the entries before it.
4. The same for each checkpoint that you kept elsewhere (--checkpoint): with all entries at hand, working out the root
   at its size is the whole proof that the log since then was only added to.
5. With --file, that an entry names the SHA-256 of a file you were given, such as a drill's report.
6. Where there are time-stamps (RFC 3161), that each is of its checkpoint. Not whose signature they bear: see README.md.

What it can't tell: whether an event was never noted, and anything about a log of which you hold no checkpoint and no
key from elsewhere. Whoever has the private key can write a whole new history; a checkpoint held elsewhere shows it.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import re
import sys
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TILE, HASH, ED25519 = 256, 32, b"\x01"
TIME_STAMP, SHA256 = bytes.fromhex("2a864886f70d0109100104"), bytes.fromhex("608648016503040201")
MOMENT = re.compile(r"\d{14}(\.\d+)?Z")
NOTE = re.compile(r"([^\n]+)\n(0|[1-9]\d*)\n([A-Za-z0-9+/]{43}=)\n\n((?:— [^ \n]+ [A-Za-z0-9+/=]+\n)+)")


class Key:
    """A public key: NAME+ID+BASE64, where ID are the first 4 bytes of SHA-256(NAME, newline, 1, key)."""

    def __init__(self, text: str) -> None:
        self.name, id_, encoded = text.strip().split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
        self.id = sha256(self.name.encode() + b"\n" + raw).digest()[:4]
        if raw[:1] != ED25519 or self.id.hex() != id_:
            raise ValueError("no Ed25519 key under its ID")
        self.key = Ed25519PublicKey.from_public_bytes(raw[1:])

    def read(self, note: str) -> tuple[int, bytes]:
        """Size and root of a checkpoint. Raises ValueError unless it is of this log and signed by this key."""
        match = NOTE.fullmatch(note)
        if match is None:
            raise ValueError("it is no checkpoint")
        name, size, root, signatures = match.groups()
        if name != self.name:
            raise ValueError(f"it is of another log, {name}")
        for line in signatures.splitlines():
            _, signer, encoded = line.split(" ")
            found = base64.b64decode(encoded)
            if signer == self.name and found[:4] == self.id:
                # Signed is the text up to the empty line.
                self.key.verify(found[4:], note[: match.start(4) - 1].encode())
                return int(size), base64.b64decode(root)
        raise ValueError("it is not signed by the log's key")


class Tree:
    """The Merkle tree of RFC 6962 as leaves are added: the roots of its whole subtrees, the largest first."""

    def __init__(self) -> None:
        self.size = 0
        self.peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Adds a leaf's hash: two subtrees of one height become one, as in adding 1 to a binary number."""
        self.peaks.append(leaf)
        self.size += 1
        size = self.size
        while size % 2 == 0:
            right, left = self.peaks.pop(), self.peaks.pop()
            self.peaks.append(sha256(b"\1" + left + right).digest())
            size //= 2

    def root(self) -> bytes:
        """The tree's root: what is left is joined from the right."""
        if not self.peaks:
            return sha256().digest()
        found = self.peaks[-1]
        for left in reversed(self.peaks[:-1]):
            found = sha256(b"\1" + left + found).digest()
        return found


def tile(kind: object, index: int, width: int) -> str:
    """Where a tile lies: 1234067 is x001/x234/067; a partial one is in a folder of its own."""
    parts = [f"{index % 1000:03d}"]
    while index := index // 1000:
        parts.insert(0, f"x{index % 1000:03d}")
    return f"tile/{kind}/{'/'.join(parts)}" + ("" if width == TILE else f".p/{width}")


def der(data: bytes) -> list[tuple[int, bytes, bytes]]:
    """Values in DER (X.690), one after the other: of each its tag, its content, all its bytes. Raises ValueError."""
    found, at = [], 0
    while at < len(data):
        begin = at + 2
        length = data[at + 1] if begin <= len(data) else len(data)
        if length & 0x80:
            begin, width = begin + (length & 0x7F), length & 0x7F
            length = int.from_bytes(data[at + 2 : begin], "big") if 0 < width <= 4 else len(data)
        end = begin + length
        if end > len(data) or data[at] & 0x1F == 0x1F:
            raise ValueError("it is no DER")
        found.append((data[at], data[begin:end], data[at:end]))
        at = end
    return found


def inside(data: bytes, *path: int) -> bytes:
    """The content of a value within values in DER, by its place at each level. Raises ValueError, IndexError."""
    for place in path:
        data = der(data)[place][1]
    return data


def stamp(answer: bytes) -> tuple[bytes, str]:
    """What a time-stamp authority's answer vouches for: a SHA-256, and the moment as it says it. Raises ValueError."""
    try:
        content = inside(answer, 0, 1, 1, 0, 2)
        info = inside(content, 1, 0, 0)
        told = inside(info, 4).decode("ascii")
        if inside(content, 0) != TIME_STAMP or inside(info, 2, 0, 0) != SHA256 or not MOMENT.fullmatch(told):
            raise ValueError("it is no time-stamp of a SHA-256")
        return inside(info, 2, 1), told
    except (IndexError, UnicodeDecodeError):
        raise ValueError("it is no time-stamp") from None


class Check:
    """One log, and what is wrong with it: ``wrong`` says it in words, the first bad place first."""

    def __init__(self, folder: Path, key: Key, held: Iterable[Path] = ()) -> None:
        self.folder, self.key = folder, key
        self.wrong: list[str] = []
        # What can be said of one entry, by its number.
        self.places: list[tuple[int, str]] = []
        self.remarks: list[str] = []
        self.entries: list[bytes] = []
        own = sorted((p for p in folder.glob("checkpoints/*") if p.name.isdigit()), key=lambda path: int(path.name))
        # By size: where each checkpoint comes from, whether from elsewhere, and its root.
        self.checkpoints: dict[int, list[tuple[str, bool, bytes]]] = {}
        unread = [said for path in own for said in self._note(path, elsewhere=False)]
        unread += self._note(folder / "checkpoint", elsewhere=False)
        self.size = max(self.checkpoints, default=0)
        unread += [said for path in held for said in self._note(path, elsewhere=True)]
        self._entries()
        self._order()
        hashes = [sha256(b"\0" + entry).digest() for entry in self.entries]
        self._tiles(hashes)
        self._roots(hashes)
        # The time-stamps that are of their checkpoints: file and moment.
        self.stamps: list[tuple[Path, str]] = []
        self._stamps()
        self.wrong = [said for _, said in sorted(self.places)] + self.wrong + unread

    def _note(self, path: Path, *, elsewhere: bool) -> list[str]:
        """Reads a checkpoint; says what is wrong with it."""
        name = str(path) if elsewhere else str(path.relative_to(self.folder))
        try:
            size, root = self.key.read(path.read_text(encoding="utf-8"))
        except InvalidSignature:
            return [f"{name}: the signature is not that of the log's key: it was changed, or signed with another key"]
        except (OSError, ValueError, binascii.Error) as error:
            return [f"{name}: {error}"]
        if path.parent.name == "checkpoints" and not elsewhere and path.name != str(size):
            return [f"{name}: it is a checkpoint of {size} entries under another name"]
        self.checkpoints.setdefault(size, []).append((name, elsewhere, root))
        return []

    def _entries(self) -> None:
        """Reads as many entries as the newest checkpoint covers, from bundles of 256."""
        for begin in range(0, self.size, TILE):
            width = min(TILE, self.size - begin)
            name = self._there("entries", begin // TILE, width)
            data = (self.folder / name).read_bytes() if name else b""
            found: list[bytes] = []
            at = 0
            while len(found) < width and at + 2 <= len(data):
                end = at + 2 + int.from_bytes(data[at : at + 2], "big")
                if end > len(data):
                    break
                found.append(data[at + 2 : end])
                at = end
            self.entries += found
            if len(found) < width:
                what = f"{name} has {len(found)} whole entries" if name else "their bundle is missing"
                self.wrong.append(f"entries {begin} to {begin + width - 1}: {what}; there should be {width}")
                return

    def _there(self, kind: object, index: int, width: int) -> str:
        """A partial tile may be gone once there is the whole one."""
        names = [name for name in (tile(kind, index, width), tile(kind, index, TILE)) if (self.folder / name).exists()]
        return names[0] if names else ""

    def _order(self) -> None:
        """Each entry parses and says its own place; that time went back is a remark: clocks are set."""
        before = ""
        for place, entry in enumerate(self.entries):
            try:
                found = json.loads(entry, parse_float=_no_float, parse_constant=_no_float)
                same = json.dumps(found, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() == entry
                number, at = found["n"], str(found["at"])
            except (ValueError, KeyError, TypeError):
                same, number, at = False, place, before
            if not same:
                self.places.append(
                    (place, f"entry {place} does not parse: it is not the canonical JSON that was appended")
                )
            if number != place:
                said = f"entry {place} says that it is number {number}: one was dropped, added or moved here"
                self.places.append((place, said))
                return
            if at < before:
                self.remarks.append(f"entry {place} is dated {at}, before the one ahead of it: the clock was set back")
            before = at

    def _tiles(self, hashes: list[bytes]) -> None:
        """The hashes in the tiles are those of the entries: the first that differs is the first bad leaf."""
        level, below = 0, hashes
        while below:
            for begin in range(0, len(below), TILE):
                width = min(TILE, len(below) - begin)
                name = self._there(level, begin // TILE, width)
                data = (self.folder / name).read_bytes() if name else b""
                kept = [data[at : at + HASH] for at in range(0, HASH * width, HASH)]
                bad = next((i for i, (a, b) in enumerate(zip(kept, below[begin:], strict=False)) if a != b), None)
                if bad is not None:
                    self._unlike(level, begin + bad, name)
                    return
            level, below = level + 1, [
                _root(below[begin : begin + TILE]) for begin in range(0, len(below) // TILE * TILE, TILE)
            ]  # fmt: skip

    def _unlike(self, level: int, at: int, name: str) -> None:
        first, last = at * TILE**level, (at + 1) * TILE**level - 1
        if not name:
            self.wrong.append(f"tile/{level}: the tile with the hash of entries {first} to {last} is missing")
        elif level == 0:
            told = self.entries[at][:200].decode("utf-8", "replace")
            said = f"entry {at} is not the one whose hash is in {name}: one of the two was changed: {told}"
            self.places.append((at, said))
        else:
            self.wrong.append(
                f"{name} does not fit the tiles below it: the first bad entry is one of {first} to {last}"
            )

    def _roots(self, hashes: list[bytes]) -> None:
        """The tree's root at each size of which there is a checkpoint."""
        tree, fits = Tree(), 0
        for size in sorted(self.checkpoints):
            while tree.size < min(size, len(hashes)):
                tree.add(hashes[tree.size])
            for name, elsewhere, root in self.checkpoints[size]:
                if size > len(hashes):
                    there = f"the log has {len(hashes)}"
                    self.wrong.append(f"{name} covers {size} entries, {there}: it was rolled back, or entries removed")
                elif tree.root() != root:
                    kind = "kept elsewhere " if elsewhere else ""
                    self.wrong.append(
                        f"{name}: the first {size} entries are not those that this checkpoint {kind}was signed over: "
                        f"the first bad entry is one of {fits} to {size - 1}"
                    )
            if size <= len(hashes) and all(root == tree.root() for _, _, root in self.checkpoints[size]):
                fits = size

    def _stamps(self) -> None:
        """A time-stamp says that the checkpoint beside it, byte for byte, was there by some moment."""
        own = [path for path in self.folder.glob("stamps/*.tsr") if path.stem.isdigit()]
        for path in sorted(own, key=lambda one: int(one.stem)):
            name = path.relative_to(self.folder)
            try:
                digest, moment = stamp(path.read_bytes())
                there = sha256((self.folder / "checkpoints" / path.stem).read_bytes()).digest()
            except (OSError, ValueError) as error:
                self.wrong.append(f"{name}: {error}")
                continue
            if digest == there:
                self.stamps.append((path, moment))
            else:
                self.wrong.append(f"{name} is not of checkpoints/{path.stem} as it is: one of the two was changed")
        if self.stamps:
            first, last = self.stamps[0], self.stamps[-1]
            self.remarks.append(
                f"time-stamps that fit their checkpoints: {len(self.stamps)}; they say that {first[0].stem} entries "
                f"were there by {first[1]}, {last[0].stem} by {last[1]}; README.md says how to check whose they are"
            )

    def names(self, path: Path) -> int | None:
        """The number of the entry that names the SHA-256 of a file."""
        wanted = f'"{sha256(path.read_bytes()).hexdigest()}"'.encode()
        return next((place for place, entry in enumerate(self.entries) if wanted in entry), None)


def _root(leaves: list[bytes]) -> bytes:
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def _no_float(text: str) -> None:
    raise ValueError(f"{text} is no whole number")


def main() -> int:
    """Prints what was found; 0 when everything holds, 1 when something does not."""
    parser = argparse.ArgumentParser(description="Checks an evidence log of Switchover.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], help="one that you kept elsewhere")
    parser.add_argument("--key", help="the public key's text, as you had it from elsewhere")
    parser.add_argument("--file", type=Path, action="append", default=[], help="a file that an entry should name")
    given = parser.parse_args()
    try:
        key = Key(given.key or (given.folder / "key.pub").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"WRONG  the public key: {error}")
        return 1
    check = Check(given.folder, key, given.checkpoint)
    if not check.checkpoints:
        check.wrong.append("there is no checkpoint: nothing vouches for the entries")
    for path in given.file:
        place = check.names(path)
        if place is None:
            check.wrong.append(f"{path}: no entry names this file as it is")
        else:
            print(f"{path} is the file that entry {place} names")
    for line in check.remarks:
        print(f"note   {line}")
    for line in check.wrong:
        print(f"WRONG  {line}")
    if not check.wrong:
        print(f"{len(check.entries)} entries hold, under {len(check.checkpoints)} checkpoints of {key.name}")
        if not given.checkpoint:
            print("note   no checkpoint from elsewhere was given: a history written anew would look the same")
        if not given.key:
            print("note   the key is the one beside the log: compare it with one you have from elsewhere")
    return 1 if check.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
