"""A rehearsal interrupted midway goes on where it stopped, and concludes what an uninterrupted one concludes."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time

from switchover.store.indexing import save_exchanges
from switchover.testing.builders import make_exchange
from switchover.testing.fake_vendor import FakeVendor
from switchover.testing.inbox import DESKS, messages

SECOND = '  second: {{kind: openai, base_url: "{url}/v1", key: env:VENDOR_KEY, model: big-2, developer: b, host: b}}'
HOMES = "providers: {acme: {home: US}}", "providers: {acme: {home: US}, b: {home: DE}}"
TERMS = f"    fallbacks: [second]\n    rehearse: {{grader: label, margin: 0.10, labels: [{', '.join(DESKS)}]}}\n"
REHEARSE = ("rehearse", "messages", "--candidate", "second", "--json", "--budget")
BUDGET, MIDWAY = 60, 20
# How many cases are under way beyond the last one that counts is chance; each takes two calls.
AHEAD = 16


def record(stage):
    """Two hundred recorded messages; the same ids for everyone."""
    stage.data.mkdir()
    begun = time.time() - 5000
    with stage.store() as store:
        save_exchanges(
            store,
            [
                make_exchange(
                    message.text,
                    message.desk,
                    id=f"x-{number:06d}",
                    process="messages",
                    route="messages",
                    started_at=begun + number,
                )
                for number, message in enumerate(messages()[::8][:200])
            ],
        )


def concluded(text):
    verdict = json.loads(text)
    return verdict["state"], verdict["evidence"]["overall"], verdict["cell"]


def test_an_interrupted_rehearsal_resumes_without_asking_again_and_concludes_the_same(stage, capsys):
    with FakeVendor(latency=0.05) as candidate:
        stage.vendor = candidate
        stage.write(upstreams=SECOND.format(url=candidate.url), process=TERMS)
        stage.edit(*HOMES)
        record(stage)
        shutil.copytree(stage.data, stage.folder / "kept")
        asked = lambda: sum(candidate.served.values())  # noqa: E731  # counts candidate and baseline samples alike

        straight = stage.run(*REHEARSE, str(BUDGET))
        assert straight.returncode in (0, 3), straight.stderr
        calls = asked()
        assert calls >= MIDWAY + 10
        shutil.rmtree(stage.data)
        (stage.folder / "kept").rename(stage.data)

        # So slow that it is not over before the signal comes, however late that is.
        candidate.control(latency=1.0)
        child = subprocess.Popen(
            [*stage.product, *REHEARSE, str(BUDGET)], cwd=stage.folder, env=stage.env,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            # A shell's background job ignores the signal, and so would its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        stage.until(lambda: asked() >= calls + MIDWAY)
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=120)
        candidate.control(latency=0.05)
        assert child.returncode == 130, said
        assert said.strip() == "switchover: interrupted"
        partial = asked() - calls
        assert MIDWAY <= partial < calls

        with stage.store() as store:
            assert store
        scored = json.loads(stage.run("verdicts", "--json").stdout)[0]["evidence"]["overall"]["replays"]
        resumed = stage.run(*REHEARSE, str(BUDGET - scored))
        again = asked() - calls - partial
    assert concluded(resumed.stdout) == concluded(straight.stdout)
    assert abs(partial + again - calls) <= 2 * AHEAD
    with capsys.disabled():
        print(
            f"\nuninterrupted {calls} calls; {partial} until the interruption ({scored} scored) and {again} after it; "
            f"verdict {concluded(resumed.stdout)[0]} both times"
        )
