"""The lossy disk itself: it keeps what was synced, and nothing that was not can be relied on."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SEEDS = range(40)
SYNCED, UNSYNCED = b"s" * 1500, b"u" * 1500


@pytest.fixture(scope="module")
def model():
    spec = importlib.util.spec_from_file_location("lossy_disk", Path(__file__).parents[1] / "crash" / "disk.py")
    module = sys.modules["lossy_disk"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def after(model, story):
    """What each seed's disk has after the story and a loss of power: names and bytes."""
    found = []
    for seed in SEEDS:
        disk = model.Disk(seed)
        story(disk)
        disk.lose_power()
        found.append({name: bytes(node.durable) for name, node in disk.root.names.items()})
    return found


def written(disk):
    file = disk.create("/a")
    disk.write(file, SYNCED, 0)
    disk.sync(file)
    disk.sync(disk.root)
    return file


def test_what_was_synced_is_there_with_every_seed(model):
    assert all(found == {"a": SYNCED} for found in after(model, written))


def test_what_was_not_synced_may_be_gone_whole_or_torn(model):
    def story(disk):
        disk.write(written(disk), UNSYNCED, len(SYNCED))

    kept = {found["a"] for found in after(model, story)}
    assert all(one.startswith(SYNCED) for one in kept)
    assert {SYNCED, SYNCED + UNSYNCED} < kept
    assert any(one > SYNCED and len(one) % 512 for one in kept - {SYNCED + UNSYNCED}), "a sector is torn"


def test_a_name_needs_a_sync_of_its_folder(model):
    def story(disk):
        file = disk.create("/a")
        disk.write(file, SYNCED, 0)
        disk.sync(file)

    assert {tuple(found) for found in after(model, story)} == {(), ("a",)}


def test_a_renaming_that_was_not_synced_leaves_either_name_and_never_both(model):
    def story(disk):
        written(disk)
        disk.rename("/a", "/b")

    assert {tuple(found) for found in after(model, story)} == {("a",), ("b",)}


def test_what_a_failed_sync_left_behind_no_later_sync_brings_to_the_disk(model):
    def story(disk):
        file = written(disk)
        disk.begin(model.Trouble(failing_syncs=frozenset([1])))
        disk.write(file, UNSYNCED, len(SYNCED))
        with pytest.raises(OSError, match="Input/output"):
            disk.sync(file)
        assert bytes(file.cache) == SYNCED + UNSYNCED
        disk.sync(file)

    kept = {found["a"] for found in after(model, story)}
    assert any(one != SYNCED + UNSYNCED for one in kept)
    assert all(one.startswith(SYNCED) for one in kept)


def test_a_disk_that_is_off_does_nothing_and_tells_nobody_that_it_did(model):
    went = []
    disk = model.Disk(1, lambda: went.append(1))
    file = written(disk)
    disk.begin(model.Trouble(off=1))
    for _ in range(2):
        with pytest.raises(OSError, match="Input/output"):
            disk.sync(file)
    assert went == [1]
