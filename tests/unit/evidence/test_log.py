"""The log on disk: its layout, what a crash or a full disk leaves of it, and who may append."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from switchover.clock import SystemClock
from switchover.errors import StoreUnavailable
from switchover.evidence import EvidenceLog, merkle
from switchover.evidence.checkpoint import PublicKey
from switchover.evidence.log import newest_checkpoint
from switchover.evidence.tiles import place, unframed
from switchover.evidence.verify import Check, Key
from switchover.testing.clock import ManualClock

# A key that the documentation of Go's sumdb/note shows.
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"


def fill(log: EvidenceLog, size: int) -> None:
    """Appends until the log has ``size`` entries."""
    there = len(log.entries())
    log.append(*[{"event": "x", "id": str(n)} for n in range(size - there - (not there))])


def told(log: EvidenceLog) -> list[dict[str, object]]:
    return [json.loads(entry) for entry in log.entries()]


def check(log: EvidenceLog, *held: Path) -> Check:
    return Check(log.folder, Key(str(log.public_key())), held)


def hashes(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return [data[at : at + 32] for at in range(0, len(data), 32)]


def test_an_entry_says_its_number_and_moment_and_the_first_one_names_the_key(log):
    log.append({"event": "x", "id": "1"})
    began, first = told(log)
    assert began == {"n": 0, "at": first["at"], "event": "log began", "format": 1, "key": str(log.public_key())}
    assert (first["n"], first["event"], first["id"]) == (1, "x", "1")
    assert first["at"].startswith("2026-05-28T")


def test_paths_are_those_of_tlog_tiles():
    assert place(0, 1234067) == "tile/0/x001/x234/067"
    assert place("entries", 5, 12) == "tile/entries/005.p/12"


def test_a_tree_of_70_000_has_the_tiles_that_tlog_tiles_counts(log, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    fill(log, 70_000)
    signed = log.sign()
    level = {n: sorted(p.name for p in (log.folder / f"tile/{n}").iterdir()) for n in (0, 1, 2)}
    assert len(level[0]) == 274
    assert len(list((log.folder / "tile/entries").iterdir())) == 274
    assert (level[1], level[2]) == (["000", "001.p"], ["000.p"])
    assert [p.name for p in (log.folder / "tile/0/273.p").iterdir()] == ["112"]
    assert [p.name for p in (log.folder / "tile/1/001.p").iterdir()] == ["17"]
    assert [p.name for p in (log.folder / "tile/2/000.p").iterdir()] == ["1"]
    leaves = [merkle.leaf_hash(entry) for entry in log.entries()]
    assert hashes(log.folder / "tile/1/000")[3] == merkle.root(leaves[768:1024])
    assert hashes(log.folder / "tile/2/000.p/1")[0] == merkle.root(leaves[:65_536])
    assert signed.root == merkle.root(leaves)
    assert check(log).wrong == []


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 513])
def test_a_checkpoint_is_a_signed_note_over_size_and_root_whatever_the_size(log, size):
    fill(log, size) if size > 1 else log.sign()
    signed = log.sign()
    key = Key(str(log.public_key()))
    assert key.read(signed.note) == (size, merkle.root([merkle.leaf_hash(entry) for entry in log.entries()]))
    origin, told_size, _, empty, signature, end = signed.note.split("\n")
    assert (origin, told_size, empty, end) == (log.public_key().name, str(size), "", "")
    assert signature.startswith(f"— {origin} ")
    assert (log.folder / "checkpoint").read_text() == (log.folder / f"checkpoints/{size}").read_text() == signed.note
    assert check(log).wrong == []


def test_old_checkpoints_are_kept_and_signing_the_same_again_makes_no_new_one(log):
    for size in (3, 200, 300, 301):
        fill(log, size)
        assert log.sign() == log.sign()
    assert sorted(int(p.name) for p in (log.folder / "checkpoints").iterdir()) == [3, 200, 300, 301]
    assert check(log).wrong == []


def test_public_keys_are_read_as_others_write_them():
    assert str(PublicKey.parse(NEUMANN)) == NEUMANN
    assert Key(NEUMANN).id.hex() == "c74f20a3"
    for wrong in ("", "a+b", NEUMANN.replace("c74f", "c74e"), NEUMANN[:-4], NEUMANN.replace("+AR", "+BR")):
        with pytest.raises(ValueError):  # noqa: PT011  # base64's and ours
            PublicKey.parse(wrong)


def test_a_note_with_other_signatures_beside_ours_is_read_and_a_broken_one_of_ours_is_not(log):
    signed = log.sign()
    head, line = signed.note.rsplit("— ", 1)
    cosigned = f"{head}— witness.example/w AAAAAAAA\n— {line}"
    assert log.public_key().read(cosigned).size == 1
    for wrong in (
        signed.note.replace("\n1\n", "\n2\n"),
        signed.note + "x",
        head,
        f"{head}— witness.example/w AAAAAAAA\n",
    ):
        with pytest.raises(ValueError, match=r"^it|^its"):
            log.public_key().read(wrong)


# -- the key


def test_the_private_key_is_ours_alone_and_lies_outside_the_logs_folder(log, tmp_path):
    log.sign()
    assert stat.S_IMODE(os.stat(tmp_path / "evidence.key").st_mode) == 0o600
    assert [p for p in log.folder.rglob("*") if p.is_file() and b"PRIVATE" in p.read_bytes()] == []
    os.chmod(tmp_path / "evidence.key", 0o640)
    with pytest.raises(StoreUnavailable, match="chmod 600"):
        log.append({"event": "x"})


def test_a_key_may_be_moved_and_linked_to(log, tmp_path):
    first = log.sign()
    elsewhere = tmp_path / "safe"
    elsewhere.mkdir()
    (tmp_path / "evidence.key").rename(elsewhere / "key")
    (tmp_path / "evidence.key").symlink_to(elsewhere / "key")
    log.append({"event": "x"})
    assert log.sign().origin == first.origin
    (elsewhere / "key").rename(elsewhere / "gone")
    with pytest.raises(StoreUnavailable, match="is gone"):
        log.append({"event": "x"})


def test_a_key_that_is_gone_is_not_made_anew_beside_its_log(log, tmp_path):
    log.sign()
    (tmp_path / "evidence.key").unlink()
    with pytest.raises(StoreUnavailable, match="restore it from a backup"):
        log.append({"event": "x"})
    assert not (tmp_path / "evidence.key").exists()
    EvidenceLog(tmp_path / "other", ManualClock()).sign()
    (tmp_path / "other/evidence.key").rename(tmp_path / "evidence.key")
    with pytest.raises(StoreUnavailable, match="is not the key that signed"):
        log.append({"event": "x"})


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_key_that_is_none_is_named(log, tmp_path, content):
    (tmp_path / "evidence.key").write_bytes(content)
    os.chmod(tmp_path / "evidence.key", 0o600)
    with pytest.raises(StoreUnavailable, match="no Ed25519 key"):
        log.sign()


# -- crashes and disks


def test_a_torn_tail_is_cut_kept_aside_and_noted(log):
    fill(log, 5)
    signed = log.sign()
    tail = log.folder / "tail/0"
    whole = tail.read_bytes()
    tail.write_bytes(whole + b"\x00\x40{half an ent")
    assert len(log.entries()) == 5
    log.append({"event": "x", "id": "after"})
    recovered, after = told(log)[5:]
    assert (recovered["event"], recovered["torn_bytes"], after["id"]) == ("log recovered", 14, "after")
    assert (log.folder / str(recovered["file"])).read_bytes() == b"\x00\x40{half an ent"
    assert unframed(tail.read_bytes())[0][:5] == unframed(whole)[0]
    log.sign()
    assert newest_checkpoint(log.folder).size == 7
    assert signed.size == 5
    assert check(log).wrong == []


@pytest.mark.parametrize("torn", [b"\x00", b"\x00\x00" * 40, b"\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00"])
def test_what_a_power_loss_leaves_in_place_of_bytes_is_torn_too(log, torn):
    fill(log, 3)
    with (log.folder / "tail/0").open("ab") as file:
        file.write(torn)
    log.sign()
    assert [entry["event"] for entry in told(log)[3:]] == ["log recovered"]
    assert check(log).wrong == []


def test_a_log_shorter_than_its_checkpoint_takes_nothing_and_signs_nothing(log):
    fill(log, 9)
    log.sign()
    entries = log.entries()
    (log.folder / "tail/0").write_bytes(b"".join(len(e).to_bytes(2, "big") + e for e in entries[:6]))
    for do in (lambda: log.append({"event": "x"}), log.sign):
        with pytest.raises(StoreUnavailable, match="has 6 whole entries, and a checkpoint of 9"):
            do()


@pytest.mark.parametrize("size", [9, 300, 600])
def test_a_log_that_no_longer_fits_its_checkpoint_is_never_signed_again(log, size):
    fill(log, size)
    log.sign()
    tail = log.folder / f"tail/{size // 256}"
    data = tail.read_bytes()
    at = data.rindex(b'"id":"') + 6
    tail.write_bytes(data[:at] + (b"0" if data[at : at + 1] != b"0" else b"1") + data[at + 1 :])
    for do in (lambda: log.append({"event": "x"}), log.sign):
        with pytest.raises(StoreUnavailable, match=f"not what its checkpoint of {size} entries says"):
            do()


def test_a_failed_sync_leaves_the_log_as_it_was_in_a_new_file(log, monkeypatch):
    fill(log, 4)
    tail = log.folder / "tail/0"
    before, inode = tail.read_bytes(), tail.stat().st_ino
    real, failing = os.fsync, [True]

    def fsync(handle: int) -> None:
        if failing.pop() if failing else False:
            raise OSError(5, "Input/output error")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StoreUnavailable, match="did not take 1 entry, and is as it was"):
        log.append({"event": "x"})
    assert tail.read_bytes() == before
    assert tail.stat().st_ino != inode
    log.append({"event": "y"})
    assert [entry["n"] for entry in told(log)] == list(range(5))


APPEND_UNTIL_FULL = """
import sys
from switchover.clock import SystemClock
from switchover.errors import StoreUnavailable
from switchover.evidence import EvidenceLog
log = EvidenceLog(sys.argv[1], SystemClock())
log.sign()
taken = 0
try:
    while taken < 100_000:
        log.append({"event": "x", "pad": "p" * 900})
        taken += 1
        if taken % 7 == 0:
            log.sign()
except StoreUnavailable as error:
    print(taken, error)
"""


def full(folder: Path, **options: object) -> tuple[int, str]:
    """Appends until the disk takes no more; how many were taken, and what was said."""
    done = subprocess.run([sys.executable, "-c", APPEND_UNTIL_FULL, str(folder)], capture_output=True, text=True,
                          timeout=60, check=True, **options)  # fmt: skip
    taken, _, said = done.stdout.partition(" ")
    return int(taken), said


def sound(folder: Path, taken: int) -> None:
    """What was taken is there, and the log goes on."""
    log = EvidenceLog(folder, SystemClock())
    assert sum(entry["event"] == "x" for entry in told(log)) == taken > 0
    assert check(log).wrong == []
    log.append({"event": "y"})
    log.sign()
    assert check(log).wrong == []
    assert [entry["n"] for entry in told(log)] == list(range(len(log.entries())))


def test_a_file_that_may_not_grow_is_said_and_nothing_is_spoilt(tmp_path):
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    taken, said = full(tmp_path, preexec_fn=limit)
    assert "To mend it: make room" in said or "has room on its disk" in said
    sound(tmp_path, taken)


def test_a_full_disk_is_said_and_nothing_is_spoilt(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs rights that this machine does not give; the limit above stands for it")
    try:
        taken, said = full(disk)
        assert "No space left" in said
        assert "To mend it:" in said
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        sound(disk, taken)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# -- several at once

APPEND_MANY = """
import sys
from switchover.clock import SystemClock
from switchover.evidence import EvidenceLog, log as module
module.LOCK_TRIES = 6_000  # three take turns on a disk that may be slow
log = EvidenceLog(sys.argv[1], SystemClock())
for number in range(int(sys.argv[3])):
    at = log.append({"event": "x", "by": sys.argv[2], "number": number})
    print(at, flush=True)
    if number % 10 == 0:
        log.sign()
"""


def start(folder: Path, by: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", APPEND_MANY, str(folder), by, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_that_append_at_once_lose_nothing_and_share_no_number(tmp_path):
    children = [start(tmp_path, by, 100) for by in ("a", "b", "c")]
    said = [set(map(int, child.communicate(timeout=60)[0].split())) for child in children]
    assert [child.returncode for child in children] == [0, 0, 0]
    log = EvidenceLog(tmp_path, SystemClock())
    found = told(log)
    assert [entry["n"] for entry in found] == list(range(301))
    for by, numbers in zip("abc", said, strict=True):
        mine = [entry for entry in found if entry.get("by") == by]
        assert [entry["number"] for entry in mine] == list(range(100))
        assert {entry["n"] for entry in mine} == numbers
    log.sign()
    assert check(log).wrong == []


def test_killing_whoever_appends_loses_nothing_that_was_acknowledged(tmp_path):
    acknowledged: set[int] = set()
    for turn in range(4):
        child = start(tmp_path, f"t{turn}", 100_000)
        for _ in range(20 + 31 * turn):
            acknowledged.add(int(child.stdout.readline()))
        child.kill()
        rest = child.communicate()[0]
        acknowledged.update(map(int, rest.split("\n")[:-1]))
    log = EvidenceLog(tmp_path, SystemClock())
    log.append({"event": "after"})
    found = told(log)
    assert [entry["n"] for entry in found] == list(range(len(found)))
    assert acknowledged <= {entry["n"] for entry in found if entry["event"] == "x"}
    log.sign()
    assert check(log).wrong == []


def test_a_lock_that_nobody_lets_go_is_an_error_and_no_wait_for_ever(log, monkeypatch):
    log.sign()
    monkeypatch.setattr("switchover.evidence.log.LOCK_TRIES", 3)
    with log._writing():
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable, match="held by another process"):
            log.append({"event": "x"})
        assert time.monotonic() - begun < 60
    log.append({"event": "x"})


def test_an_event_too_big_or_of_no_canonical_form_is_refused_and_changes_nothing(log):
    log.sign()
    for wrong in ({"event": "x", "pad": "p" * 70_000}, {"event": "x", "share": 0.5}):
        with pytest.raises(ValueError, match=r"70\d+ bytes|a float"):
            log.append({"event": "fine"}, wrong)
    assert len(log.entries()) == 1


def test_entries_can_be_read_from_any_number_on(log):
    fill(log, 520)
    whole = log.entries()
    for begin in (0, 1, 255, 256, 511, 512, 519, 520):
        assert log.entries(begin) == whole[begin:]


def test_the_state_changes_with_every_append_and_only_then(log):
    seen = [log.state(0)]
    for size in (1, 2, 255, 256, 257):
        fill(log, size) if size > 1 else log.sign()
        assert log.state(size - 1) not in seen
        seen.append(log.state(size - 1))
        log.sign()
        assert log.state(size - 1) == seen[-1]
