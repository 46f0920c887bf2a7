"""The catalogue's quality-drift: a vendor corrupts a share of its answers under the same name.

Canaries are graded on schedule, the proof is suspended when agreement has fallen, and no breaker moves on one answer.
"""

from __future__ import annotations

import random
import time

import pytest

from switchover.store.canaries import canaries, canary_calls
from switchover.store.indexing import save_exchanges
from switchover.store.register import suspensions
from switchover.testing.builders import make_exchange
from switchover.testing.fake_vendor import FakeVendor
from switchover.testing.inbox import DESKS, messages

OTHER = (
    '  other: {{kind: openai, base_url: "{url}/v1", key: env:VENDOR_KEY, model: big-1, developer: acme, host: acme}}\n'
)
JUDGED = f"""\
    fallbacks: [other]
    rehearse: {{grader: label, margin: 0.10, labels: [{", ".join(DESKS)}]}}
    watch: {{canaries: CALLS, shadow: 0}}
watch: {{calls_per_day: 1000}}
"""
DAYS_CALLS = 60
# Which prompts become canaries goes by the vendor's port. Whichever do: fewer than one day in 10**8 shows too little.
SHARE = 0.6


@pytest.fixture(scope="module")
def vendor():
    with FakeVendor() as running:
        yield running


@pytest.fixture(scope="module")
def other():
    with FakeVendor(seed=2) as running:
        yield running


@pytest.fixture(scope="module")
def proven(stage, other):
    stage.write(upstreams=OTHER.format(url=other.url), process=JUDGED.replace("CALLS", "20"))
    now = time.time()
    inbox = random.Random(4).sample(messages(), 200)
    with stage.store() as store:
        save_exchanges(
            store,
            [
                make_exchange(m.text, m.desk, process="messages", route="messages", started_at=now - 90_000 + n)
                for n, m in enumerate(inbox)
            ],
        )
    assert "READY" in stage.done("rehearse", "messages", "--candidate", "other")
    return stage


def round_of(stage):
    """What the round says of canaries."""
    done = stage.run("watch", "run", "--process", "messages")
    return [line for line in done.stdout.splitlines() if "canaries" in line]


def test_canaries_are_asked_on_schedule_and_one_corrupt_answer_does_nothing(proven, other):
    assert len(round_of(proven)) == 2
    with proven.store() as store:
        for name in ("vendor", "other"):
            (kept,) = {one.name for one in canaries(store, "messages", name)}
            assert len(canary_calls(store, kept)) == 20
        assert suspensions(store) == {}
    other.control(wrong=1.0)
    proven.edit("canaries: 20", "canaries: 21")
    (corrupt,) = [line for line in round_of(proven) if "canaries other" in line]
    assert other.served["wrong"] == 1
    assert f"21 answers to 20 canaries, {20 / 21:.0%} as before" in corrupt
    with proven.store() as store:
        assert suspensions(store) == {}


def test_once_a_share_is_corrupt_its_proof_is_suspended_and_no_breaker_moves(proven, other):
    other.control(wrong=SHARE)
    proven.edit("canaries: 21", f"canaries: {21 + DAYS_CALLS}")
    said = round_of(proven)
    assert any("changed without a word" in line for line in said), said
    with proven.store() as store:
        assert list(suspensions(store)) == ["other"]
    explained = proven.run("explain", "messages").stdout
    assert "other: its proof is suspended: it has changed without a word" in explained
    assert "breaker of" not in explained
    proven.done("restore", "upstream:other")
    assert "its proof is suspended" not in proven.run("explain", "messages").stdout
