"""Credentials whose provider asked us to wait: left alone until the time given. Pure: every moment is handed in."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

# faults.yaml, defaults.retry_after_cap_s
LONGEST_S = 60.0


@dataclass(frozen=True, slots=True)
class Pause:
    """``until`` a moment on whoever's clock asks. ``capped``: more was asked for than is ever kept to."""

    until: float
    capped: bool = False

    def shifted(self, seconds: float) -> Pause:
        """The same pause, told by another clock."""
        return Pause(self.until + seconds, self.capped)

    def __str__(self) -> str:
        """As a reason, with the moment as Unix seconds told in UTC."""
        seconds = int(self.until) % 86_400
        at = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        return f"its credential is asked to wait until {at} UTC"


class Pauses:
    """Until when each credential is left alone. Neither its provider nor any breaker has a part in it."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Pause] = {}

    def begin(self, credential: Hashable, seconds: float, now: float) -> bool:
        """Leaves a credential alone for so long, at most 60 s; True unless it already was, for as long or longer."""
        pause = Pause(now + min(seconds, LONGEST_S), seconds > LONGEST_S)
        before = self._kept.get(credential)
        if seconds <= 0 or (before is not None and before.until >= pause.until):
            return False
        self._kept[credential] = pause
        return True

    def of(self, credential: Hashable, now: float) -> Pause | None:
        """The pause in force, or None."""
        pause = self._kept.get(credential)
        if pause is not None and pause.until <= now:
            del self._kept[credential]
            return None
        return pause

    def end(self, credential: Hashable) -> bool:
        """Forgets a pause; False when there is none."""
        return self._kept.pop(credential, None) is not None
