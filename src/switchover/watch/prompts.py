"""Has the application's prompt changed? The frames of the newest traffic against those of the cases behind the proofs.

What a proof says it says of a prompt. So proofs end when half of the newest twenty requests, or a fifth of the newest
two hundred of a day, bear frames that none of the replayed cases bears.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

import msgspec

from switchover.clock import Clock
from switchover.domain.exchange import SIDE_DIALECTS, Exchange, Outcome
from switchover.domain.process import Process, Settings
from switchover.domain.watching import Change, ChangeKind, Finding
from switchover.errors import CallerError
from switchover.evidence import events
from switchover.prompts import chat_request
from switchover.store import Store
from switchover.store.exchanges import list_exchanges, some_exchanges
from switchover.store.register import baseline_lost
from switchover.store.trials import differences
from switchover.trial.frames import Pieces, pieces, unknown

from .ending import end
from .held import Held, held
from .run import Round

NAME = "prompts"
NEWEST, MOST_UNKNOWN = 20, 10
OF_DAY, SHARE_OF_DAY, FEWEST_OF_DAY = 200, 0.20, 100
DAY_S = 86_400.0
# With fewer readable cases behind the proofs nobody can say what their frames were.
FEWEST_KNOWN = 20


class PromptWatch:
    """Looks again and again, and remembers the frames of what it read: a look costs what is new since the last one."""

    def __init__(self, store: Store, clock: Clock, note: events.Note) -> None:
        self.store, self.clock, self.note = store, clock, note
        # By process; None for what can't be read.
        self._frames: dict[str, dict[str, Pieces | None]] = {}
        self._seen: dict[str, tuple[str, ...]] = {}

    def look(self, settings: Settings, process: Process, *, day: bool = False) -> Change | None:
        """Ends the process's proofs if its prompt has changed; the change. With ``day`` the day's traffic counts, too.

        Nothing is judged while the baseline is lost: proofs are then held as they were.
        """
        newest = self._newest(process, day=day)
        ids = tuple(exchange.id for exchange in newest)
        if len(ids) < NEWEST or (not day and self._seen.get(process.name) == ids):
            return None
        self._seen[process.name] = ids
        found = held(settings, self.store, process, self.clock.now())
        if not found or process.name in baseline_lost(self.store):
            return None
        since = self._changed(process.name, newest, found)
        if since is None:
            return None
        why = f"the application's prompt changed on {datetime.fromtimestamp(since, UTC):%Y-%m-%d at %H:%M} UTC"
        change = Change.of(process.name, ChangeKind.PROMPT, why, at=self.clock.now(), since=since)
        end(self.store, change, self.note)
        return change

    def _newest(self, process: Process, *, day: bool) -> list[Exchange]:
        """The newest requests for answers in words, newest first; without their bodies."""
        found = list_exchanges(
            self.store,
            process=process.name,
            since=self.clock.now() - DAY_S if day else None,
            outcome=Outcome.COMPLETE,
            limit=OF_DAY if day else NEWEST,
            bodies=False,
        )
        return [exchange for exchange in found if exchange.dialect not in SIDE_DIALECTS]

    def _changed(self, process: str, newest: Sequence[Exchange], found: Sequence[Held]) -> float | None:
        """Since when the newest traffic bears frames that none of the replayed cases bears; None where it does not."""
        replayed = {row.exchange_id for one in found for row in differences(self.store, one.cell.id)}
        frames = self._read(process, {*replayed, *(exchange.id for exchange in newest)})
        known = [frames[name] for name in replayed if name in frames]
        read = [exchange for exchange in newest if exchange.id in frames]
        if len(known) < FEWEST_KNOWN or len(read) < NEWEST:
            return None
        windows = [(read[:NEWEST], MOST_UNKNOWN)]
        if len(read) >= FEWEST_OF_DAY:
            windows.append((read, math.ceil(SHARE_OF_DAY * len(read))))
        for window, most in windows:
            strange = unknown([frames[exchange.id] for exchange in window], known)
            if sum(strange) >= most:
                return min(exchange.started_at for exchange, is_new in zip(window, strange, strict=True) if is_new)
        return None

    def _read(self, process: str, ids: Collection[str]) -> dict[str, Pieces]:
        """The frames of exchanges, as far as their bodies are kept."""
        before = self._frames.get(process, {})
        frames: dict[str, Pieces | None] = {name: before.get(name) for name in ids}
        for exchange in some_exchanges(self.store, [name for name in ids if name not in before]):
            frames[exchange.id] = _frame(exchange)
        self._frames[process] = frames
        return {name: frame for name, frame in frames.items() if frame is not None}


def _frame(exchange: Exchange) -> Pieces | None:
    if not exchange.request:
        return None
    try:
        return pieces(chat_request(exchange))
    except (msgspec.MsgspecError, CallerError, KeyError, TypeError, ValueError):
        return None


async def prompts(round_: Round) -> list[Finding]:
    """The step of a round: each process's newest traffic, and that of its day."""
    watch = PromptWatch(round_.store, round_.clock, round_.note)
    changed = [(process, watch.look(round_.settings, process, day=True)) for process in round_.processes]
    return [
        Finding(
            step=NAME, about=process.name, well=change is None, said=change.why if change else "its prompt is known"
        )
        for process, change in changed
    ]
