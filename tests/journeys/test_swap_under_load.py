"""A model swapped by one line of the configuration while callers go on, and a mistake that changes nothing."""

from __future__ import annotations

import asyncio
import time

import openai
import pytest

from switchover.store.snapshot import read_snapshot

CALLS, CALLERS = 2_000, 8


@pytest.fixture(scope="module")
def running(stage):
    stage.write(workers=2)
    stage.up("worker-0", "worker-1", "keeper")
    stage.token = stage.key()
    return stage


class Load:
    """Callers that go on until told; when each call began, and what it got."""

    def __init__(self, stage, say):
        self.stage, self.say = stage, say
        self.answers, self.failed = [], []

    async def until(self, done):
        async with openai.AsyncOpenAI(
            base_url=f"{self.stage.url}/v1", api_key=self.stage.token, max_retries=0
        ) as client:
            await asyncio.gather(*(self._call(client, done) for _ in range(CALLERS)))

    async def _call(self, client, done):
        while not done():
            begun = time.monotonic()
            try:
                answer = await client.chat.completions.create(model="messages", messages=self.say)
            except openai.APIError as error:
                self.failed.append(error)
            else:
                self.answers.append((begun, answer.model))


def test_two_thousand_calls_see_a_swap_and_a_mistake_without_one_failure(running, helpers):
    load, told = Load(running, helpers.say), {}

    def made():
        return len(load.answers) + len(load.failed)

    def swapped():
        return read_snapshot(running.data / "snapshot.json").upstreams["vendor"].model == "big-2"

    def story():
        running.until(lambda: made() >= 600)
        running.edit("model: big-1", "model: big-2")
        running.until(swapped)
        running.followed()
        told["swap"] = time.monotonic()
        running.until(lambda: made() >= 1400)
        running.edit("baseline: vendor", "baseline: vendr")
        running.until(lambda: running.keeper()["configuration"] != "ok")
        told["mistake"] = made()

    async def whole():
        telling = asyncio.create_task(asyncio.to_thread(story))
        await load.until(lambda: telling.done() and made() >= max(CALLS, told.get("mistake", 0) + 200))
        await telling

    asyncio.run(whole())
    assert load.failed == []
    assert len(load.answers) >= CALLS
    assert {model for _, model in load.answers} == {"big-1", "big-2"}
    # Whatever begins once every worker goes by the new configuration is the new model's; a mistake changes nothing.
    assert {model for begun, model in load.answers if begun > told["swap"]} == {"big-2"}


def test_the_mistake_is_told_with_its_line_until_it_is_mended(running, helpers):
    line = next(n for n, text in enumerate(running.config.read_text().splitlines(), 1) if "baseline: vendr" in text)
    helpers.wait_until(lambda: running.keeper()["configuration"] != "ok")
    said = running.keeper()["configuration"]
    assert f"switchover.yaml:{line}: processes.messages.baseline" in said
    assert "want" in said
    assert running.logged("configuration refused")
    refused = running.run("check")
    assert refused.returncode == 2
    assert "processes.messages.baseline" in refused.stderr
    running.edit("baseline: vendr", "baseline: vendor")
    helpers.wait_until(lambda: running.keeper()["configuration"] == "ok")
    assert "vendr" not in running.done("doctor")
