"""Alerts reach their channels: once where nothing breaks, again where it does, and never one held up by another."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from switchover.domain.alert import Alert, AlertKind, Channels, DeliveryState, Webhook
from switchover.domain.process import Settings
from switchover.errors import StoreUnavailable, Undelivered
from switchover.processes import delivering
from switchover.processes.delivering import GIVE_UP_S, TAKEN_S, Delivering
from switchover.store import Store
from switchover.store.alerts import newest_alerts, raise_alert, take_delivery, undelivered
from switchover.testing.builders import NOW, make_settings
from switchover.testing.clock import ManualClock

HOOK = Webhook(url="https://hooks.example.net/x", secret="env:HOOK")


class Stage:
    """A store with alerts, and keepers' parts on it whose channels are played."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'store.sqlite'}"
        self.clock = ManualClock(NOW)
        self.settings: Settings = replace(
            make_settings(), data_dir=str(folder), alerts=Channels(webhooks={"ops": HOOK, "board": HOOK})
        )
        self.sent: list[tuple[str, str]] = []
        self.logged: list[tuple[str, dict[str, Any]]] = []
        self.broken: dict[str, BaseException] = {}
        self.store = Store.open(self.url)

    def raise_one(self, percent: int = 50, at: float = NOW) -> Alert:
        alert = Alert(
            id=f"al-{percent}", kind=AlertKind.REACHED, about="process:p", period="2026-11", at=at, said=f"{percent} %",
            amount=1, percent=percent,
        )  # fmt: skip
        assert raise_alert(self.store, alert, self.settings.alerts.names)
        return alert

    def part(self, send: Any = None) -> Delivering:
        async def played(_settings: Settings, channel: str, alert: Alert) -> None:
            await asyncio.sleep(0)
            if channel in self.broken:
                raise self.broken[channel]
            self.sent.append((channel, alert.id))

        return Delivering(
            lambda: self.settings, clock=self.clock, log=lambda event, **fields: self.logged.append((event, fields)),
            send=send or played, open_store=lambda _: Store.open(self.url),
        )  # fmt: skip

    def run(self, *parts: Delivering) -> None:
        """One look of each, at once, until nothing is under way."""

        async def go() -> None:
            for part in parts:
                await part.look()
            for part in parts:
                await part.idle()
                await part.close()

        asyncio.run(go())

    def ways(self) -> dict[str, tuple[str, int, str]]:
        ((_, found),) = newest_alerts(self.store, 1)
        return {way.channel: (way.state.value, way.tries, way.trouble) for way in found}


@pytest.fixture
def stage(tmp_path):
    made = Stage(tmp_path)
    yield made
    made.store.close()


def test_each_alert_reaches_each_channel_once_in_the_order_they_were_raised(stage):
    stage.raise_one(50)
    stage.raise_one(80, NOW + 1)
    stage.clock.advance(2)
    stage.run(stage.part())
    stage.run(stage.part())
    assert sorted(stage.sent) == [(f"webhook:{name}", f"al-{mark}") for name in ("board", "ops") for mark in (50, 80)]
    assert stage.sent.index(("webhook:ops", "al-50")) < stage.sent.index(("webhook:ops", "al-80"))
    assert set(stage.ways().values()) == {("delivered", 1, "")}


def test_two_keepers_at_once_deliver_each_alert_once(stage):
    for mark in (50, 80, 95, 100):
        stage.raise_one(mark)
    stage.run(stage.part(), stage.part(), stage.part())
    assert len(stage.sent) == len(set(stage.sent)) == 8


def test_a_receiver_that_is_down_delays_no_other_and_is_tried_later_each_time(stage):
    stage.raise_one()
    stage.broken["webhook:ops"] = Undelivered("answered with status 503")
    stage.run(stage.part())
    assert stage.sent == [("webhook:board", "al-50")]
    assert stage.ways()["webhook:ops"] == ("waiting", 1, "answered with status 503")
    for tries, wait in enumerate([10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600], 1):
        stage.clock.advance(wait - 1)
        stage.run(stage.part())
        assert stage.ways()["webhook:ops"][1] == tries
        stage.clock.advance(1)
        stage.run(stage.part())
        assert stage.ways()["webhook:ops"][1] == tries + 1
    (alert, way), *more = undelivered(stage.store)
    assert (alert.id, way.channel, way.state, more) == ("al-50", "webhook:ops", DeliveryState.WAITING, [])
    del stage.broken["webhook:ops"]
    stage.clock.advance(3600)
    stage.run(stage.part())
    assert stage.sent[-1] == ("webhook:ops", "al-50")
    assert undelivered(stage.store) == []


def test_after_days_it_is_given_up_and_stays_to_be_seen(stage):
    stage.raise_one()
    stage.broken["webhook:ops"] = RuntimeError("with words that nobody is to read")
    stage.run(stage.part())
    stage.clock.advance(GIVE_UP_S)
    stage.run(stage.part())
    assert stage.ways()["webhook:ops"] == ("given up", 2, "RuntimeError in the channel")
    assert "words" not in str(stage.logged)
    stage.clock.advance(GIVE_UP_S)
    stage.run(stage.part())
    assert stage.ways()["webhook:ops"][1] == 2
    assert [way.state.value for _, way in undelivered(stage.store)] == ["given up"]


def test_a_slow_receiver_holds_up_only_itself_and_is_broken_off_at_the_end(stage):
    stage.raise_one()
    reached = asyncio.Event()

    async def slow(_settings, channel, alert):
        if channel == "webhook:ops":
            await asyncio.Event().wait()
        stage.sent.append((channel, alert.id))
        reached.set()

    async def go():
        part, stop = stage.part(slow), asyncio.Event()
        running = asyncio.create_task(part.run(stop))
        await asyncio.wait_for(reached.wait(), 60)
        stop.set()
        await asyncio.wait_for(running, 60)

    asyncio.run(go())
    assert stage.sent == [("webhook:board", "al-50")]
    # Given back: whoever comes next need not wait until the time it was taken for is over.
    stage.run(stage.part())
    assert stage.sent[-1] == ("webhook:ops", "al-50")


def test_what_is_broken_off_while_it_is_being_taken_is_given_back(stage, monkeypatch):
    stage.raise_one()
    taking, go_on = threading.Event(), threading.Event()

    def slowly(*words):
        taking.set()
        assert go_on.wait(60)
        return take_delivery(*words)

    async def go():
        part = stage.part()
        await part.look()
        await asyncio.to_thread(taking.wait, 60)
        closing = asyncio.create_task(part.close())
        await asyncio.sleep(0)
        go_on.set()
        await closing

    with monkeypatch.context() as patch:
        patch.setattr(delivering, "take_delivery", slowly)
        asyncio.run(go())
    assert stage.sent == []
    stage.run(stage.part())
    assert sorted(stage.sent) == [("webhook:board", "al-50"), ("webhook:ops", "al-50")]


def test_a_keeper_killed_between_deciding_and_delivering_has_lost_nothing(stage):
    stage.store.close()
    pid = os.fork()
    if pid == 0:
        try:

            async def killed(_settings, _channel, _alert):
                os.kill(os.getpid(), signal.SIGKILL)

            stage.store = Store.open(stage.url)
            stage.raise_one()
            stage.run(stage.part(killed))
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    stage.store = Store.open(stage.url)
    stage.run(stage.part())
    taken = {name for name, way in stage.ways().items() if way[0] == "waiting"}
    assert taken
    stage.clock.advance(TAKEN_S)
    stage.run(stage.part())
    assert sorted(stage.sent) == [("webhook:board", "al-50"), ("webhook:ops", "al-50")]


def test_what_was_delivered_and_not_saved_comes_again_with_the_same_id(stage, monkeypatch):
    stage.raise_one()
    stage.settings = replace(stage.settings, alerts=Channels(webhooks={"ops": HOOK}))

    def away(*_words):
        raise StoreUnavailable("the store is away", mend="wait")

    with monkeypatch.context() as patch:
        patch.setattr(delivering, "delivered", away)
        part = stage.part()
        stage.run(part)
    assert part.trouble.startswith("the store is away")
    stage.clock.advance(TAKEN_S)
    stage.run(stage.part())
    assert stage.sent == [("webhook:ops", "al-50")] * 2


def test_what_waits_for_a_channel_that_is_gone_is_given_up_after_an_hour(stage):
    stage.broken["webhook:board"] = Undelivered("no")
    stage.raise_one()
    stage.settings = replace(stage.settings, alerts=Channels(webhooks={"ops": HOOK}))
    stage.run(stage.part())
    assert stage.ways()["webhook:board"][0] == "waiting"
    stage.clock.advance(3601)
    stage.run(stage.part())
    assert stage.ways()["webhook:board"] == ("given up", 0, "its channel is not configured any more")
    assert stage.sent == [("webhook:ops", "al-50")]


def test_a_store_that_is_away_is_said_once_and_tried_again(stage):
    stage.raise_one()
    part = stage.part()
    opened = part.open_store

    def away(_settings):
        raise StoreUnavailable("the store is away", mend="wait")

    async def go():
        part.open_store = away
        for _ in range(3):
            await part.look()
            await part.idle()
        part.open_store = opened
        await part.look()
        await part.idle()
        await part.close()

    asyncio.run(go())
    assert [event for event, _ in stage.logged].count("alerts held up: trying again") == 1
    assert len(stage.sent) == 2
    assert part.trouble == ""
