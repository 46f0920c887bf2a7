"""The spool on a disk that is full, slow or broken."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import itertools
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from switchover.clock import SystemClock
from switchover.domain.exchange import Exchange, Intent, Sealed
from switchover.errors import StoreUnavailable
from switchover.store import segment as segment_module
from switchover.store import spool_writer
from switchover.store.segment import Reserve, Segment
from switchover.store.spool import Gap, Spool, read_spool
from switchover.testing.builders import make_exchange
from switchover.testing.clock import ManualClock

os_write = os.write


def exchange(number, body=b"{}"):
    return make_exchange(id=f"x{number}", request=body)


def begun(folder, **settings):
    spool = Spool(folder, clock=SystemClock(), **settings)
    spool.start()
    return spool


def until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.005)


def ids(folder):
    return list(dict.fromkeys(r.id for _, r in read_spool(folder) if isinstance(r, Exchange)))


def gaps(folder):
    return [r for _, r in read_spool(folder) if isinstance(r, Gap)]


def test_what_comes_while_others_are_taken_to_be_sealed_disturbs_nothing(tmp_path, monkeypatch, caplog):
    spool = begun(tmp_path / "w0", seal=list)
    late = iter(range(100, 120))

    def islice(items, most):
        found = itertools.islice(items, most)
        for number in itertools.islice(late, 1):
            spool._writer.put((number, 1, exchange(number)))
        return found

    monkeypatch.setattr(spool_writer, "islice", islice)

    async def record():
        assert await spool.wait_durable(spool.append(exchange(1)), 60.0)

    asyncio.run(record())
    spool.close()
    assert "x1" in ids(tmp_path / "w0")
    assert "x100" in ids(tmp_path / "w0")
    assert "tripped" not in caplog.text


def test_a_thread_that_trips_is_told_and_goes_on_with_another_file(tmp_path, monkeypatch, caplog):
    real, trips = spool_writer.Writer._take_all, iter([True])

    def take_all(writer):
        real(writer)
        if next(trips, False):
            raise RuntimeError("nobody thought of it")

    monkeypatch.setattr(spool_writer.Writer, "_take_all", take_all)
    spool = begun(tmp_path / "w0", seal=list)

    async def record():
        for number in range(1, 4):
            end = time.monotonic() + 60
            last = spool.append(exchange(number))
            while not await spool.wait_durable(last, 60.0):
                assert time.monotonic() < end
                await asyncio.sleep(0.01)

    asyncio.run(record())
    assert spool.healthy
    spool.close()
    assert ids(tmp_path / "w0") == ["x1", "x2", "x3"]
    assert "the spool's thread tripped" in caplog.text


def test_a_record_is_written_and_then_durable(tmp_path):
    spool = begun(tmp_path / "w0")

    async def record():
        number = spool.append(exchange(1))
        assert await spool.wait_written(number, 60.0)
        assert await spool.wait_durable(number, 60.0)
        assert spool.durable == number == 1

    asyncio.run(record())
    spool.close()
    assert ids(tmp_path / "w0") == ["x1"]


def test_close_syncs_what_is_pending(tmp_path):
    spool = begun(tmp_path)
    for number in range(500):
        spool.append(exchange(number))
    spool.close()
    assert spool.durable == 500
    assert ids(tmp_path) == [f"x{number}" for number in range(500)]


def test_one_sync_serves_a_group(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_writer, "GROUP_SECONDS", 30.0)
    spool, real, syncs = begun(tmp_path), Segment.sync, []
    monkeypatch.setattr(Segment, "sync", lambda self: (syncs.append(1), real(self))[1])
    for number in range(640):
        spool.append(exchange(number))
    spool.close()
    assert 0 < len(syncs) <= 20


def test_a_full_disk_is_said_at_once_loses_nothing_that_fits_in_memory_and_is_made_good(tmp_path, monkeypatch):
    spool, real, full = begun(tmp_path), os.write, True

    def write(handle, data):
        if full and len(data) > 40:
            real(handle, data[:30])  # a part still fits
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, data)

    monkeypatch.setattr(segment_module.os, "write", write)

    async def record():
        nonlocal full
        first = spool.append(exchange(1))
        assert not await spool.wait_written(first, 60.0)
        assert not spool.healthy
        assert "No space" in spool.trouble
        begin = time.monotonic()
        assert not await spool.wait_written(spool.append(exchange(2)), 60.0)
        assert time.monotonic() - begin < 30, "a failing disk must not hold requests up"
        full = False
        # Whoever waits while it is tried in vain for the last time is told that it failed.
        end = time.monotonic() + 60
        while not await spool.wait_durable(2, 60.0):
            assert time.monotonic() < end
            await asyncio.sleep(0.01)

    asyncio.run(record())
    assert spool.healthy
    spool.close()
    assert ids(tmp_path) == ["x1", "x2"]
    assert spool.gaps == 0


def test_what_memory_may_not_hold_is_a_counted_gap_on_record(tmp_path, monkeypatch):
    spool, real, full = begun(tmp_path, max_pending_bytes=20_000), os.write, True

    def write(handle, data):
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, data)

    monkeypatch.setattr(segment_module.os, "write", write)
    numbers = [spool.append(exchange(n, b"b" * 1000)) for n in range(30)]
    lost = numbers.count(-1)
    assert 0 < lost == spool.gaps < 30
    assert asyncio.run(spool.wait_written(-1)) is False
    until(lambda: spool._writer._losses.reserve.read() is not None)
    full = False
    until(lambda: spool.healthy)
    spool.close()
    assert len(ids(tmp_path)) == 30 - lost
    assert sum(gap.records for gap in gaps(tmp_path)) == lost


def test_a_gap_survives_the_end_of_a_worker_whose_disk_stayed_full(tmp_path, monkeypatch):
    spool = begun(tmp_path)
    with monkeypatch.context() as patch:

        def write(handle, data):
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(segment_module.os, "write", write)
        for number in range(7):
            spool.append(exchange(number))
        spool.close()
    begun(tmp_path).close()
    assert [gap.records for gap in gaps(tmp_path)] == [7]
    begun(tmp_path).close()
    assert len(gaps(tmp_path)) == 1


def test_a_file_whose_sync_failed_is_never_synced_again_and_its_batch_lies_elsewhere(tmp_path, monkeypatch):
    spool, real, syncs = begun(tmp_path), Segment.sync, []
    bad = spool._writer._segment.number

    def sync(self):
        syncs.append(self.number)
        if self.number == bad:
            raise OSError(errno.EIO, "Input/output error")
        real(self)

    monkeypatch.setattr(Segment, "sync", sync)
    last = [spool.append(exchange(number)) for number in range(10)][-1]
    until(lambda: spool.durable == last)
    spool.close()
    assert syncs.count(bad) == 1
    (tmp_path / f"{bad:010d}.seg").unlink()
    assert ids(tmp_path) == [f"x{number}" for number in range(10)]


def test_nothing_is_durable_while_syncs_fail(tmp_path, monkeypatch):
    spool = begun(tmp_path)

    def sync(self):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Segment, "sync", sync)
    number = spool.append(exchange(1))
    until(lambda: not spool.healthy)
    assert not asyncio.run(spool.wait_durable(number, 0.3))
    assert spool.durable == 0
    assert not spool.healthy
    spool.close()


def test_a_record_that_cannot_be_encoded_is_a_gap_and_the_next_one_is_kept(tmp_path):
    spool = begun(tmp_path)
    spool.append(dataclasses.replace(exchange(1), route="\ud800"))
    spool.append(exchange(2))
    spool.close()
    assert spool.gaps == 1
    assert ids(tmp_path) == ["x2"]
    assert sum(gap.records for gap in gaps(tmp_path)) == 1


def test_a_folder_that_cannot_be_made_is_said_with_how_to_mend_it(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="To mend it"):
        Spool(tmp_path / "file" / "w0", clock=SystemClock()).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs takes root; the other tests inject ENOSPC")
def test_a_disk_that_is_really_full_holds_no_partial_frame_and_has_room_for_the_gap(tmp_path):
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)], capture_output=True)
    if made.returncode:
        pytest.skip("this machine lets nobody mount a tmpfs; the other tests inject ENOSPC")
    spool = begun(tmp_path / "w0", max_pending_bytes=100_000)
    try:
        deadline, number = time.monotonic() + 60, 0
        while spool.healthy or not spool.gaps:
            number = max(number, spool.append(exchange(number, b"b" * 2000)))
            time.sleep(0.0005)
            assert time.monotonic() < deadline
        durable = spool.durable
        spool.close()
        found = ids(tmp_path / "w0")
        assert durable <= len(found)
        assert found == [f"x{n}" for n in range(len(found))]
        assert Path(tmp_path, "w0", "reserve").read_bytes().strip(b"\0")
    finally:
        spool.close()
        subprocess.run(["umount", str(tmp_path)], check=True)


def intent(number):
    return Intent(id=f"i{number}", process="p", route="r", dialect="openai_chat", started_at=float(number))


def test_an_intent_is_written_when_append_returns_together_with_what_waits(tmp_path, monkeypatch):
    # The thread keeps away, and no write counts as slow.
    monkeypatch.setattr(spool_writer, "GROUP_SECONDS", 30.0)
    monkeypatch.setattr(spool_writer, "SLOW_WRITE", 30.0)
    spool = begun(tmp_path)
    for round_ in range(20):
        spool.append(exchange(round_))
        assert spool.append(intent(round_)) == spool.written == 2 * round_ + 2
    spool.close()


def test_an_exchange_alone_is_written_within_two_groups_and_not_at_the_next_look(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_writer, "IDLE_SECONDS", 3600.0)
    spool = begun(tmp_path)
    number = spool.append(exchange(1))
    until(lambda: spool.written == number)
    until(lambda: spool.durable == number)
    spool.close()


def writers(monkeypatch, delay):
    """Which threads write to the segment; each write takes ``delay()`` seconds."""
    seen, real = [], Segment.write

    def write(self, data):
        seen.append(threading.current_thread().name)
        time.sleep(delay())
        real(self, data)

    monkeypatch.setattr(Segment, "write", write)
    return seen


def test_a_disk_that_writes_slowly_is_left_to_the_thread(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_writer, "KEEP_OFF_TIMES", 3000.0)
    spool = begun(tmp_path / "w0")
    seen = writers(monkeypatch, lambda: 0.02)
    spool.append(intent(0))
    assert seen == ["MainThread"]
    for number in range(1, 30):
        spool.append(intent(number))
    assert seen.count("MainThread") == 1
    until(lambda: spool.durable == 30)
    spool.close()


def test_a_sync_that_hangs_keeps_the_event_loop_off_the_disk(tmp_path, monkeypatch):
    spool, real, free = begun(tmp_path / "w0"), Segment.sync, threading.Event()
    monkeypatch.setattr(Segment, "sync", lambda self: (free.wait(60), real(self)))
    monkeypatch.setattr(spool_writer, "SYNC_PATIENCE", 0.05)
    spool.append(intent(0))
    assert spool.written == 1
    until(lambda: spool._writer._syncing_since)
    time.sleep(0.06)
    spool.append(intent(1))
    assert spool.written == 1, "a disk that hangs in a sync may hang in a write"
    assert not asyncio.run(spool.wait_written(2, 0.02))
    free.set()
    until(lambda: spool.durable == 2)
    spool.close()


def test_the_age_of_what_is_not_yet_safe_is_that_of_the_oldest_and_nothing_once_it_is(tmp_path, monkeypatch):
    clock, real, free = ManualClock(), Segment.sync, threading.Event()
    spool = Spool(tmp_path / "w0", clock=clock)
    spool.start()
    assert spool.unsynced_for == 0
    monkeypatch.setattr(Segment, "sync", lambda self: (free.wait(60), real(self)))
    spool.append(intent(0))
    until(lambda: spool._writer._syncing_since)
    clock.advance(3)
    spool.append(intent(1))
    assert spool.unsynced_for == 3
    clock.advance(4)
    assert spool.unsynced_for == 7
    free.set()
    until(lambda: spool.durable == 2)
    assert spool.unsynced_for == 0
    spool.close()


def test_the_event_loop_and_the_thread_lose_and_repeat_nothing_between_them(tmp_path):
    spool, expected = begun(tmp_path / "w0", segment_bytes=40_000), []
    for number in range(3000):
        record = intent(number) if number % 3 else exchange(number, b"b" * (number % 400))
        expected.append(record.id)
        spool.append(record)
        if number % 50 == 0:
            time.sleep(0.001)
    spool.close()
    found = [r.id for _, r in read_spool(tmp_path / "w0") if isinstance(r, Intent | Exchange)]
    # A group that was written but not synced when its segment ended may stand in two; order holds.
    assert list(dict.fromkeys(found)) == expected
    assert spool.durable == 3000


@pytest.mark.parametrize("fails", [False, True])
def test_a_record_in_the_midst_of_being_written_is_not_made_durable_by_a_sync_beside_it(tmp_path, monkeypatch, fails):
    spool, real, seen = begun(tmp_path / "w0"), Segment.write, []
    spool.append(intent(0))

    def write(self, data):
        if threading.current_thread() is threading.main_thread():
            time.sleep(0.05)  # ten times what the thread waits before it syncs
            seen.append(spool.durable)
            if fails:
                raise OSError(errno.ENOSPC, "No space left on device")
        real(self, data)

    monkeypatch.setattr(Segment, "write", write)
    assert spool.append(intent(1)) == 2
    assert seen[0] < 2
    until(lambda: spool.durable == 2)
    spool.close()
    assert {r.id for _, r in read_spool(tmp_path / "w0") if isinstance(r, Intent)} == {"i0", "i1"}


def full(monkeypatch):
    def write(handle, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(segment_module.os, "write", write)


def test_a_worker_killed_on_a_full_disk_leaves_word_of_what_was_only_in_its_memory(tmp_path, monkeypatch):
    spool = begun(tmp_path / "w0")
    spool.append(exchange(0))
    until(lambda: spool.durable == 1)
    with monkeypatch.context() as patch:
        full(patch)
        for number in range(1, 6):
            spool.append(exchange(number))
        until(lambda: (kept := spool._writer._losses.reserve.read()) is not None and kept.records == 5)
        # As a killed worker leaves it.
        shutil.copytree(tmp_path / "w0", tmp_path / "left" / "w0")
    spool.close()
    begun(tmp_path / "left" / "w0").close()
    assert ids(tmp_path / "left" / "w0") == ["x0"]
    assert [gap.records for gap in gaps(tmp_path / "left" / "w0")] == [5]
    # This one lived on, and lost nothing.
    assert ids(tmp_path / "w0") == [f"x{number}" for number in range(6)]
    assert gaps(tmp_path / "w0") == []


def test_a_gap_that_is_on_record_and_still_in_the_reserve_is_noted_once(tmp_path, monkeypatch):
    spool = begun(tmp_path, max_pending_bytes=5_000)
    with monkeypatch.context() as patch:
        full(patch)
        lost = [spool.append(exchange(number, b"b" * 1000)) for number in range(6)].count(-1)
        until(lambda: (kept := spool._writer._losses.reserve.read()) is not None and kept.records >= lost)
        # The process ends before the reserve is emptied.
        patch.setattr(Reserve, "clear", lambda self: None)
        patch.setattr(segment_module.os, "write", os_write)
        until(lambda: spool.healthy and spool._writer._losses.recorded == lost)
        spool.close()
    begun(tmp_path).close()
    assert [gap.records for gap in gaps(tmp_path)] == [lost]


def test_an_exchange_that_is_waited_for_is_sealed_like_any_other(tmp_path):
    def seal(exchanges):
        return [one.bare(Sealed(key="k", content=b"sealed")) for one in exchanges]

    spool = begun(tmp_path / "w0", seal=seal)
    number = spool.append(exchange(1, b"my secret"), at_once=True)
    assert asyncio.run(spool.wait_durable(number))
    spool.close()
    on_disk = b"".join(path.read_bytes() for path in (tmp_path / "w0").iterdir())
    assert b"sealed" in on_disk
    assert b"my secret" not in on_disk
