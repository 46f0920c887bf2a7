"""A disk that forgets whatever was not synced, cut off at every sync in turn: nothing acknowledged is lost."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from switchover.errors import StoreUnavailable
from switchover.evidence import EvidenceLog
from switchover.evidence.verify import Check, Key
from switchover.testing.clock import ManualClock


class PowerLoss(BaseException):
    """The machine is off."""


class ForgetfulDisk:
    """Remembers a file's bytes and a folder's names as they were at their last sync; ``left`` syncs until it is off."""

    def __init__(self, root: Path, left: int, *, ignores: str = "") -> None:
        self.root, self.left, self.ignores = root, left, ignores
        self.bytes: dict[int, bytes] = {}
        self.names: dict[int, dict[str, tuple[int, bool]]] = {}
        # Held open: the number of a file that is gone would be given to another one.
        self.held: dict[int, int] = {}

    def fsync(self, handle: int) -> None:
        if self.left == 0:
            raise PowerLoss
        self.left -= 1
        found = os.fstat(handle)
        if found.st_ino not in self.held:
            self.held[found.st_ino] = os.dup(handle)
        path = os.readlink(f"/proc/self/fd/{handle}")
        if self.ignores and self.ignores in path:
            return
        if stat.S_ISDIR(found.st_mode):
            rows = [(name, os.lstat(os.path.join(path, name))) for name in os.listdir(path)]
            self.names[found.st_ino] = {name: (row.st_ino, stat.S_ISDIR(row.st_mode)) for name, row in rows}
        else:
            self.bytes[found.st_ino] = Path(path).read_bytes()

    def survives(self, to: Path) -> None:
        """Writes what is left after the power came back."""
        to.mkdir()
        self._folder(os.stat(self.root).st_ino, to)
        for handle in self.held.values():
            os.close(handle)

    def _folder(self, inode: int, to: Path) -> None:
        for name, (below, is_folder) in self.names.get(inode, {}).items():
            if is_folder:
                (to / name).mkdir()
                self._folder(below, to / name)
            else:
                (to / name).write_bytes(self.bytes.get(below, b""))
                os.chmod(to / name, 0o600)


def work(log: EvidenceLog, done: list[tuple[str, int]]) -> None:
    """Appends and signs across the end of a bundle; ``done`` is what was acknowledged."""

    def append(count: int) -> None:
        done.append(("append", log.append(*[{"event": "x", "id": str(n)} for n in range(count)])))

    append(2)
    done.append(("sign", log.sign().size))
    append(1)
    append(253)
    append(3)
    done.append(("sign", log.sign().size))
    append(300)
    done.append(("sign", log.sign().size))


def lost(
    folder: Path, seen: Path, *, left: int, monkeypatch: pytest.MonkeyPatch, ignores: str = ""
) -> list[str] | None:
    """What is wrong after a power loss at that sync; None once there is none any more."""
    folder.mkdir()
    disk = ForgetfulDisk(folder, left, ignores=ignores)
    done: list[tuple[str, int]] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", disk.fsync)
        try:
            work(EvidenceLog(folder, ManualClock()), done)
        except PowerLoss:
            finished = False
        else:
            finished = True
    disk.survives(seen)
    log = EvidenceLog(seen, ManualClock())
    wrong = []
    try:
        there = len(log.entries())
        wrong += [f"{what} {number} is gone" for what, number in done if number > there - (what == "append")]
        if (seen / "evidence/checkpoint").exists():
            wrong += Check(log.folder, Key(str(log.public_key()))).wrong
        elif any(what == "sign" for what, _ in done):
            wrong.append("the checkpoint is gone")
        log.append({"event": "after"})
        log.sign()
        wrong += Check(log.folder, Key(str(log.public_key()))).wrong
    except StoreUnavailable as error:
        wrong.append(str(error))
    return None if finished and not wrong else wrong


def turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ignores: str = "") -> list[tuple[int, list[str]]]:
    found = []
    for left in range(1_000):
        folder, seen = tmp_path / "disk", tmp_path / "after"
        wrong = lost(folder, seen, left=left, monkeypatch=monkeypatch, ignores=ignores)
        shutil.rmtree(folder)
        shutil.rmtree(seen)
        if wrong is None:
            assert left > 40
            break
        if wrong:
            found.append((left, wrong))
            if ignores:
                break
    return found


def test_whenever_the_power_goes_what_was_acknowledged_is_there_and_all_of_it_verifies(tmp_path, monkeypatch):
    assert turns(tmp_path, monkeypatch) == []


@pytest.mark.parametrize("ignores", ["/tail/", "/tile/entries", "/evidence/.checkpoint"])
def test_a_writer_that_left_out_a_sync_would_be_found_out(tmp_path, monkeypatch, ignores):
    assert turns(tmp_path, monkeypatch, ignores) != []
