"""A model swapped by one line of the configuration while callers go on, and a mistake that changes nothing."""

from __future__ import annotations

import asyncio
import time

import openai
import pytest

CALLS, CALLERS = 2_000, 8


@pytest.fixture(scope="module")
def running(stage):
    stage.write(workers=2)
    stage.up("worker-0", "worker-1", "keeper")
    stage.token = stage.key()
    return stage


class Load:
    """Callers that go on until told; what each call began, ended and got."""

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
                self.answers.append((begun, time.monotonic(), answer.model))


def test_two_thousand_calls_see_a_swap_and_a_mistake_without_one_failure(running, helpers, capsys):
    load, told = Load(running, helpers.say), {}

    def stopped():
        made = len(load.answers) + len(load.failed)
        if made >= 600 and "swap" not in told:
            running.edit("model: big-1", "model: big-2")
            told["swap"] = time.monotonic()
        if made >= 1400 and "mistake" not in told and time.monotonic() > told["swap"] + 1:
            running.edit("baseline: vendor", "baseline: vendr")
            told["mistake"] = time.monotonic()
        return made >= CALLS and "mistake" in told and time.monotonic() > told["mistake"] + 1

    asyncio.run(load.until(stopped))
    first_new = min(end for _, end, model in load.answers if model == "big-2") - told["swap"]
    last_old = max(begun for begun, _, model in load.answers if model == "big-1") - told["swap"]
    with capsys.disabled():
        print(
            f"\n{len(load.answers)} answered, {len(load.failed)} failed; first answer of the new model "
            f"{first_new:.2f} s after the write, last call to the old one {last_old:+.2f} s"
        )
    assert load.failed == []
    assert len(load.answers) >= CALLS
    assert first_new < 1.0
    assert last_old < 1.0
    assert {model for begun, _, model in load.answers if begun > told["mistake"]} == {"big-2"}


def test_the_mistake_is_told_with_its_line_until_it_is_mended(running, helpers):
    line = next(n for n, text in enumerate(running.config.read_text().splitlines(), 1) if "baseline: vendr" in text)
    helpers.wait_until(lambda: running.keeper()["configuration"] != "ok", 2)
    said = running.keeper()["configuration"]
    assert f"switchover.yaml:{line}: processes.messages.baseline" in said
    assert "want" in said
    assert "configuration refused" in running.said()
    refused = running.run("check")
    assert refused.returncode == 2
    assert "processes.messages.baseline" in refused.stderr
    running.edit("baseline: vendr", "baseline: vendor")
    helpers.wait_until(lambda: running.keeper()["configuration"] == "ok", 2)
    assert "vendr" not in running.done("doctor")
