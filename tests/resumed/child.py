"""One run of a rehearsal, in a process that may be interrupted: ``python child.py FOLDER URL``."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import sys

from switchover.cli.common import plain
from switchover.clock import SystemClock
from switchover.domain.candidate import PromptKind, PromptVersion
from switchover.domain.process import RehearsalTerms
from switchover.domain.secret import Secret
from switchover.egress import Client
from switchover.graders import grader
from switchover.privacy.keyring import KeyRing
from switchover.privacy.sealing import Sealer
from switchover.rehearsal import Order, rehearse
from switchover.store import Store
from switchover.testing.builders import NOW, make_exchange, make_process
from switchover.testing.served import spec
from switchover.trial.ask import asker
from switchover.upstreams import UPSTREAMS

LABELS = ("billing", "claim", "cancel", "travel")
CASES, WRONG, NOISE, AT_ONCE = 600, 0.05, 0.05, 8


def drawn(*parts):
    """A number in [0, 1) for these parts."""
    return int(hashlib.sha256(repr(parts).encode()).hexdigest()[:8], 16) / (1 << 32)


def text_of(number):
    """A request that is like no other."""
    return " ".join(hashlib.sha256(f"{number} {place}".encode()).hexdigest()[:7] for place in range(9))


def truth(text):
    """What the recorded answer to it is."""
    return LABELS[int(drawn("truth", text) * 4)]


def answer(side, text):
    """What either side answers when it is asked again: always the same, now and then another label."""
    share = WRONG if side == "candidate" else NOISE
    return LABELS[(LABELS.index(truth(text)) + (drawn(side, text) < share)) % 4]


def record():
    """What was recorded of the process."""
    return [
        make_exchange(
            text_of(n),
            truth(text_of(n)),
            id=f"x-{n:06}",
            process="messages",
            route="messages",
            started_at=NOW - CASES + n,
        )
        for n in range(CASES)
    ]


def order(url):
    """What is rehearsed."""
    terms = RehearsalTerms(
        grader="label", settings={"labels": list(LABELS), "aliases": {}}, margin=0.09, concurrency=AT_ONCE
    )
    process = make_process("messages", baseline="vendor", fallbacks=("second",), rehearse=terms)
    return Order(
        process=process,
        baseline=spec("vendor", f"{url}/vendor"),
        candidate=spec("second", f"{url}/candidate"),
        prompt_version="as-is",
        concurrency=AT_ONCE,
    )


def opened(folder):
    """The store on disk, sealed."""
    return Store.open(f"sqlite:///{folder}/store.sqlite", sealer=Sealer(KeyRing(folder, SystemClock())))


class Today(SystemClock):
    """The same day at every run, so that no case is a day older."""

    def now(self):
        """A moment of that day."""
        return NOW


async def run(folder, url):
    """Rehearses; the verdict."""
    clock, asked = Today(), order(url)
    client = Client(clock)

    def ask(upstream):
        version = PromptVersion.make(process="messages", upstream=upstream.name, kind=PromptKind.AS_IS)
        made = UPSTREAMS[upstream.kind](upstream, upstream.base_url, Secret("none"), client)
        return asker(made, version, None, clock, spec=upstream)

    try:
        with opened(folder) as store:
            return await rehearse(
                asked,
                store=store,
                ask=ask(asked.candidate),
                baseline_ask=ask(asked.baseline),
                grader=grader(asked.process.rehearse),
                clock=clock,
            )
    finally:
        await client.close()


def told(verdict):
    """What two runs have to agree on."""
    return json.loads(
        json.dumps(plain({"state": verdict.state, "stopped": verdict.stopped, "evidence": verdict.evidence}))
    )


if __name__ == "__main__":
    # A shell's background job ignores it, and so would its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        asyncio.run(run(sys.argv[1], sys.argv[2]))
    except KeyboardInterrupt:
        sys.exit(130)
