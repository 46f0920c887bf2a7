"""When each step of the round is due: once a day, at a moment within the window that differs from day to day. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

from switchover.domain.process import Watch

DAY_S = 86_400.0
# A step that was never run waits so long: whoever starts and stops on a trial starts nothing that costs.
SETTLE_S = 3600.0


def moment_of(day: int, watch: Watch, seed: str) -> float:
    """The moment (Unix seconds) at which the round of a day is due; ``day`` counts from 1970, by its window's begin.

    Drawn from the seed and the day, so that many installations do not ask one vendor in the same second.
    """
    drawn = int(hashlib.sha256(f"{seed} {day}".encode()).hexdigest()[:12], 16) / 16**12
    # A round takes a while: it begins in the window's first half.
    return day * DAY_S + watch.begins + drawn * watch.lasts / 2


def last_moment(now: float, watch: Watch, seed: str) -> float:
    """The latest moment of a round that is not after ``now``."""
    today = math.floor(now / DAY_S)
    return max(at for day in (today - 2, today - 1, today) if (at := moment_of(day, watch, seed)) <= now)


def due_steps(
    names: Sequence[str],
    ran: Mapping[str, float | None],
    wanted: Mapping[str, float],
    now: float,
    watch: Watch,
    seed: str,
) -> list[str]:
    """The steps that are due at ``now``, in order.

    ``ran`` says when each last ran, ``wanted`` since when it is. What was missed while nobody ran is due at once, and
    once.
    """
    moment = last_moment(now, watch, seed)
    found = []
    for name in names:
        before = ran.get(name)
        if before is None:
            since = wanted.get(name)
            # Its first moment is the first after it has been wanted for a while.
            if since is not None and since + SETTLE_S < moment:
                found.append(name)
        elif before < moment:
            found.append(name)
    return found


def next_moment(now: float, watch: Watch, seed: str) -> float:
    """The first moment of a round after ``now``."""
    today = math.floor(now / DAY_S)
    return min(at for day in (today - 1, today, today + 1) if (at := moment_of(day, watch, seed)) > now)


def in_window(now: float, watch: Watch) -> bool:
    """Whether rehearsals may run at ``now``."""
    return (now % DAY_S - watch.begins) % DAY_S < watch.lasts
