"""RFC 6962, section 2.1: hashes, roots and proofs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

EMPTY = sha256().digest()
# Hashes in a whole tile (C2SP tlog-tiles).
TILE = 256


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\1" + left + right).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """MTH: the root over leaf hashes, or over roots of whole subtrees of one height."""
    return join(peaks(hashes))


def peaks(hashes: Sequence[bytes]) -> list[bytes]:
    """The roots of the whole subtrees that the sequence falls into, the largest first."""
    found: list[bytes] = []
    begin = 0
    for bit in range(len(hashes).bit_length() - 1, -1, -1):
        if len(hashes) >> bit & 1:
            found.append(_whole(hashes[begin : begin + (1 << bit)]))
            begin += 1 << bit
    return found


def join(found: Sequence[bytes]) -> bytes:
    """The root over subtrees, the largest first."""
    if not found:
        return EMPTY
    right = found[-1]
    for left in reversed(found[:-1]):
        right = node_hash(left, right)
    return right


def _whole(hashes: Sequence[bytes]) -> bytes:
    level = list(hashes)
    while len(level) > 1:
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]


def _split(size: int) -> int:
    """The largest power of two below ``size`` (≥ 2)."""
    return 1 << (size - 1).bit_length() - 1


def inclusion(index: int, hashes: Sequence[bytes]) -> list[bytes]:
    """PATH(index, hashes): the audit path of a leaf, from the leaf up. Raises IndexError."""
    if not 0 <= index < len(hashes):
        raise IndexError(f"there is no leaf {index} among {len(hashes)}")
    if len(hashes) == 1:
        return []
    middle = _split(len(hashes))
    if index < middle:
        return [*inclusion(index, hashes[:middle]), root(hashes[middle:])]
    return [*inclusion(index - middle, hashes[middle:]), root(hashes[:middle])]


def consistency(size: int, hashes: Sequence[bytes]) -> list[bytes]:
    """PROOF(size, hashes): that the first ``size`` leaves are the tree there was. Raises IndexError."""
    if not 0 < size <= len(hashes):
        raise IndexError(f"there is no tree of {size} in one of {len(hashes)}")
    return _subproof(size, hashes, True)


def _subproof(size: int, hashes: Sequence[bytes], known: bool) -> list[bytes]:
    if size == len(hashes):
        return [] if known else [root(hashes)]
    middle = _split(len(hashes))
    if size <= middle:
        return [*_subproof(size, hashes[:middle], known), root(hashes[middle:])]
    return [*_subproof(size - middle, hashes[middle:], False), root(hashes[:middle])]


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> bool:
    """Whether the proof leads from a leaf's hash to the root of a tree of ``size`` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(step, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, step)
        at, last = at >> 1, last >> 1
    return last == 0 and found == expected


def consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof leads from the root of the first ``old`` leaves to that of ``new`` (RFC 9162, 2.1.4.2)."""
    if old == new:
        return not proof and old_root == new_root
    if not 0 < old < new:
        return False
    steps = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not steps:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            before, after = node_hash(step, before), node_hash(step, after)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            after = node_hash(after, step)
        at, last = at >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root
