"""What the fake vendor knows, and how it gets it wrong: the one place where the truth is looked at."""

from __future__ import annotations

import datetime
import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from random import Random

from .inbox import DESKS, claims, messages

UNKNOWN = "I am a simulated vendor and do not know this message."
CAUSES = ("water", "fire", "theft", "collision", "storm", "glass", "medical", "other")
ITEMS = ("front door", "garden shed", "laptop", "carpet in the hall", "windscreen")
# Latency varies by about a third around its mean, as a loaded service's does.
SPREAD = 0.3


def inbox_answers() -> dict[str, str]:
    """The truth of the whole inbox: message text → desk, claim text → JSON object."""
    known = {message.text: message.desk for message in messages()}
    known.update({claim.text: json.dumps(dict(claim.fields), ensure_ascii=False) for claim in claims()})
    return known


@dataclass(frozen=True, slots=True)
class Drawn:
    """What one call gets: ``failure`` is None or an HTTP status; ``seconds`` is its latency."""

    text: str
    seconds: float
    failure: int | None
    wrong: bool


class Oracle:
    """Draws each call's answer afresh, from the seed, the text and how often the text was asked before.

    So two calls with one text differ, and a run with the same calls gets the same answers whatever their order.
    ``wrong`` and ``failures`` are shares (0–1), ``latency`` a mean in seconds; all three may be changed at any time.
    """

    def __init__(
        self,
        answers: Mapping[str, str],
        *,
        seed: int = 1,
        wrong: float = 0.08,
        latency: float = 0.02,
        failures: float = 0.0,
    ) -> None:
        self._known = {text.strip(): answer for text, answer in answers.items()}
        plain = {answer for answer in self._known.values() if not answer.startswith("{")}
        self._desks = tuple(sorted(plain)) if plain else DESKS
        self._asked: Counter[bytes] = Counter()
        self._seed = seed
        self.wrong, self.latency, self.failures = wrong, latency, failures

    def draw(self, text: str) -> Drawn:
        """One call's fate."""
        text = text.strip()
        name = blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
        turn = self._asked[name]
        self._asked[name] += 1
        rng = Random(blake2b(b"%d|%d|%b" % (self._seed, turn, name), digest_size=8).digest())  # noqa: S311  # a seeded draw, not a secret
        # Always the same number of draws, so that changing one rate leaves the others' outcomes alone.
        fails, errs, kind, normal = rng.random(), rng.random(), rng.random(), rng.gauss(0.0, 1.0)
        seconds = self.latency * math.exp(SPREAD * normal - SPREAD**2 / 2)
        failure = None if fails >= self.failures else 500 if kind < 0.5 else 529
        known = self._known.get(text)
        if known is None:
            return Drawn(UNKNOWN, seconds, failure, False)
        wrong = errs < self.wrong
        return Drawn(self._mistake(known, rng) if wrong else known, seconds, failure, wrong)

    def _mistake(self, answer: str, rng: Random) -> str:
        if answer.startswith("{"):
            fields = json.loads(answer)
            name = rng.choice(sorted(fields))
            fields[name] = altered(name, fields[name], rng)
            return json.dumps(fields, ensure_ascii=False)
        others = [desk for desk in self._desks if desk != answer]
        return rng.choice(others) if others else UNKNOWN


def altered(name: str, value: object, rng: Random) -> object:
    """Another value for a field, of the kind that the field takes; never the same one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + rng.choice((10, 50, 100, 1000))
    if name == "date_of_loss" and isinstance(value, str):
        day = datetime.date.fromisoformat(value) + datetime.timedelta(days=rng.choice((-7, -1, 1, 30)))
        return day.isoformat()
    if name == "amount":
        return rng.choice((100, 250, 900))
    if name == "policy":
        return None if value is not None else f"HM-{rng.randrange(10_000, 100_000)}"
    choices = CAUSES if name == "cause" else ITEMS
    return rng.choice([one for one in choices if one != value])
