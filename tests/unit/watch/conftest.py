"""A desk: a process whose replacement a rehearsal has shown READY, its record, and rounds of the watch over it."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from switchover.domain.candidate import PromptKind, PromptVersion, State
from switchover.domain.process import RehearsalTerms, Sampling, Watch
from switchover.domain.watching import Why
from switchover.graders import grader
from switchover.rehearsal import Order, rehearse
from switchover.store import Store
from switchover.store.due_orders import due_orders
from switchover.store.indexing import save_exchanges
from switchover.store.prompt_versions import save_prompt_version
from switchover.store.proofs import latest_verdict, proofs
from switchover.testing.builders import make_exchange, make_process, make_settings, make_upstream
from switchover.testing.clock import ManualClock
from switchover.trial.metering import Unbilled
from switchover.trial.replay import Reply
from switchover.watch.allowance import Allowance
from switchover.watch.held import cell_of
from switchover.watch.run import Round

LABELS = ("billing", "claim")
TERMS = RehearsalTerms(grader="label", settings={"labels": list(LABELS), "aliases": {}}, margin=0.10)
PROMPT = "You sort messages of customers. Answer with exactly one desk and nothing else. Never promise any money."
DAY = 86_400.0


class Desk:
    """``wrong`` is the share of wrong answers by upstream, ``asked`` how often each was asked, ``down`` who fails."""

    prompt = PROMPT

    def __init__(self) -> None:
        self.clock, self.rng, self.noted = ManualClock(), random.Random(5), []
        self.store = Store.open("sqlite://")
        self.process = make_process(
            "messages", fallbacks=("other",), rehearse=TERMS, watch=Sampling(shadow=20, canaries=20)
        )
        self.upstreams = {"vendor": make_upstream(), "other": make_upstream("other", model="mid-1")}
        self.settings = make_settings(
            upstreams=self.upstreams, processes={"messages": self.process}, watch=Watch(calls_per_day=1000)
        )
        self.version = PromptVersion.make(process="messages", upstream="other", kind=PromptKind.AS_IS)
        save_prompt_version(self.store, self.version)
        self.wrong, self.asked, self.down = {"vendor": 0.0, "other": 0.0}, {"vendor": 0, "other": 0}, set()
        self.numbers = iter(range(10**6))

    def record(self, count, prompt=PROMPT):
        """So many exchanges of this moment, each with words of its own, told rightly by the vendor."""
        made = []
        for _ in range(count):
            words = " ".join("".join(self.rng.choices("bdfgklmnprstv", k=7)) for _ in range(9))
            text = f"{self.rng.choice(LABELS)} {words}"
            one = make_exchange(text, text.split()[0], process="messages", started_at=self.clock.now())
            system = b'"messages": [{"role": "system", "content": "%b"}, ' % prompt.encode()
            made.append(replace(one, request=one.request.replace(b'"messages": [', system)))
        save_exchanges(self.store, made)
        return made

    def ask(self, version):
        """Answers with the desk that the text begins with, or with the other one."""
        name = version.upstream

        async def answer(request):
            self.asked[name] += 1
            self.clock.advance(0.01)
            if name in self.down:
                return Reply(None, 0.0, "unreachable")
            right = request["messages"][-1]["content"].split()[0]
            wrong = self.rng.random() < self.wrong[name]
            return Reply(next(one for one in LABELS if (one != right) == wrong), 0.01)

        return answer

    def rehearse(self):
        baseline = PromptVersion.make(process="messages", upstream="vendor", kind=PromptKind.AS_IS)
        order = Order(
            process=self.process, baseline=self.upstreams["vendor"], candidate=self.upstreams["other"],
            prompt_version=self.version.id, concurrency=1,
        )  # fmt: skip
        return asyncio.run(
            rehearse(
                order,
                store=self.store,
                ask=self.ask(self.version),
                baseline_ask=self.ask(baseline),
                grader=grader(TERMS),
                clock=self.clock,
            )
        )

    def round(self, **changes):
        given = {
            "settings": self.settings, "store": self.store, "clock": self.clock, "rng": self.rng,
            "note": self.noted.append, "allowance": Allowance(self.settings.watch, self.store, self.clock),
            "upstream": None, "ask": self.ask, "listed": None,
            "account": lambda process, spec: Unbilled(),
        }  # fmt: skip
        return Round(**given | changes)

    def run(self, step, **changes):
        return asyncio.run(step(self.round(**changes)))

    def days(self, step, count, traffic=60):
        """Runs the step on so many days with their traffic, until it finds something amiss; the last day's findings."""
        found = []
        for _ in range(count):
            self.clock.advance(DAY)
            self.record(traffic)
            found = self.run(step)
            if not all(one.well for one in found):
                break
        return found

    @property
    def proofs(self):
        return proofs(self.store, "messages", now=self.clock.now())

    @property
    def events(self):
        return [event["event"] for event in self.noted]

    def verdict(self, proof):
        return latest_verdict(self.store, cell_of(proof).id)

    def due(self):
        return [(order.candidate, Why(order.why)) for order in due_orders(self.store, waiting=True)]


@pytest.fixture
def desk():
    made = Desk()
    made.record(170)
    made.clock.advance(60)
    assert made.rehearse().state is State.READY
    yield made
    made.store.close()
