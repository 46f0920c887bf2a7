"""The gateway on a disk that is full, broken or slow, and on a clock that jumps: callers are answered throughout."""

from __future__ import annotations

import asyncio
import errno
import http.client
import json
import math
import os
import subprocess
import threading
import time
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from switchover.clock import SystemClock
from switchover.domain.exchange import Exchange, Intent
from switchover.domain.process import Criticality, DataClass, Process
from switchover.evidence import EvidenceLog, canonical
from switchover.evidence.compare import Noted, differences
from switchover.processes.indexing import index_all
from switchover.processes.noting import Noting
from switchover.store import Store, segment
from switchover.store.exchanges import each_exchange
from switchover.store.gaps import missing
from switchover.store.segment import Segment
from switchover.store.spool import Spool, read_spool
from switchover.store.spool_frames import Gap, Rot
from switchover.testing.clock import ManualClock
from switchover.testing.scripted import HANG, ScriptedServer, reply
from switchover.testing.served import ServedGateway, register, spec

ANSWER = json.dumps({"id": "1", "model": "vendor-model", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]}).encode()  # fmt: skip
OVERLOADED = reply(b'{"error":{"message":"busy"}}', status=529)
PROCESS = Process(
    name="p", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor",
    fallbacks=("own",),
)  # fmt: skip
# Seconds; it ends what hangs and measures nothing.
PATIENCE = 60.0
# So long a request waits for the disk, at most.
WAITS_S = 0.05


class Caller:
    """Asks on one connection."""

    def __init__(self, served, token):
        self.connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=PATIENCE)
        self.token = token

    def ask(self, size=10, **headers):
        text = json.dumps({"model": "p", "messages": [{"role": "user", "content": "x" * size}]})
        self.connection.request(
            "POST", "/v1/chat/completions", text, {"authorization": f"Bearer {self.token}", **headers}
        )
        answer = self.connection.getresponse()
        body = answer.read()
        return answer.status, body

    def close(self):
        self.connection.close()

    def get(self, path):
        self.connection.request("GET", path)
        return self.connection.getresponse().read().decode()


@pytest.fixture
def asked(tmp_path):
    """A gateway with a spool on a real disk, and somebody who asks; (caller, spool, folder)."""

    def begin(folder=tmp_path, **settings):
        spool = Spool(folder / "spool" / "w0", clock=SystemClock(), **settings)
        spool.start()
        opened.append(spool)
        snapshot, token = register(PROCESS, [spec("vendor", vendor.url), spec("own", vendor.url)])
        served = ServedGateway(snapshot, recorder=spool)
        served.__enter__()
        caller = Caller(served, token)
        opened.extend([served, caller])
        return caller, spool

    opened = []
    with ScriptedServer([reply(ANSWER)]) as vendor:
        yield begin
        for one in reversed(opened):
            one.__exit__(None, None, None) if isinstance(one, ServedGateway) else one.close()


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.005)


def waits(monkeypatch, spool):
    """How many seconds requests were ready to wait for the disk, as they ask for it."""
    found = []

    def asked_for(real, number, *timeout):
        found.append(*timeout or [math.inf])
        return real(number, *timeout)

    for name in ("wait_written", "wait_durable"):
        monkeypatch.setattr(spool, name, partial(asked_for, getattr(spool, name)))
    return found


def degraded(caller):
    return " ".join(json.loads(caller.get("/readyz"))["degraded"])


def records(folder):
    return [record for _, record in read_spool(folder)]


def no_space(monkeypatch):
    """The disk is full until the event is set."""
    room, real = threading.Event(), os.write

    def write(handle, data):
        # Requests go through sockets, which uvloop writes to itself.
        if not room.is_set():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(handle, data)

    monkeypatch.setattr(segment.os, "write", write)
    return room


def test_disk_full_is_served_and_what_is_lost_is_counted_noted_signed_and_shown(asked, tmp_path, monkeypatch):
    caller, spool = asked(max_pending_bytes=60_000)
    assert caller.ask()[0] == 200
    until(lambda: spool.durable == 2)
    with monkeypatch.context() as patch:
        room, waited = no_space(patch), waits(patch, spool)
        assert [caller.ask(4_000)[0] for _ in range(30)] == [200] * 30
        assert max(waited, default=0.0) <= WAITS_S
        # The last one is recorded once its answer was sent.
        until(lambda: spool._count + spool._lost == 62)
        lost = spool.gaps
        assert 0 < lost < 60
        assert "No space left on device" in degraded(caller)
        assert f"{lost} records lost" in degraded(caller)
        assert f'switchover_recording_gaps_total{{worker="worker-0"}} {lost}' in caller.get("/metrics")
        room.set()
        until(lambda: spool.healthy)
    assert caller.ask()[0] == 200
    spool.close()
    assert sum(one.records for one in records(tmp_path / "spool" / "w0") if isinstance(one, Gap)) == lost
    clock, said = ManualClock(), []
    noting = Noting(tmp_path, clock, lambda *more, **named: said.append(more))
    with Store.open("sqlite://") as store:
        _, lines = index_all(store, tmp_path / "spool", clock.now())
        assert lines == [f"w0: {lost} lost: No space left on device"]
        noting.missing()
        noting.round(store)
        noting.close()
        log = EvidenceLog(tmp_path, clock)
        entries = log.entries()
        (gap,) = [one for one in map(canonical.decode, entries) if one["event"] == "gap"]
        assert (gap["worker"], gap["records"], gap["reason"]) == ("w0", lost, "No space left on device")
        assert log.checkpoint().size == len(entries), "the gap is under a signature"
        assert [str(one) for one in missing(store)] == [f"{lost} records (No space left on device)"]
        noted = Noted()
        noted.take(entries)
        assert differences(store, noted) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs takes root; the other tests inject ENOSPC")
def test_disk_full_for_real_holds_no_partial_frame_and_a_worker_begins_and_serves_on_it(asked, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192k", "tmpfs", str(small)], capture_output=True)
    if made.returncode:
        pytest.skip("this machine lets nobody mount a tmpfs; the other tests inject ENOSPC")
    try:
        # What somebody else has on it, and frees in the end.
        filler = small / "filler"
        filler.write_bytes(bytes(64 << 10))
        caller, spool = asked(small, max_pending_bytes=80_000)
        while not (spool.gaps and spool.failing):
            assert caller.ask(3_000)[0] == 200
        # Were it killed here, what is missing would be known all the same.
        until(lambda: spool._writer._losses.reserve.read() is not None)
        spool.close()
        again, successor = asked(small, max_pending_bytes=80_000)
        assert again.ask()[0] == 200
        assert successor.failing
        assert "No space left on device" in degraded(again)
        assert not any(isinstance(one, Rot) for one in records(small / "spool" / "w0"))
        filler.unlink()
        until(lambda: successor.healthy)
        assert again.ask()[0] == 200
        until(lambda: successor.durable == 4)
        successor.close()
        kept = records(small / "spool" / "w0")
        assert not any(isinstance(one, Rot) for one in kept)
        assert sum(one.records for one in kept if isinstance(one, Gap)) >= spool.gaps > 0
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_sync_failed_is_served_that_file_is_left_alone_and_the_batch_lies_elsewhere(asked, tmp_path, monkeypatch):
    caller, spool = asked()
    real, syncs, bad = Segment.sync, [], spool._writer._segment.number

    def sync(self):
        syncs.append(self.number)
        if self.number == bad:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(self)

    monkeypatch.setattr(Segment, "sync", sync)
    waited = waits(monkeypatch, spool)
    assert [caller.ask()[0] for _ in range(5)] == [200] * 5
    until(lambda: spool.durable == 10)
    assert syncs.count(bad) == 1
    assert max(waited, default=0.0) <= WAITS_S
    spool.close()
    (tmp_path / "spool" / "w0" / f"{bad:010d}.seg").unlink()
    assert sum(isinstance(one, Exchange) for one in records(tmp_path / "spool" / "w0")) == 5


@pytest.mark.parametrize("fails", ["write", "sync"])
def test_whoever_waits_for_safety_on_a_failing_disk_is_told_at_once_and_after_a_repair_is_safe(
    tmp_path, monkeypatch, fails
):
    spool = Spool(tmp_path / "w0", clock=SystemClock())
    spool.start()

    async def wait():
        number = spool.append(Intent(id="a", process="p", route="r", dialect="openai_chat", started_at=1.0))
        # Whoever is told only when the time is up is not told at once.
        async with asyncio.timeout(PATIENCE):
            return await spool.wait_durable(number, 60 * PATIENCE)

    with monkeypatch.context() as patch:

        def fail(*given):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        patch.setattr(*((segment.os, "write") if fails == "write" else (Segment, "sync")), fail)
        assert not asyncio.run(wait())
        assert spool.failing
        assert not asyncio.run(wait())
    until(lambda: spool.healthy)
    assert not spool.failing
    assert asyncio.run(wait())
    # One failure that is made good at once is waited for.
    real, once = Segment.sync, [OSError(errno.EIO, "once")]

    def sync(self):
        if once:
            raise once.pop()
        real(self)

    monkeypatch.setattr(Segment, "sync", sync)
    assert asyncio.run(wait())
    spool.close()


def test_disk_slow_is_not_waited_for_and_its_queue_is_bounded(asked, tmp_path, monkeypatch):
    caller, spool = asked(max_pending_bytes=100_000)
    real, free = Segment.sync, threading.Event()
    monkeypatch.setattr(Segment, "sync", lambda self: (free.wait(), real(self)))
    answered, waited = 0, waits(monkeypatch, spool)
    try:
        while not spool.gaps:
            assert caller.ask(3_000)[0] == 200
            answered += 1
        assert max(waited, default=0.0) <= WAITS_S
        assert spool._taken - spool._writer.let_go <= 100_000
        assert "records lost" in degraded(caller)
    finally:
        free.set()
    until(lambda: not spool.unsynced_for)
    spool.close()
    kept = records(tmp_path / "spool" / "w0")
    assert sum(one.records for one in kept if isinstance(one, Gap)) == spool.gaps
    assert sum(isinstance(one, Exchange | Intent) for one in kept) == 2 * answered - spool.gaps


class Jumping(SystemClock):
    """A wall clock that somebody sets."""

    offset = 0.0

    def now(self):
        return time.time() + self.offset


@pytest.mark.parametrize("hours", [-5, 5])
def test_clock_jumped_with_a_call_under_way_changes_no_timer_and_both_clocks_are_recorded(hours):
    clock = Jumping()

    def jump(number, seen):
        clock.offset = hours * 3600
        return [HANG]

    with ScriptedServer(jump) as vendor:
        snapshot, token = register(replace(PROCESS, fallbacks=()), [spec("vendor", vendor.url)])
        with ServedGateway(snapshot, clock=clock) as served:
            before = time.time()
            with closing(Caller(served, token)) as caller:
                status, _ = caller.ask(**{"x-switchover-deadline": "1"})
            assert status == 504
            until(lambda: served.spool.exchanges)
            (exchange,) = served.spool.exchanges
            assert clock.offset
            assert before <= exchange.started_at <= time.time()
            assert 200 < exchange.elapsed_ms < 3_600_000
            assert exchange.attempts[0].fault


def test_clock_jumped_back_reopens_no_proof_that_has_expired():
    clock = Jumping()
    with ScriptedServer([OVERLOADED]) as vendor, ScriptedServer([reply(ANSWER)]) as own:
        snapshot, token = register(PROCESS, [spec("vendor", vendor.url), spec("own", own.url)], proven=("own",))
        ends = time.time() + 3600
        proofs = tuple(replace(one, expires_at=ends, made_at=1.0) for one in snapshot.proofs)
        with (
            ServedGateway(replace(snapshot, proofs=proofs), clock=clock) as served,
            closing(Caller(served, token)) as caller,
        ):
            assert caller.ask()[0] == 200
            clock.offset = 7200
            status, body = caller.ask()
            assert status == 503
            assert b"its proof has expired" in body
            clock.offset = -7200
            status, body = caller.ask()
            assert status == 503
            assert b"its proof has expired" in body


def test_a_torn_tail_is_noted_once_however_often_the_start_is_cut_short(tmp_path, monkeypatch):
    folder = tmp_path / "spool" / "w0"
    spool = Spool(folder, clock=SystemClock())
    spool.start()
    number = spool.append(Intent(id="a", process="p", route="r", dialect="openai_chat", started_at=1.0))
    until(lambda: spool.durable == number)
    spool.close()
    path = folder / "0000000001.seg"
    with path.open("ab") as file:
        file.write(b"half a frame")
    for name in ("truncate", "replace"):
        with monkeypatch.context() as patch:
            if name == "replace":

                def fail(self, target):
                    raise OSError(errno.EIO, os.strerror(errno.EIO))

                patch.setattr(Path, "replace", fail)
            else:
                patch.setattr(Segment, "sync", _eio)
            again = Spool(folder, clock=SystemClock())
            again.start()
            again.close()
    for _ in range(2):
        last = Spool(folder, clock=SystemClock())
        last.start()
        last.close()
    noted = [one for one in records(folder) if isinstance(one, Gap)]
    assert [gap.reason for gap in noted] == ["torn tail: 12 bytes set aside in 0000000001.torn"]
    assert (folder / "0000000001.torn").read_bytes() == b"half a frame"
    with Store.open("sqlite://") as store:
        index_all(store, tmp_path / "spool", 1e9)
        assert [one.id for one in each_exchange(store)] == ["a"]


def _eio(self):
    raise OSError(errno.EIO, os.strerror(errno.EIO))
