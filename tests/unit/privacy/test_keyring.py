"""The key ring: shared, rotated, killed midway, and what is left of a key that was erased."""

from __future__ import annotations

import multiprocessing
import os
import stat

import pytest

from switchover.errors import OperatorError, StoreUnavailable
from switchover.privacy import keyring as keyring_module
from switchover.privacy.keyring import KeyRing, subject_hash
from switchover.privacy.master import GivenMaster, OwnMaster
from switchover.store.ring import Reach, Scope
from switchover.testing.clock import ManualClock

MARCH, APRIL = Scope("claims", "", "2026-03"), Scope("claims", "", "2026-04")
ANNA = Scope("claims", "a1", "2026-03")


def names(ring, *scopes):
    return [ring.wrapping([scope])[scope].id for scope in scopes]


def on_disk(folder):
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_each_process_subject_and_month_has_a_key_of_its_own_that_another_process_finds(ring, ring_of):
    found = names(ring, MARCH, APRIL, ANNA)
    assert len(set(found)) == 3
    other = ring_of()
    assert names(other, MARCH, APRIL, ANNA) == found
    sealed = ring.cipher(found[0]).encrypt(bytes(12), b"words", b"")
    assert other.cipher(found[0]).decrypt(bytes(12), sealed, b"") == b"words"


def _begin(folder, queue):
    ring = KeyRing(folder, ManualClock())
    queue.put((ring.wrapping([MARCH])[MARCH].id, ring.subject_key()))
    ring.close()


def test_workers_that_begin_at_once_agree_on_master_subjects_and_keys(tmp_path):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    workers = [context.Process(target=_begin, args=(tmp_path, queue)) for _ in range(4)]
    for worker in workers:
        worker.start()
    found = {queue.get(timeout=60) for _ in workers}
    for worker in workers:
        worker.join()
    assert len(found) == 1


def test_ring_and_master_are_for_their_owner_alone(ring, tmp_path):
    names(ring, MARCH)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keyring").iterdir()}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "keyring").stat().st_mode) == 0o700


def test_of_an_erased_key_not_a_byte_is_left_in_the_folder(ring, tmp_path):
    names(ring, MARCH, ANNA)
    rows = {row.scope: row for row in ring.file.rows()}
    gone, kept = rows[ANNA], rows[MARCH]
    before = on_disk(tmp_path)
    assert gone.wrapped in before
    assert b"a1" in before
    assert [row.id for row in ring.erase(Reach(subject="a1"))] == [gone.id]
    ring.close()
    after = on_disk(tmp_path)
    assert gone.wrapped not in after
    assert gone.wrapped[12:] not in after
    assert gone.wrapped[:12] not in after
    assert kept.wrapped in after


def test_a_running_worker_forgets_an_erased_key_within_50_ms_and_makes_another(ring, ring_of, clock):
    worker = ring_of()
    [first] = names(worker, ANNA)
    assert worker.cipher(first) is not None
    ring.erase(Reach(subject="a1"))
    clock.advance(0.06)
    [second] = names(worker, ANNA)
    assert second != first
    assert worker.cipher(first) is None
    assert ring.cipher(second) is not None


def test_a_reader_forgets_an_erased_key_within_a_second(ring, ring_of, clock):
    reader = ring_of()
    [name] = names(ring, ANNA)
    assert reader.cipher(name) is not None
    ring.erase(Reach(subject="a1"))
    clock.advance(1.1)
    assert reader.cipher(name) is None


@pytest.mark.parametrize(
    ("reach", "left"),
    [
        (Reach(subject="a1"), {MARCH, APRIL}),
        (Reach(process="claims"), set()),
        (Reach(process="other"), {MARCH, APRIL, ANNA}),
        (Reach(process="claims", last="2026-03"), {APRIL}),
        (Reach(first="2026-04"), {MARCH, ANNA}),
    ],
)
def test_an_erasure_reaches_what_it_names_and_nothing_else(ring, reach, left):
    names(ring, MARCH, APRIL, ANNA)
    ring.erase(reach)
    assert {row.scope for row in ring.file.rows()} == left


def test_a_key_that_is_used_up_is_followed_by_another(ring, monkeypatch):
    monkeypatch.setattr(keyring_module, "MOST_USES", 2)
    first = ring.wrapping([MARCH])[MARCH]
    first.uses = 2
    second = ring.wrapping([MARCH])[MARCH]
    assert second.id != first.id
    assert ring.cipher(first.id) is not None


def test_rotation_changes_the_master_and_no_key_and_workers_follow(ring, ring_of, tmp_path, clock):
    worker = ring_of()
    found = names(worker, MARCH, ANNA)
    subjects = worker.subject_key()
    sealed = worker.cipher(found[0]).encrypt(bytes(12), b"words", b"")
    old, wrapped = (tmp_path / "keyring" / "master").read_bytes(), [row.wrapped for row in ring.file.rows()]
    assert ring.rotate() == 2
    clock.advance(0.06)
    assert (tmp_path / "keyring" / "master").read_bytes() != old
    assert names(worker, MARCH, ANNA) == found
    assert worker.subject_key() == subjects
    assert ring_of().cipher(found[0]).decrypt(bytes(12), sealed, b"") == b"words"
    ring.close()
    left = on_disk(tmp_path)
    assert old not in left
    assert not [one for one in wrapped if one in left]


@pytest.mark.parametrize("moment", ["proposed", "committed", "overwritten"])
def test_a_rotation_that_is_killed_leaves_a_ring_that_opens(ring, ring_of, tmp_path, monkeypatch, moment):
    found = names(ring, MARCH)

    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    if moment == "proposed":
        monkeypatch.setattr(ring.file, "rewrap", killed)
    elif moment == "committed":
        real = OwnMaster.settle
        monkeypatch.setattr(
            OwnMaster, "settle", lambda self, known: real(self, known) if not self.next.exists() else killed()
        )
    else:
        monkeypatch.setattr(os, "replace", lambda a, b: killed() if str(a).endswith("master.next") else _replace(a, b))
    with pytest.raises(Killed):
        ring.rotate()
    monkeypatch.undo()
    ring.close()
    other = ring_of()
    assert names(other, MARCH) == found
    assert other.rotate() == 1
    assert names(ring_of(), MARCH) == found
    assert not (tmp_path / "keyring" / "master.next").exists()


_replace = os.replace


def test_another_master_key_is_refused_and_says_what_to_do(ring, ring_of, tmp_path):
    names(ring, MARCH)
    ring.close()
    (tmp_path / "keyring" / "master").write_bytes(b"x" * 32)
    with pytest.raises(StoreUnavailable, match=r"(?s)another master key.*put back the master key"):
        ring_of().look()
    (tmp_path / "keyring" / "master").unlink()
    with pytest.raises(StoreUnavailable, match="another master key"):
        ring_of().look()
    assert not (tmp_path / "keyring" / "master").exists(), "a new one would seal what nobody could open with the old"


def test_a_key_that_was_changed_is_refused(ring, ring_of):
    [name] = names(ring, MARCH)
    row = ring.file.get(name)
    with ring.file.write():
        ring.file.rewrap([row._replace(wrapped=row.wrapped[:-1] + bytes([row.wrapped[-1] ^ 1]))])
    with pytest.raises(StoreUnavailable, match="was changed"):
        ring_of().cipher(name)


def test_a_master_key_that_lies_elsewhere_is_read_there_and_rotated_with_the_old_one(ring_of, tmp_path):
    held = ["ab" * 32]
    elsewhere = GivenMaster(lambda: held[0], "env:MASTER")
    ring = ring_of(master=elsewhere)
    [name] = names(ring, MARCH)
    assert not (tmp_path / "keyring" / "master").exists()
    with pytest.raises(OperatorError, match=r"(?s)lies elsewhere.*--from"):
        ring.rotate()
    assert ring.rotate(bytes.fromhex("cd" * 32)) == 1
    held[0] = "cd" * 32
    assert ring_of(master=elsewhere).cipher(name) is not None
    held[0] = "no key"
    with pytest.raises(OperatorError, match="env:MASTER holds is no master key"):
        ring_of(master=elsewhere).look()


def test_no_error_tells_the_master_key(ring_of):
    canary = "canary-" + "ab" * 10
    with pytest.raises(OperatorError) as told:
        ring_of(master=GivenMaster(lambda: canary, "env:MASTER")).look()
    assert canary not in str(told.value)


def test_a_subject_is_named_by_a_keyed_hash():
    assert subject_hash(b"k" * 32, "anna@example.org") != subject_hash(b"l" * 32, "anna@example.org")
    assert len(subject_hash(b"k" * 32, "Zoë")) == 64
