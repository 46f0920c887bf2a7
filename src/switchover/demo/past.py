"""Five weeks that never were: what an insurer would have on record by today, made up from the inbox.

Answers come from the fake vendor's own oracle and are written as it writes them, so that past and present read alike.
All is saved through the product's own store and counted as live traffic is; the ids say what it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from random import Random

from switchover.costs.metering import meter
from switchover.domain.exchange import AttemptRecord, Exchange, Outcome, Usage
from switchover.domain.process import Settings
from switchover.store import Store
from switchover.store.indexing import save_exchanges
from switchover.testing.fake_answers import Oracle, inbox_answers
from switchover.testing.fake_wire import read_request, say, whole
from switchover.testing.inbox import Message

from .insurer import DESKS, MEDICAL, Desk, Row

DAY = 86_400.0
DAYS = 35
DIALECT = "openai_chat"
# Of a working day's mail, what comes on a Saturday or a Sunday.
WEEKEND = 0.2
# Hours of the day (UTC) at which mail comes, each as often as it does.
HOURS = (7, 8, 8, 9, 9, 9, 10, 10, 10, 11, 11, 12, 13, 13, 14, 14, 14, 15, 15, 16, 17, 19)
# Until so many days ago medical claims went where their data may not go.
ASTRAY_DAYS = 24
# By how much upstreams are wrong, and how long they take (s).
WRONG = {"vendor": 0.08, "second": 0.02, "student": 0.08, "own": 0.8}
SECONDS = {"vendor": 0.42, "second": 0.55, "student": 0.01, "own": 0.9}
FAILURES = 0.004
# Mail of the past came with scans, which a vendor counts and nobody keeps: tokens of each.
SCANS = 3_200
BATCH = 500


def oracle(upstream: str, seed: int) -> Oracle:
    """What stands in for an upstream: right as often, and as quick, as the demo says that it is."""
    known = inbox_answers()
    return Oracle(known, seed=seed, wrong=WRONG[upstream], latency=SECONDS[upstream], failures=FAILURES)


def fill(store: Store, settings: Settings, now: float, *, seed: int = 1, days: int = DAYS) -> int:
    """Saves the exchanges of so many days before today (by ``now``, Unix seconds); how many there are."""
    upstreams, saved = settings.upstreams, 0
    coming = _exchanges(settings, now, seed, days)
    while batch := list(islice(coming, BATCH)):
        saved += save_exchanges(store, batch, lambda exchange: meter(exchange, upstreams))
    return saved


def _exchanges(settings: Settings, now: float, seed: int, days: int) -> Iterator[Exchange]:
    vendors = {name: oracle(name, seed) for name in ("vendor", "second", "own")}
    today = now - now % DAY
    for desk in DESKS.values():
        rng = Random(f"{seed} {desk.process}")  # noqa: S311  # which mail comes when, nothing secret
        mail, number = list(desk.mail()), 0
        rng.shuffle(mail)
        for ago in range(days, 0, -1):
            for at in _moments(today - ago * DAY, desk.a_day, rng):
                astray = desk.process == MEDICAL and ago > ASTRAY_DAYS
                upstream = "vendor" if astray else desk.upstream
                sent = _Sent(desk, mail[number % len(mail)], upstream, settings.upstreams[upstream].model, at)
                yield sent.answered_by(vendors[upstream], number)
                number += 1


def _moments(day: float, count: int, rng: Random) -> list[float]:
    """When the mail of a day comes, in order; less at weekends."""
    weekend = datetime.fromtimestamp(day, UTC).weekday() >= 5
    count = round(count * (WEEKEND if weekend else 1.0) * rng.uniform(0.85, 1.15))
    return sorted(day + 3600 * rng.choice(HOURS) + rng.uniform(0, 3599) for _ in range(count))


@dataclass(frozen=True, slots=True)
class _Sent:
    """One request, and who is asked for its answer; ``at`` in Unix seconds."""

    desk: Desk
    row: Row
    upstream: str
    model: str
    at: float

    def answered_by(self, vendor: Oracle, number: int) -> Exchange:
        """The exchange, as it would have been recorded."""
        said = [{"role": "system", "content": self.desk.prompt}, {"role": "user", "content": self.row.text}]
        request = json.dumps(
            {"model": self.desk.route, "messages": said, "temperature": 0, "max_tokens": self.desk.longest}
        ).encode()
        drawn, ask = vendor.draw(self.row.text), read_request(DIALECT, request)
        answer = whole(ask, say(ask, drawn.text, self.at)) if drawn.failure is None else b""
        usage = json.loads(answer)["usage"] if answer else {}
        tried = AttemptRecord(
            upstream=self.upstream,
            model=self.model,
            fault=None if answer else "server-error",
            status=drawn.failure or 200,
            elapsed_ms=1000 * drawn.seconds,
        )
        return Exchange(
            id=f"made-up-{self.desk.process}-{number:05d}",
            process=self.desk.process,
            route=self.desk.route,
            dialect=DIALECT,
            stream=False,
            started_at=self.at,
            outcome=Outcome.COMPLETE if answer else Outcome.FAILED,
            status=200 if answer else 503,
            request=request,
            answer=answer,
            upstream=self.upstream if answer else None,
            model=self.model if answer else None,
            attempts=(tried,),
            usage=Usage(input=usage["prompt_tokens"] + SCANS, output=usage["completion_tokens"]) if answer else None,
            elapsed_ms=1000 * drawn.seconds,
            metadata={"kind": self.row.kind if isinstance(self.row, Message) else "claim"},
        )
