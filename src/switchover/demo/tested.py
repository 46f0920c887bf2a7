"""What the demo's insurer tried in the weeks that are made up: rehearsals whose clock stands then, and drills.

The rehearsal is the product's own, on the record of :mod:`~switchover.demo.past`, with a clock that is handed in and
upstreams that the fake vendor's oracle answers for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from switchover.domain.candidate import PromptKind, PromptVersion, Proof, State, Verdict
from switchover.domain.process import Settings
from switchover.graders import grader
from switchover.rehearsal import Order, as_marked, rehearse
from switchover.store import Store
from switchover.store.drills import save_drill
from switchover.store.prompt_versions import save_prompt_version
from switchover.store.proofs import proofs
from switchover.testing.clock import ManualClock
from switchover.testing.fake_answers import Oracle
from switchover.testing.sample_organisation import sample_drill
from switchover.trial.replay import Reply

from .insurer import CLAIMS, LETTERS, MESSAGES
from .past import DAY, SECONDS, oracle

# Longer ago than its proof held.
REHEARSED_DAYS, DRILLED_DAYS = 16, 15
# What the demo itself tries today, where it is played.
LATELY_DAYS = 1


@dataclass(frozen=True, slots=True)
class _Model:
    """Answers a rehearsal as an upstream would have."""

    oracle: Oracle
    seconds: float

    async def __call__(self, request: Mapping[str, Any]) -> Reply:
        return Reply(self.oracle.draw(request["messages"][-1]["content"]).text, self.seconds)


def weeks_ago(store: Store, settings: Settings, now: float, *, seed: int = 1) -> None:
    """The letters' replacement was READY and drilled, and its proof has expired since (``now`` in Unix seconds)."""
    verdict = rehearsed(store, settings, LETTERS, "second", now - REHEARSED_DAYS * DAY, seed=seed)
    if verdict.state is State.READY:
        [proof] = proofs(store, LETTERS)
        drilled(store, proof, now - DRILLED_DAYS * DAY, "head-of-policies", rto=1.9)


def lately(store: Store, settings: Settings, now: float, *, seed: int = 1) -> None:
    """What the demo tries by itself: for pages that are shown without its having been played."""
    then = now - LATELY_DAYS * DAY
    rehearsed(store, settings, MESSAGES, "student", then, seed=seed)
    rehearsed(store, settings, MESSAGES, "own", then, seed=seed)
    rehearsed(store, settings, CLAIMS, "own", then, seed=seed)
    for proof in proofs(store, MESSAGES):
        drilled(store, proof, then + 3600, "head-of-customer-service", rto=0.4)


def rehearsed(store: Store, settings: Settings, process: str, upstream: str, then: float, *, seed: int = 1) -> Verdict:
    """Rehearses as of ``then`` (Unix seconds), on what the process had on record; saves what comes of it."""
    found, spec = settings.processes[process], settings.upstreams[upstream]
    kind = PromptKind.STUDENT if spec.kind == "student" else PromptKind.AS_IS
    version = PromptVersion.make(process=process, upstream=upstream, kind=kind, made_at=then)
    save_prompt_version(store, version)
    order = Order(
        process=found,
        baseline=settings.upstreams[found.baseline],
        candidate=spec,
        prompt_version=version.id,
        seed=seed,
    )
    if found.rehearse is None:
        raise ValueError(f"{process} does not say how candidates are judged")
    judged = grader(found.rehearse)
    return asyncio.run(
        rehearse(
            as_marked(order, store),
            store=store,
            # Another seed than the record's: a second answer is drawn afresh.
            ask=_Model(oracle(upstream, seed + 1), SECONDS[upstream]),
            baseline_ask=_Model(oracle(found.baseline, seed + 2), SECONDS[found.baseline]),
            grader=judged,
            clock=ManualClock(then),
        )
    )


def drilled(store: Store, proof: Proof, then: float, approver: str, *, rto: float) -> None:
    """Saves a drill that passed; what a drill observes can't be played in a second."""
    made = sample_drill(proof, name=f"made-up-{proof.process}", rto=rto, begun_at=then)
    save_drill(store, replace(made, approver=approver, operator="made up for the demo"))
