"""What a segment gives back after it was torn, damaged or its writer killed."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchover.clock import SystemClock
from switchover.domain.exchange import Exchange, Intent
from switchover.store.segment import Segment
from switchover.store.spool import Spool, read_spool
from switchover.store.spool_frames import Rot, encode, frame
from switchover.store.spool_reader import segments
from switchover.testing.builders import make_exchange


def exchange(number, body=b"{}"):
    return make_exchange(id=f"x{number:08d}", request=body, attempts=())


def intent(number):
    return Intent(id=f"x{number:08d}", process="p", route="r", dialect="openai_chat", started_at=float(number))


def write_segment(folder, records, number=1):
    segment = Segment(folder, number)
    ends = [segment.end]
    for record in records:
        segment.write(frame(encode(record), segment.salt))
        ends.append(segment.end)
    segment.close()
    return segment.path, ends


def read(folder, position=(0, 0)):
    return [record for _, record in read_spool(folder, position)]


RECORDS = [intent(1), exchange(1, b"a" * 30), intent(2), exchange(2), exchange(3, bytes(range(256)))]


def test_a_torn_tail_at_any_byte_gives_back_the_whole_frames_before_it_and_nothing_else(tmp_path):
    path, ends = write_segment(tmp_path, RECORDS)
    whole = path.read_bytes()
    for length in range(len(whole), -1, -1):
        path.write_bytes(whole[:length])
        expected = RECORDS[: max(0, sum(end <= length for end in ends) - 1)]
        assert read(tmp_path) == expected, length


def test_a_torn_tail_is_cut_to_the_last_whole_frame_at_the_start_and_kept_aside(tmp_path):
    path, ends = write_segment(tmp_path, RECORDS)
    whole = path.read_bytes()
    for length in range(0, len(whole), 23):
        folder = tmp_path / str(length)
        folder.mkdir()
        (folder / path.name).write_bytes(whole[:length])
        spool = Spool(folder, clock=SystemClock())
        spool.start()
        spool.close()
        kept = max([end for end in ends if end <= length], default=0)
        assert (folder / path.name).stat().st_size == kept
        torn = folder / path.with_suffix(".torn").name
        assert (torn.read_bytes() if torn.exists() else b"") == whole[kept:length]
        found = [record for record in read(folder) if isinstance(record, Intent | Exchange)]
        assert found == RECORDS[: max(0, ends.index(kept) if kept else 0)]
        assert not any(isinstance(record, Rot) for record in read(folder))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_bit_rot_of_one_byte_loses_its_own_record_only_and_is_reported(data):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, ends = write_segment(folder, RECORDS)
        write_segment(folder, [exchange(9)], number=2)  # so that the first is closed
        whole = bytearray(path.read_bytes())
        at = data.draw(st.integers(ends[0], len(whole) - 1))
        whole[at] ^= data.draw(st.integers(1, 255))
        path.write_bytes(whole)
        hit = sum(end <= at for end in ends) - 1
        found = read(folder)
        assert [r for r in found if not isinstance(r, Rot)] == [*RECORDS[:hit], *RECORDS[hit + 1 :], exchange(9)]
        assert sum(isinstance(r, Rot) for r in found) == 1


def test_a_frame_inside_a_body_is_never_taken_for_a_record(tmp_path):
    forged = frame(encode(exchange(666)), 0) * 3
    path, ends = write_segment(tmp_path, [exchange(1, forged), exchange(2)])
    whole = bytearray(path.read_bytes())
    whole[ends[0]] ^= 1
    path.write_bytes(whole)
    write_segment(tmp_path, [], number=2)
    assert [r.id for r in read(tmp_path) if isinstance(r, Exchange)] == ["x00000002"]


def test_reading_goes_on_from_any_position_that_was_given(tmp_path):
    write_segment(tmp_path, RECORDS)
    write_segment(tmp_path, [exchange(7), exchange(8)], number=2)
    everything = list(read_spool(tmp_path))
    for index, (position, _) in enumerate(everything):
        assert list(read_spool(tmp_path, position)) == everything[index + 1 :]


WRITER = """
import asyncio, sys
from pathlib import Path
from switchover.clock import SystemClock
from switchover.store.spool import Spool
from switchover.testing.builders import make_exchange

def exchange(number, body):
    return make_exchange(id=f"x{number:08d}", request=body)

async def main():
    spool = Spool(Path(sys.argv[1]), clock=SystemClock(), segment_bytes=20_000)
    spool.start()
    number = int(sys.argv[2])
    while True:
        last = [spool.append(exchange(number + i, b"b" * (i * 37 % 900))) for i in range(20)][-1]
        assert await spool.wait_durable(last, 600.0)
        number += 20
        print(number - 1, flush=True)

asyncio.run(main())
"""


def test_what_was_acknowledged_is_there_after_the_writer_was_killed_again_and_again(tmp_path):
    chance, acknowledged, first = random.Random(7), [], 0
    for _ in range(3):
        argv = [sys.executable, "-c", WRITER, str(tmp_path), str(first)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as writer:
            last = -1
            for _ in range(chance.randint(1, 12)):
                last = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().split("\n")
            last = max([last, *(int(line) for line in rest[:-1] if line)])
        acknowledged += range(first, last + 1)
        first = last + 1000
    found = {record.id for record in read(tmp_path) if isinstance(record, Exchange)}
    assert {f"x{number:08d}" for number in acknowledged} <= found
    assert len(segments(tmp_path)) >= 3
    assert not any(isinstance(record, Rot) for record in read(tmp_path))


@pytest.mark.parametrize("seed", range(5))
def test_a_reader_beside_the_writer_sees_each_record_once_and_in_order(tmp_path, seed):
    chance, seen, position = random.Random(seed), [], (0, 0)

    async def write_and_read():
        nonlocal position
        spool = Spool(tmp_path, clock=SystemClock(), segment_bytes=5_000)
        spool.start()
        for number in range(300):
            last = spool.append(exchange(number, b"z" * chance.randint(0, 500)))
            if chance.random() < 0.1:
                await spool.wait_written(last, 1.0)
                for reached, record in list(read_spool(tmp_path, position)):
                    position = reached
                    seen.append(record)
        spool.close()

    asyncio.run(write_and_read())
    seen += [record for _, record in read_spool(tmp_path, position)]
    assert [r.id for r in seen if isinstance(r, Exchange)] == [f"x{n:08d}" for n in range(300)]
