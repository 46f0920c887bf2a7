"""A proof lapses by age, by a change of model, by drift in the traffic and by a changed prompt, while callers call.

The baseline is overloaded for callers throughout, so that whatever they get comes from the replacement.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from dataclasses import replace

import openai
import pytest

from switchover.domain.candidate import State
from switchover.domain.cut_off import CutOff, Target, TargetKind
from switchover.store.drills import lift_cut_off, place_cut_off
from switchover.store.exchanges import count_exchanges
from switchover.store.indexing import save_exchanges
from switchover.store.proofs import proofs, save_proof, verdicts
from switchover.testing.builders import make_exchange
from switchover.testing.fake_vendor import FakeVendor
from switchover.testing.inbox import DESKS, SORTING_PROMPT, messages

OTHER = (
    '  other: {{kind: openai, base_url: "{url}/v1", key: env:VENDOR_KEY, model: big-1, developer: acme, host: acme}}\n'
)
JUDGED = f"""\
    fallbacks: [other]
    rehearse: {{grader: label, margin: 0.10, labels: [{", ".join(DESKS)}]}}
    watch: {{canaries: 0, shadow: 100}}
watch: {{rehearse: off}}
"""
WRITING_PROMPT = (
    "Write to the customer in two friendly sentences: which department takes care of the matter, and when it calls. "
    "Use the customer's language. Do not repeat what was said, and do not apologise."
)
INBOX = random.Random(4).sample(messages(), 600)
RECORD, LIVE = INBOX[:200], iter(INBOX[200:])
# About half of them are in the verdict half, and the replacement is wrong on half of those.
LIVE_ASKED = 80


@pytest.fixture(scope="module")
def vendor():
    with FakeVendor() as running:
        yield running


@pytest.fixture(scope="module")
def other():
    with FakeVendor(seed=2) as running:
        yield running


@pytest.fixture(scope="module")
def running(stage, other, helpers):
    """A replacement that a rehearsal has shown READY, and callers whose baseline is overloaded."""
    stage.write(upstreams=OTHER.format(url=other.url), process=JUDGED)
    now = time.time()
    record = [
        exchange(m.text, m.desk, process="messages", route="messages", started_at=now - 90_000 + n)
        for n, m in enumerate(RECORD)
    ]
    stage.up("worker-0", "keeper")
    with stage.store() as store:
        save_exchanges(store, record)
        place_cut_off(store, OVERLOADED)
    stage.token = stage.key()
    rehearse(stage)
    helpers.wait_until(lambda: ask(stage) == "other", stage.said)
    return stage


OVERLOADED = CutOff(
    id="overload", target=Target(TargetKind.UPSTREAM, "vendor"), reason="a test", by="tester", placed_at=1.0,
    fault="overloaded",
)  # fmt: skip


def exchange(text, answer, **more):
    made = make_exchange(text, answer, **more)
    return replace(made, request=made.request.replace(b'"messages": [', b'"messages": [' + SYSTEM))


SYSTEM = b'{"role": "system", "content": "%b"}, ' % SORTING_PROMPT.encode()


def rehearse(stage):
    said = stage.done("rehearse", "messages", "--candidate", "other")
    assert "READY" in said, said
    return proof_of(stage)


def recorded(stage):
    with stage.store() as store:
        return count_exchanges(store)


def proof_of(stage):
    with stage.store() as store:
        return proofs(store, "messages", now=time.time())[0]


def ask(stage, text="where is my claim?", prompt=SORTING_PROMPT):
    """Who answered, or the status and what the caller was told."""
    said = [{"role": "system", "content": prompt}, {"role": "user", "content": text}]
    with stage.client(stage.token) as client:
        try:
            raw = client.chat.completions.with_raw_response.create(model="messages", messages=said)
        except openai.APIStatusError as refused:
            return refused.status_code, refused.message
        return raw.headers["x-switchover-upstream"]


class Asking:
    """Asks without a pause in a thread of its own, and notes when each request began and who answered it."""

    def __init__(self, stage):
        self.stage, self.answers, self._over = stage, [], threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.asks(SORTING_PROMPT)
        self._headers = {"authorization": f"Bearer {stage.token}", "content-type": "application/json"}

    def asks(self, prompt):
        """With this prompt, from here on."""
        said = [{"role": "system", "content": prompt}, {"role": "user", "content": "where is my claim?"}]
        self._body = json.dumps({"model": "messages", "messages": said}).encode()

    def _run(self):
        line = http.client.HTTPConnection(self.stage.url.removeprefix("http://"))
        while not self._over.is_set():
            began = time.time()
            line.request("POST", "/v1/chat/completions", self._body, self._headers)
            answer = line.getresponse()
            said = answer.read().decode()
            self.answers.append((began, answer.headers["x-switchover-upstream"] or said, answer.status))
        line.close()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self._thread.join()

    def stopped(self, helpers):
        """What callers are told once the replacement answers no more: none of them is answered after that."""
        helpers.wait_until(lambda: any(status != 200 for _, _, status in self.answers), self.stage.said)
        seen = len(self.answers)
        helpers.wait_until(lambda: len(self.answers) > seen + 20)
        since, told, status = next(one for one in self.answers if one[2] != 200)
        assert status == 503
        assert all(one[2] == 503 for one in self.answers if one[0] > since)
        assert {who for _, who, status in self.answers if status == 200} == {"other"}
        return told


def test_by_age(running, helpers):
    proof = proof_of(running)
    ends = time.time() + 1.0
    with Asking(running) as asking:
        helpers.wait_until(lambda: asking.answers)
        with running.store() as store:
            save_proof(store, replace(proof, expires_at=ends))
        running.followed()
        known = max(ends, time.time())
        assert "other: its proof has expired" in asking.stopped(helpers)
    assert [began for began, _, status in asking.answers if status == 200 and began >= known] == []
    with running.store() as store:
        save_proof(store, proof)
    helpers.wait_until(lambda: ask(running) == "other")


@pytest.mark.parametrize(
    ("upstream", "told"),
    [("other", "made with another model or prompt version"), ("vendor", "another baseline than vendor is today")],
)
def test_by_a_change_of_either_model_until_it_is_changed_back(running, helpers, upstream, told):
    line = next(one for one in running.config.read_text().splitlines() if one.strip().startswith(f"{upstream}:"))
    changed = line.replace("model: big-1", "model: big-2")
    with Asking(running) as asking:
        helpers.wait_until(lambda: asking.answers)
        running.edit(line, changed)
        said = asking.stopped(helpers)
    assert f"other: its proof was made {'with' if upstream == 'other' else 'against'}" in said
    assert told in said
    running.edit(changed, line)
    helpers.wait_until(lambda: ask(running) == "other", running.said)


def test_by_drift_in_live_traffic(running, helpers, other):
    other.control(wrong=0.5)
    with running.store() as store:
        lift_cut_off(store, None, "tester", time.time())
    # A breaker that opened meanwhile has to cool.
    helpers.wait_until(lambda: ask(running) == "vendor")
    before = recorded(running)
    for _ in range(LIVE_ASKED):
        assert ask(running, next(LIVE).text) == "vendor"
    helpers.wait_until(lambda: recorded(running) >= before + LIVE_ASKED)
    with running.store() as store:
        place_cut_off(store, replace(OVERLOADED, id="overload-2", placed_at=time.time()))
    helpers.wait_until(lambda: ask(running) == "other")
    with Asking(running) as asking:
        running.run("watch", "run", "--process", "messages")
        with running.store() as store:
            newest = verdicts(store, "messages")[0]
        told = asking.stopped(helpers)
    assert newest.state is State.EXPIRED
    assert "it has drifted" in newest.evidence.reasons[0]
    assert "other: its proof has ended: it has drifted" in told
    assert "it has drifted" in running.done("watch", "status")
    other.control(wrong=0.0)
    assert rehearse(running).epoch != newest.cell.epoch


def test_by_a_changed_prompt(running, helpers):
    helpers.wait_until(lambda: ask(running) == "other", running.said)
    with Asking(running) as asking:
        asking.asks(WRITING_PROMPT)
        told = asking.stopped(helpers)
    assert "other: its proof has ended: the application's prompt changed on" in told
    with running.store() as store:
        newest = verdicts(store, "messages")[0]
    assert newest.state is State.EXPIRED
    assert running.down() == 0
