"""Breakers as a table: per upstream, credential, model and provider. Pure: every moment is handed in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from switchover.domain.process import UpstreamSpec
from switchover.errors import UpstreamError

from .pauses import Pause, Pauses

# faults.yaml, defaults.breaker
WINDOW_S = 60.0
BUCKET_S = 5.0
MIN_CALLS = 10
OPEN_AT = 0.5
# Envoy, outlier detection, consecutive_5xx: an upstream with little traffic is not asked ten times to be known dead.
OPEN_AFTER = 5
COOLDOWN_S = 10.0
COOLDOWN_MAX_S = 30.0
COOLDOWN_MAX_SLOW_S = 300.0
CLOSE_AFTER = 3


class BreakerState(StrEnum):
    """closed: calls flow. open: none until it has cooled. half-open: one probe at a time. held: until cleared."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"
    HELD = "held"


class Event(StrEnum):
    """What moves a breaker."""

    TRIPPED = "tripped"
    HOLD = "hold"
    COOLED = "cooled"
    ANSWERED = "answered often enough"
    FAILED = "failed"
    CLEARED = "cleared"


CLOSED, OPEN, HALF_OPEN, HELD = BreakerState
NEXT: dict[tuple[BreakerState, Event], BreakerState] = {
    (CLOSED, Event.TRIPPED): OPEN,
    (CLOSED, Event.HOLD): HELD,
    (OPEN, Event.COOLED): HALF_OPEN,
    (OPEN, Event.HOLD): HELD,
    (OPEN, Event.CLEARED): CLOSED,
    (HALF_OPEN, Event.ANSWERED): CLOSED,
    (HALF_OPEN, Event.FAILED): OPEN,
    (HALF_OPEN, Event.TRIPPED): OPEN,
    (HALF_OPEN, Event.HOLD): HELD,
    (HALF_OPEN, Event.CLEARED): CLOSED,
    (HELD, Event.CLEARED): CLOSED,
}
RANK = {CLOSED: 0, HALF_OPEN: 1, OPEN: 2, HELD: 3}


@dataclass(slots=True)
class Breaker:
    """One breaker with its rolling window of calls, in buckets of 5 s."""

    state: BreakerState = BreakerState.CLOSED
    reason: str = ""
    opened_at: float = 0.0
    cooldown: float = COOLDOWN_S
    answered: int = 0
    in_a_row: int = 0
    buckets: dict[int, list[int]] = field(default_factory=dict)

    def move(self, event: Event, now: float, reason: str = "") -> bool:
        """Follows the table; True when the state changed. An event the table doesn't name changes nothing."""
        after = NEXT.get((self.state, event))
        if after is None:
            return False
        if after is OPEN:
            self.opened_at = now
        if after is CLOSED:
            self.cooldown = COOLDOWN_S
            self.buckets.clear()
        self.state, self.answered, self.in_a_row = after, 0, 0
        self.reason = reason or self.reason
        return True

    def cool(self, now: float) -> bool:
        """Half-opens an open breaker whose time has come."""
        return self.state is OPEN and now >= self.opened_at + self.cooldown and self.move(Event.COOLED, now)

    def success(self, now: float) -> bool:
        """A call that ended well; True when the state changed."""
        if self.state is HALF_OPEN:
            self.answered += 1
            return self.answered >= CLOSE_AFTER and self.move(Event.ANSWERED, now)
        bucket = self.buckets.get(int(now // BUCKET_S)) or self._bucket(now)
        bucket[0] += 1
        self.in_a_row = 0
        return False

    def failure(self, now: float, reason: str, *, slow: bool = False) -> bool:
        """A call that failed or was slow; opens at half of at least ten calls within a minute, or at five in a row."""
        if self.state is HALF_OPEN:
            longest = COOLDOWN_MAX_SLOW_S if slow else COOLDOWN_MAX_S
            self.cooldown = min(self.cooldown * 2, longest)
            return self.move(Event.FAILED, now, reason)
        self._bucket(now)[1] += 1
        oldest = int((now - WINDOW_S) // BUCKET_S)
        recent = [counts for key, counts in self.buckets.items() if key > oldest]
        good, bad = sum(c[0] for c in recent), sum(c[1] for c in recent)
        self.in_a_row += 1
        most_failed = good + bad >= MIN_CALLS and bad >= OPEN_AT * (good + bad)
        return (most_failed or self.in_a_row >= OPEN_AFTER) and self.move(Event.TRIPPED, now, reason)

    def _bucket(self, now: float) -> list[int]:
        key = int(now // BUCKET_S)
        bucket = self.buckets.get(key)
        if bucket is None:
            oldest = key - int(WINDOW_S // BUCKET_S)
            for stale in [k for k in self.buckets if k <= oldest]:
                del self.buckets[stale]
            bucket = self.buckets[key] = [0, 0]
        return bucket


Key = tuple[str, str]


def scopes(spec: UpstreamSpec) -> dict[str, Key]:
    """The breakers that an upstream hangs on, by scope. Upstreams share those they have in common."""
    return {
        "upstream": ("upstream", spec.name),
        "credential": ("credential", f"{spec.host}:{spec.key or spec.name}"),
        "model": ("model", f"{spec.host}:{spec.model}"),
        "provider": ("provider", spec.host),
    }


class Board:
    """Every breaker of a worker, and every credential it leaves alone.

    ``version`` rises with each change, so that plans may be kept while it stands.
    """

    def __init__(self) -> None:
        self.version = 0
        self._pauses = Pauses()
        self._breakers: dict[Key, Breaker] = {}
        self._keys: dict[str, tuple[UpstreamSpec, tuple[Key, ...]]] = {}
        # What an upstream hangs on, by its name, where all of it was closed at that version.
        self._closed: dict[str, tuple[UpstreamSpec, int, tuple[Breaker, ...]]] = {}

    def state(self, spec: UpstreamSpec, now: float) -> BreakerState:
        """The worst of the states an upstream hangs on."""
        closed = self._closed.get(spec.name)
        if closed is not None and closed[1] == self.version and closed[0] is spec:
            return CLOSED
        worst = CLOSED
        for key in self._of(spec):
            breaker = self._breakers.get(key)
            if breaker is None:
                continue
            if breaker.cool(now):
                self.version += 1
            if RANK[breaker.state] > RANK[worst]:
                worst = breaker.state
        if worst is CLOSED:
            self._breaker(("upstream", spec.name))
            found = tuple([self._breakers[key] for key in self._of(spec) if key in self._breakers])
            self._closed[spec.name] = (spec, self.version, found)
        return worst

    def breakers(self, spec: UpstreamSpec, now: float) -> Iterator[tuple[str, BreakerState, str]]:
        """Scope, state and reason of each breaker an upstream hangs on."""
        for scope, key in scopes(spec).items():
            breaker = self._breakers.get(key)
            if breaker is None:
                yield scope, CLOSED, ""
                continue
            if breaker.cool(now):
                self.version += 1
            yield scope, breaker.state, breaker.reason

    def pause(self, spec: UpstreamSpec, now: float) -> Pause | None:
        """The pause of an upstream's credential, or None."""
        return self._pauses.of(scopes(spec)["credential"], now)

    def next_change(self) -> float:
        """When the next open breaker half-opens; inf when none is open."""
        return min((b.opened_at + b.cooldown for b in self._breakers.values() if b.state is OPEN), default=float("inf"))

    def answered(self, spec: UpstreamSpec, now: float) -> None:
        """A call to an upstream ended well."""
        if self.state(spec, now) is CLOSED:
            for breaker in self._closed[spec.name][2]:
                breaker.success(now)
            return
        for key in self._of(spec):
            if key in self._breakers and self._breakers[key].success(now):
                self.version += 1

    def failed(self, spec: UpstreamSpec, error: UpstreamError, now: float) -> Key | None:
        """A call failed, with the effect its class names. Returns the breaker that is held from now on, if one is."""
        if error.pauses and error.retry_after is not None:
            self.version += self._pauses.begin(scopes(spec)["credential"], error.retry_after, now)
        scope, effect = error.breaker_scope, error.breaker_effect
        if scope == "none" or effect == "none":
            return None
        key = scopes(spec)[scope]
        breaker = self._breaker(key)
        if effect == "hold":
            changed = breaker.move(Event.HOLD, now, error.fault)
        elif effect == "trip":
            changed = breaker.move(Event.TRIPPED, now, error.fault)
        else:
            changed = breaker.failure(now, error.fault, slow=effect == "slow")
        self.version += changed
        return key if changed and effect == "hold" else None

    def clear(self, spec: UpstreamSpec, now: float) -> None:
        """Closes every breaker an upstream hangs on, ends its pause: a person restored it, or its setting changed."""
        self.version += self._pauses.end(scopes(spec)["credential"])
        for key in self._of(spec):
            if key in self._breakers and self._breakers[key].move(Event.CLEARED, now):
                self.version += 1

    def reasons(self, spec: UpstreamSpec) -> str:
        """The faults that opened what an upstream hangs on."""
        found = [self._breakers[k] for k in self._of(spec) if k in self._breakers]
        return ", ".join(sorted({b.reason for b in found if b.state is not CLOSED and b.reason}))

    def _breaker(self, key: Key) -> Breaker:
        breaker = self._breakers.get(key)
        if breaker is None:
            breaker = self._breakers[key] = Breaker()
            self.version += 1
        return breaker

    def _of(self, spec: UpstreamSpec) -> tuple[Key, ...]:
        kept = self._keys.get(spec.name)
        if kept is None or kept[0] is not spec:
            kept = self._keys[spec.name] = (spec, tuple(scopes(spec).values()))
        return kept[1]
