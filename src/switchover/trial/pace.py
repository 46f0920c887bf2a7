"""How many calls an upstream bears at once, and how often, learned from its own signs. Pure: moments are handed in.

Additive increase, multiplicative decrease, as TCP does it (Chiu & Jain 1989, doi 10.1016/0169-7552(89)90019-6): one
more at once while all goes well, half as many at the first sign of strain.
"""

from __future__ import annotations

START = 2
# Fewer replies say too little of how long they take.
FEWEST_PER_LOOK = 8
# Answers differ in length; three times the quickest look's mean is more than they differ by chance, and below 50 ms
# what rises is our own share of the time.
RISING, NOTICED_S = 3.0, 0.05
# The quickest look is forgotten by so much at each one after it: an upstream may have become slower for good.
FORGOTTEN = 1.05


class Pace:
    """At most ``most`` calls at once, ``per_second`` of them a second (None: as many as there are).

    ``limit`` is how many may be in hand at this moment; it doubles until the first sign of strain and grows by one
    from then on.
    """

    __slots__ = ("_cut_at", "_last", "_looked", "_quickest", "_seconds", "_steady", "in_hand", "limit", "most", "wait")

    def __init__(self, most: int, *, per_second: float | None = None) -> None:
        if most < 1:
            raise ValueError("at least one call at once")
        self.most, self.limit, self.in_hand = most, min(START, most), 0
        self.wait = 1.0 / per_second if per_second is not None else 0.0
        self._steady = False
        self._last = self._cut_at = float("-inf")
        self._looked, self._seconds, self._quickest = 0, 0.0, float("inf")

    def next_at(self, now: float) -> float | None:
        """When the next call may begin, ``now`` or later; None until one ends."""
        if self.in_hand >= self.limit:
            return None
        return max(now, self._last + self.wait)

    def begin(self, now: float) -> None:
        """A call begins."""
        self.in_hand += 1
        self._last = now

    def end(self) -> None:
        """A call is over, however it went."""
        self.in_hand -= 1

    def answered(self, now: float, seconds: float) -> None:
        """It was answered within ``seconds``: one more at once, unless answers take ever longer."""
        self._looked += 1
        self._seconds += seconds
        if self._looked < max(FEWEST_PER_LOOK, self.limit):
            return
        mean = self._seconds / self._looked
        self._looked, self._seconds = 0, 0.0
        if mean > RISING * self._quickest + NOTICED_S:
            self._cut(now, max(self.limit * 3 // 4, 1))
        else:
            self.limit = min(self.limit + 1 if self._steady else self.limit * 2, self.most)
        self._quickest = min(mean, self._quickest * FORGOTTEN)

    def strained(self, begun: float, now: float) -> None:
        """A call that began at ``begun`` was too late, or met one who is too busy: half as many at once.

        Calls that began before the last cut tell of the load before it.
        """
        if begun > self._cut_at:
            self._cut(now, max(self.limit // 2, 1))

    def put_off(self, now: float) -> None:
        """We were asked to wait: one call at a time from here on."""
        self._cut(now, 1)

    def _cut(self, now: float, limit: int) -> None:
        self.limit, self._steady, self._cut_at = limit, True, now
        self._looked, self._seconds = 0, 0.0
