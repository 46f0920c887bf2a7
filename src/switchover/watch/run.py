"""A daily round: probe → canary → drift → retirements → due rehearsals.

A step is a coroutine function that is handed the round and returns what it found, in order; what it wants others to
know it saves in the store. One that fails is told and costs no other step; it is tried again the next day.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from switchover.clock import Clock
from switchover.domain.candidate import PromptVersion
from switchover.domain.cut_off import CutOff
from switchover.domain.ports import Upstream
from switchover.domain.process import Process, Settings, UpstreamSpec
from switchover.domain.watching import Finding
from switchover.errors import StoreUnavailable, SwitchoverError
from switchover.evidence.events import Note
from switchover.probes.models_list import Listed
from switchover.store import Store
from switchover.store.watching import save_step_run
from switchover.trial.metering import Account
from switchover.trial.replay import Ask

from .allowance import Allowance


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What the steps of one round work with.

    ``settings`` have each upstream as it is seen to be (its chat template); own engines run. ``upstream`` makes one
    with its key read now and raises ConfigError when that can't be; ``ask`` puts a request as a prompt version says;
    ``account`` is what other calls for a process are charged to. ``listed`` is what an endpoint lists of its
    model, and raises UpstreamError. ``rng`` is seeded. ``cuts`` are the real cut-offs in force. ``only``: the round is
    about this process.

    Who calls an upstream asks :meth:`barred` whether it may, and has the call taken from the ``allowance`` first.
    """

    settings: Settings
    store: Store
    clock: Clock
    rng: Random
    note: Note
    allowance: Allowance
    upstream: Callable[[UpstreamSpec], Upstream]
    ask: Callable[[PromptVersion], Ask]
    account: Callable[[Process, UpstreamSpec], Account]
    listed: Callable[[UpstreamSpec], Awaitable[Listed | None]]
    cuts: Sequence[CutOff] = ()
    only: str | None = None

    @property
    def processes(self) -> list[Process]:
        """Those that the round is about."""
        return [one for name, one in self.settings.processes.items() if self.only in (None, name)]

    def barred(self, spec: UpstreamSpec) -> str | None:
        """Why an upstream is not to be called by anybody: it was cut off, really. None where it may be."""
        for cut in self.cuts:
            if not cut.processes and cut.target.covers(spec, self.settings.providers):
                return f"cut off ({cut.target}), so that it is not asked"
        return None


Step = Callable[[Round], Awaitable[Sequence[Finding]]]


async def watch_round(round_: Round, steps: Mapping[str, Step]) -> list[Finding]:
    """Runs ``steps`` one after the other, by their names; notes of each that it ran, and what kept it from its work.

    Raises StoreUnavailable when not even that can be noted: nothing that was found would be kept.
    """
    found: list[Finding] = []
    for name, step in steps.items():
        trouble = ""
        try:
            found += await step(round_)
        except StoreUnavailable:
            raise
        except SwitchoverError as error:
            trouble = str(error).partition("\n")[0]
        except Exception as error:  # whatever a step meets, the others are to run
            trouble = f"{type(error).__name__} in the step"
        if trouble:
            found.append(Finding(step=name, about="", well=False, said=trouble, trouble=True))
        save_step_run(round_.store, name, round_.clock.now(), trouble)
    return found
