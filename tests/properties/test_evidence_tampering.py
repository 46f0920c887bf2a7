"""Random logs, random tampering: once a checkpoint held elsewhere covers it, nothing goes unnoticed."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchover.evidence import EvidenceLog, canonical, merkle
from switchover.evidence.tiles import framed, place
from switchover.evidence.verify import Check, Key
from switchover.testing.clock import ManualClock

sizes = st.integers(3, 40) | st.sampled_from([254, 255, 256, 257, 300, 513])


@contextmanager
def logs(size: int) -> Iterator[tuple[EvidenceLog, Path]]:
    """A log of ``size`` entries that are under checkpoints, and one of those held elsewhere."""
    real, os.fsync = os.fsync, lambda handle: None
    try:
        with tempfile.TemporaryDirectory() as folder:
            log = EvidenceLog(Path(folder, "data"), ManualClock())
            log.append({"event": "x", "id": "first", "sha256": "0" * 64})
            log.sign()
            log.append(*[{"event": "x", "id": str(n), "sha256": f"{n:064x}"} for n in range(2, size)])
            held = Path(folder, "held")
            held.write_text(log.sign().note, encoding="utf-8")
            yield log, held
    finally:
        os.fsync = real


def wrong(log: EvidenceLog, *held: Path) -> list[str]:
    return Check(log.folder, Key((log.folder / "key.pub").read_text()), held).wrong


def rewrite(log: EvidenceLog, entries: list[bytes], *, tiles: bool) -> None:
    """What whoever may write the files can do: other entries, and the tiles with their hashes, too."""
    size = len(log.entries())
    for begin in range(0, size, 256):
        width = min(256, size - begin)
        part = entries[begin : begin + width]
        (log.folder / place("entries", begin // 256, width)).write_bytes(framed(part))
        if tiles:
            leaves = b"".join(map(merkle.leaf_hash, part))
            (log.folder / place(0, begin // 256, width)).write_bytes(leaves)


def write_anew(log: EvidenceLog, entries: list[bytes]) -> None:
    """What whoever has the key, too, can do: a whole other history, signed."""
    for name in ("tail", "checkpoints", "tile"):
        shutil.rmtree(log.folder / name)
    size, begin = len(entries), len(entries) // 256 * 256
    for index in range(begin // 256):
        log.tiles.write("entries", index, 256, framed(entries[index * 256 : index * 256 + 256]))
    log.tiles.publish(size, entries[begin:])
    note = log.key().sign(size, merkle.root([merkle.leaf_hash(entry) for entry in entries])).note
    (log.folder / "checkpoints").mkdir()
    for path in (log.folder / "checkpoint", log.folder / f"checkpoints/{size}"):
        path.write_text(note, encoding="utf-8")


def renumbered(entries: list[bytes]) -> list[bytes]:
    return [canonical.encode(json.loads(entry) | {"n": n}) for n, entry in enumerate(entries)]


def edited(entries: list[bytes], at: int) -> list[bytes]:
    return [*entries[:at], canonical.encode(json.loads(entries[at]) | {"id": "other"}), *entries[at + 1 :]]


def swapped_hash(entries: list[bytes], at: int) -> list[bytes]:
    return [*entries[:at], canonical.encode(json.loads(entries[at]) | {"sha256": "f" * 64}), *entries[at + 1 :]]


def dropped(entries: list[bytes], at: int) -> list[bytes]:
    return [*entries[:at], *entries[at + 1 :]]


def reordered(entries: list[bytes], at: int) -> list[bytes]:
    other = (at + 1) % len(entries)
    found = list(entries)
    found[at], found[other] = found[other], found[at]
    return found


def added(entries: list[bytes], at: int) -> list[bytes]:
    return [*entries[:at], canonical.encode(json.loads(entries[at]) | {"id": "added"}), *entries[at:]]


WAYS = [edited, swapped_hash, dropped, reordered, added]


@given(sizes, st.sampled_from(WAYS), st.booleans(), st.data())
@settings(max_examples=60, deadline=None)
def test_tampering_by_whoever_lacks_the_key_is_found_without_help_and_the_place_named(
    size: int, way: Callable[[list[bytes], int], list[bytes]], tiles: bool, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, size - 1))
    with logs(size) as (log, _):
        assert wrong(log) == []
        before = log.entries()
        after = way(before, at)
        rewrite(log, after, tiles=tiles)
        found = wrong(log)
        first = next(n for n, (a, b) in enumerate(zip([*before, b""], [*after, b"", b""], strict=False)) if a != b)
        assert found
        named = re.search(r"entry (\d+)|one of (\d+) to (\d+)|entries (\d+) to (\d+)", found[0])
        assert named, found
        exact, low, high, begin, end = (int(n) if n else None for n in named.groups())
        near = (exact - 1, exact) if exact is not None and "says that it is" in found[0] else (exact,)
        assert first in near or (low is not None and low <= first <= high) or (
            begin is not None and begin <= size - 1 <= end
        ), (first, found)  # fmt: skip


@given(sizes, st.sampled_from(WAYS), st.data())
@settings(max_examples=60, deadline=None)
def test_a_history_written_anew_with_the_key_is_found_by_the_checkpoint_held_elsewhere(
    size: int, way: Callable[[list[bytes], int], list[bytes]], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, size - 1))
    with logs(size) as (log, held):
        after = renumbered(way(log.entries(), at))
        # A shorter history is continued, so that its length gives nothing away.
        while len(after) <= size:
            after.append(canonical.encode(json.loads(after[-1]) | {"n": len(after)}))
        if after[:size] == log.entries():
            return
        write_anew(log, after)
        assert wrong(log) == []
        (said,) = wrong(log, held)
        assert f"the first {size} entries are not those that this checkpoint kept elsewhere was signed over" in said


@given(sizes, st.data())
@settings(max_examples=30, deadline=None)
def test_going_back_is_found_and_going_on_is_not_taken_for_it(size: int, data: st.DataObject) -> None:
    less = data.draw(st.integers(1, size - 1))
    with logs(size) as (log, held):
        log.append({"event": "later"})
        log.sign()
        assert wrong(log, held) == []
        write_anew(log, log.entries()[: size - less])
        assert wrong(log) == []
        assert wrong(log, held) == [
            f"{held} covers {size} entries, the log has {size - less}: it was rolled back, or entries removed"
        ]


@given(sizes, st.data())
@settings(max_examples=40, deadline=None)
def test_a_byte_changed_anywhere_in_the_log_is_found(size: int, data: st.DataObject) -> None:
    with logs(size) as (log, held):
        paths = [p for p in sorted(log.folder.rglob("*")) if p.is_file() and p.relative_to(log.folder).parts[0]
                 in ("checkpoint", "checkpoints", "tile")]  # fmt: skip
        # Partial tiles of earlier sizes are copies that nothing rests on once there are later ones.
        path = data.draw(st.sampled_from([p for p in paths if ".p" not in str(p) or p == max(
            p.parent.iterdir(), key=lambda one: int(one.name))]))  # fmt: skip
        content = bytearray(path.read_bytes())
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
        assert wrong(log, held), (path, at)


def test_a_fork_is_found_by_whoever_holds_a_checkpoint_of_the_other_history(tmp_path: Path) -> None:
    log = EvidenceLog(tmp_path / "data", ManualClock())
    log.append({"event": "x", "id": "shared"})
    log.sign()
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    fork = EvidenceLog(tmp_path / "copy", ManualClock())
    held = tmp_path / "held"
    for which, name in ((log, "one"), (fork, "other")):
        which.append({"event": "x", "id": name})
        held.write_text(which.sign().note, encoding="utf-8")
    assert wrong(fork, held) == []
    (said,) = wrong(log, held)
    assert "the first 3 entries are not those that this checkpoint kept elsewhere was signed over" in said
    assert said.endswith("the first bad entry is one of 2 to 2")


@pytest.mark.parametrize("part", ["tile/0", "tile/entries", "checkpoints", "checkpoint"])
def test_a_part_that_is_gone_is_named(tmp_path: Path, part: str) -> None:
    log = EvidenceLog(tmp_path, ManualClock())
    log.append({"event": "x"})
    log.sign()
    path = log.folder / part
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    found = wrong(log)
    if part == "checkpoints":
        assert found == []
    else:
        assert any(word in found[0] for word in (part, "bundle is missing"))
