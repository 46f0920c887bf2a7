"""A part of the keeper that trips over what nobody thought of is told, and begun again; the others go on."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from switchover.domain.process import Egress
from switchover.processes import beside
from switchover.processes.beside import lasting
from switchover.testing.builders import make_settings
from switchover.wiring import timestamps


@pytest.fixture
def logged(monkeypatch):
    monkeypatch.setattr(beside, "AGAIN_S", 0.0)
    return []


def told(logged):
    return lambda event, **fields: logged.append((event, fields))


def test_a_part_that_trips_is_told_without_what_it_quotes_and_begun_again(logged):
    begun = []

    async def part():
        begun.append(len(begun))
        if len(begun) < 3:
            raise KeyError("somebody's words")

    asyncio.run(lasting("housekeeping", part, asyncio.Event(), told(logged)))
    assert begun == [0, 1, 2]
    assert [(event, fields["name"], fields["raised"]) for event, fields in logged] == [
        ("part of the keeper tripped: it is begun again", "housekeeping", "KeyError")
    ] * 2
    assert "somebody" not in str(logged)


def test_none_is_begun_again_at_the_end(logged):
    async def main():
        stop = asyncio.Event()

        async def part():
            stop.set()
            raise OSError

        await lasting("watch", part, stop, told(logged))

    asyncio.run(main())
    assert len(logged) == 1


def test_time_stamps_go_on_once_the_certificate_authorities_can_be_read_again(logged, monkeypatch, tmp_path):
    gone = replace(
        make_settings(data_dir=str(tmp_path), timestamp="https://tsa.invalid"), egress=Egress(tls_ca="/gone")
    )
    there, asked = replace(gone, egress=Egress()), []
    monkeypatch.setattr(timestamps, "LOOK_S", 0.0)

    async def main():
        stop = asyncio.Event()

        async def look(self, ask):
            asked.append(ask)
            stop.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(timestamps.Stamping, "look", look)
        following = asyncio.create_task(
            lasting(
                "time-stamps",
                lambda: timestamps.follow(lambda: there if logged else gone, told([])),
                stop,
                told(logged),
            )
        )
        await asyncio.wait_for(stop.wait(), 20)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    asyncio.run(main())
    assert [fields["raised"] for _, fields in logged] == ["ConfigError"]
    assert len(asked) == 1
