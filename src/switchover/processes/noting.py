"""What the keeper notes in the evidence log: what nobody else is there to see, and what others had no time to note."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from switchover.clock import Clock
from switchover.domain.cut_off import CutOff
from switchover.domain.exchange import Exchange, Outcome
from switchover.domain.process import Settings
from switchover.errors import StoreUnavailable
from switchover.evidence import EvidenceLog, events
from switchover.evidence.compare import Noted, unnoted
from switchover.evidence.log import Event
from switchover.log import OncePerChange
from switchover.store import Store
from switchover.store.drills import cut_offs
from switchover.store.held import held_upstreams
from switchover.store.proofs import proofs

LOOK_S = 1.0
# Reads all facts of the store: not every second.
CATCH_UP_S = 10.0
# No entry waits longer than this for a checkpoint while the keeper runs.
SIGN_S = 60.0
# A process has switched when so many exchanges in a row say so: one answer of a replacement is a hiccup.
IN_A_ROW = 3
# More than this is not kept for a log that can't be written; what lies in the store is noted later all the same.
MOST_WAITING = 10_000
# Of the configuration's paths, so many parts: what is below a field is the organisation's own words.
DEPTH = 4


@dataclass(slots=True)
class _Run:
    """Exchanges in a row that were answered by the same upstream."""

    upstream: str | None
    count: int
    first: str
    at: float


class Noting:
    """Looks once a second; ``trouble`` is why the log can't be written, or nothing. What it did not take is kept."""

    def __init__(self, data: Path, clock: Clock, say: OncePerChange) -> None:
        self.data, self.clock, self.say = data, clock, say
        self.log, self.noted = EvidenceLog(data, clock), Noted()
        self.trouble = ""
        self._settings: Settings | None = None
        self._waiting: list[Event] = []
        self._answers: list[tuple[float, str, str, str | None]] = []
        self._runs: dict[str, _Run] = {}
        # As it was noted last, or will be once the log takes it.
        self._served_by: dict[str, str | None] = {}
        self._held: set[str] | None = None
        self._seen: tuple[int, int, int] | None = None
        self._look_at = self._catch_up_at = self._unsigned_since = self.clock.monotonic()
        self._signed = 0
        self._begun = False

    def note(self, event: Event) -> None:
        """Keeps an event for the next look."""
        self._waiting.append(event)

    def configuration(self, before: Settings | None, now: Settings) -> None:
        """Settings came into force; ``before`` None: at the start, when only the log knows what was in force."""
        self._settings = now
        try:
            found = hashlib.sha256(Path(now.source).read_bytes()).hexdigest()
        except OSError as error:
            self.say("evidence", "configuration not hashed", str(error))
            return
        paths = None if before is None else sorted(changed(_plain(before), _plain(now)))
        self._waiting.append(events.configuration(found, paths))

    def answered(self, exchanges: Sequence[Exchange]) -> None:
        """Takes in who answered what: for :meth:`round`, by which all are there and can be put in order.

        What was recorded elsewhere is no failover of ours.
        """
        for one in exchanges:
            if one.is_imported:
                continue
            if one.outcome is Outcome.FAILED:
                self._answers.append((one.started_at, one.id, one.process, None))
            elif one.upstream is not None and one.outcome is not Outcome.REJECTED:
                self._answers.append((one.started_at, one.id, one.process, one.upstream))

    def missing(self) -> None:
        """Something is missing from the record: :meth:`round` notes the gap at once."""
        self._look_at = self._catch_up_at = self.clock.monotonic()

    def round(self, store: Store) -> None:
        """Looks what there is to note, notes it, and signs in time. Raises StoreUnavailable for the store alone."""
        elapsed = self.clock.monotonic()
        if elapsed < self._look_at:
            return
        self._look_at = elapsed + LOOK_S
        drilled = [cut for cut in cut_offs(store) if cut.fault is not None] if self._answers else []
        if self._try(self._read):
            self._waiting += [*self._breakers(), *self._failovers(drilled)]
            late: list[Event] = []
            if elapsed >= self._catch_up_at:
                self._catch_up_at = elapsed + CATCH_UP_S
                late = [*self._expired(store), *unnoted(store, self.noted, self.clock.now())]
            self._try(lambda: self._write(late))
        del self._waiting[:-MOST_WAITING], self._answers[:-MOST_WAITING]
        self.say("evidence", "evidence log not written" if self.trouble else "", self.trouble)

    def close(self) -> None:
        """Notes what waits and signs, so that no entry is left without a checkpoint."""
        self._try(lambda: self._write([], at_once=True))

    def _try(self, do: Callable[[], None]) -> bool:
        try:
            do()
        except (StoreUnavailable, ValueError) as error:
            self.trouble = str(error)
            return False
        self.trouble = ""
        return True

    def _read(self) -> None:
        """Takes in what others appended."""
        state = self.log.state(self.noted.size)
        if state == self._seen:
            return
        before = self.noted.size
        self.noted.take(self.log.entries(before))
        self._seen = state
        signed = self.log.checkpoint()
        if self._signed == before and self.noted.size > before:
            self._unsigned_since = self.clock.monotonic()
        self._signed = signed.size if signed else 0

    def _write(self, late: Sequence[Event], *, at_once: bool = False) -> None:
        own = [event for event in self._waiting if not self._known(event)]
        # The first time with nothing, too: what a crash left half written is cut at the start, not some day.
        if own or late or not self._begun:
            self.log.append(*own, *late)
            self._begun = True
        self._waiting.clear()
        self._read()
        due = at_once or self.clock.monotonic() - self._unsigned_since >= SIGN_S
        if self.noted.size > self._signed and due:
            self._signed = self.log.sign().size

    def _known(self, event: Event) -> bool:
        """A start with the configuration that was in force before is no event."""
        known = "changed" not in event and event.get("sha256") == self.noted.configuration
        return event["event"] == "configuration" and known

    def _breakers(self) -> Iterator[Event]:
        """Breakers held or let go since the last look, by any worker."""
        before = self.noted.held if self._held is None else self._held
        now = held_upstreams(self.data)
        self._held = set(now)
        for upstream in sorted(now.keys() - before):
            yield events.held(upstream, now[upstream])
        for upstream in sorted(before - now.keys()):
            yield events.restored(upstream)

    def _failovers(self, drilled: Sequence[CutOff]) -> Iterator[Event]:
        """Processes that are served by another upstream than before; a drill's share is told by its drill."""
        answers, self._answers = sorted(self._answers), []
        for at, exchange, process, upstream in answers:
            if any(_met(cut, process, exchange, at) for cut in drilled):
                continue
            run = self._runs.get(process)
            if run is None or run.upstream != upstream:
                run = self._runs[process] = _Run(upstream, 0, exchange, at)
            run.count += 1
            before = self._before(process)
            if run.count == IN_A_ROW and upstream != before:
                self._served_by[process] = upstream
                yield events.switched(process, before, upstream, run.first, run.at)

    def _before(self, process: str) -> str | None:
        for known in (self._served_by, self.noted.served_by):
            if process in known:
                return known[process]
        found = self._settings.processes.get(process) if self._settings else None
        return found.baseline if found else None

    def _expired(self, store: Store) -> Iterator[Event]:
        """Proofs that ran out, each once."""
        for proof in proofs(store):
            if proof.expires_at <= self.clock.now() and proof.id not in self.noted.expired:
                yield events.proof_expired(proof)


def _met(cut: CutOff, process: str, exchange: str, at: float) -> bool:
    """Whether an exchange was in a drill's share while it was in force."""
    ends = min(moment for moment in (cut.lifted_at, cut.expires_at, float("inf")) if moment is not None)
    return cut.placed_at <= at < ends and (not cut.processes or process in cut.processes) and cut.reaches(exchange)


def _plain(settings: Settings) -> object:
    return msgspec.to_builtins(settings)


def changed(before: object, now: object, path: str = "") -> Iterator[str]:
    """The paths at which two settings differ; never a value, which may be secret."""
    if before == now:
        return
    if isinstance(before, Mapping) and isinstance(now, Mapping) and path.count(".") < DEPTH - 1:
        for name in before.keys() | now.keys():
            yield from changed(before.get(name), now.get(name), f"{path}.{name}" if path else str(name))
    else:
        yield path
