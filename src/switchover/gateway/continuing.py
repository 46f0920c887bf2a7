"""An answer that broke off after the commit point, gone on with by a replacement that was shown to do so.

Whether and by whom is decided in ``planning/continuing.py``; how the two parts are joined, in ``dialects/seam.py``.
Nothing here runs before an answer breaks.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence

from switchover.clock import Clock
from switchover.dialects.going_on import ask_rest, limit_of, read_seam, shown, stops_of
from switchover.dialects.seam import Join, Seam, tokens_in
from switchover.domain.candidate import Continuation
from switchover.domain.exchange import AttemptRecord, Usage
from switchover.domain.ports import Upstream
from switchover.errors import SwitchoverError, UpstreamError
from switchover.planning import Attempt, Broken, Plan, may_go_on

from .admit import Call
from .attempt import Artefacts, render, speaking
from .failover import MAX_ATTEMPTS, Failover
from .guard import Guard
from .opened import Opened, Stream

log = logging.getLogger(__name__)


class Rest(Stream):
    """The rest of an answer: another upstream's bytes in; out come the frames that bring the answer to its end."""

    def __init__(self, told: Stream, seam: Seam, join: Join, before: Usage) -> None:
        super().__init__(told.name, told.answer, told.decoder, told.translator)
        self._seam, self._join, self._before = seam, join, before
        self._heard = 0

    def feeder(self) -> Callable[[bytes], bytes]:
        """Every chunk is told anew, whatever dialect it is in."""
        return self.take

    def take(self, data: bytes) -> bytes:
        """Frames that may be relayed."""
        return self.tell(Stream.take(self, data))

    def tell(self, frames: bytes) -> bytes:
        """The same, from frames of the rest in the caller's dialect."""
        text = self._seam.take(frames) if frames else ""
        self._heard += len(text.encode("utf-8", "replace"))
        new = self._join.feed(text) if text else ""
        if self._join.stopped is not None and not self.decoder.finished:
            # The sequence ended the answer here, though whoever tells the rest saw only half of it.
            self.decoder.finished = True
            self.answer.close()
        return self._seam.say(new) if new else b""

    def end(self) -> bytes:
        """What is still owed after the last byte. Raises Cut when the rest broke off too."""
        told = self.tell(Stream.end(self))
        left = self._join.close()
        told += self._seam.say(left) if left else b""
        if self._join.stopped is not None:
            self._seam.reason, self._seam.stop_sequence = "stop", self._join.stopped
        return told + self._seam.end(self.used() or self._before)

    def own_usage(self) -> Usage:
        """What the rest alone used: as its upstream said, else counted here and marked so."""
        said = self.decoder.usage
        return said if said is not None and said.output else counted(said, self._heard)

    def used(self) -> Usage | None:
        """What the caller is told: the prompt once, and the tokens of both parts."""
        before = self._before
        return dataclasses.replace(before, output=before.output + self.own_usage().output, estimated=True)


def counted(said: Usage | None, heard: int) -> Usage:
    """The usage of an answer of so many bytes of text that did not come to its count."""
    said = said or Usage()
    return dataclasses.replace(said, output=max(said.output, tokens_in("x" * heard)), estimated=True)


def usage_of_cut(call: Call, opened: Opened, text: str) -> Usage:
    """What the part that broke off used: its prompt as its upstream counted it if it did, the rest counted here."""
    said = opened.stream.decoder.usage if opened.stream is not None else None
    prompt = said.input if said is not None and said.input else tokens_in(call.body.decode("utf-8", "replace"))
    cached = said.cached_input if said is not None else 0
    return Usage(input=prompt, output=tokens_in(text), cached_input=cached, estimated=True)


class GoingOn:
    """Looks for whoever goes on with one answer; see :meth:`rest`. ``artefacts``: as :class:`~.failover.Failover`'s."""

    def __init__(self, failover: Failover, clock: Clock, artefacts: Artefacts) -> None:
        self._failover, self._clock, self._artefacts = failover, clock, artefacts

    async def rest(
        self,
        call: Call,
        broken: Opened,
        error: UpstreamError,
        sent: Sequence[bytes],
        silent: float,
        plan: Plan,
        guard: Guard,
        records: list[AttemptRecord],
    ) -> Opened | None:
        """The rest of an answer, past its first content or whole; None when nobody may or can tell it.

        ``sent`` is what the caller has of it, and ``silent`` for how many seconds nothing more came; ``plan`` is made
        after the break. The attempts are added to ``records``, of which the last is the one that broke off.
        """
        seam = read_seam(call.dialect.name, b"".join(sent), include_usage=call.peek.include_usage)
        before = records[-1].usage = usage_of_cut(call, broken, seam.text)
        # A caller waits for the next bytes as it did for the first: from the last ones that it got.
        waiting = dataclasses.replace(call, begun=self._clock.monotonic() - silent)
        found = may_go_on(plan, self._described(waiting, broken, error, seam, before, records))
        for attempt in found.attempts:
            opened = await self._try(waiting, attempt, seam, before, guard, records)
            if opened is not None:
                return opened
        why = "; ".join(found.reasons) if not found.attempts else "whoever was asked failed too"
        log.info("exchange %s broke off at %s and is not continued: %s", call.id, broken.attempt.upstream.name, why)
        return None

    def _described(
        self,
        call: Call,
        broken: Opened,
        error: UpstreamError,
        seam: Seam,
        before: Usage,
        records: list[AttemptRecord],
    ) -> Broken:
        limit = limit_of(call.body)
        return Broken(
            upstream=broken.attempt.upstream.name,
            error=error,
            barred=seam.barred,
            needs=call.peek.needs,
            tokens=None if limit is None else limit - before.output,
            tries=MAX_ATTEMPTS - len(records),
            seconds=call.deadline - self._clock.monotonic(),
        )

    async def _try(
        self,
        call: Call,
        attempt: Attempt,
        seam: Seam,
        before: Usage,
        guard: Guard,
        records: list[AttemptRecord],
    ) -> Opened | None:
        way = attempt.continuation
        if way is None:
            return None

        def ask(upstream: Upstream) -> tuple[Upstream, bytes, tuple[str, ...]]:
            # Only a quote is known to work in an interface that the rehearsal did not use.
            using = speaking(upstream, call, attempt) if way is Continuation.QUOTE else upstream
            body, dropped = render(call, attempt, using.dialect, self._artefacts)
            return using, ask_rest(body, using.dialect, way, seam.text, before.output), dropped

        try:
            opened = await self._failover.try_one(call, attempt, guard, records, last=True, ask_with=ask)
        except SwitchoverError as error:
            log.info("exchange %s is not continued by %s: %s", call.id, attempt.upstream.name, error)
            return None
        if opened is None or opened.stream is None:
            return None
        rest = Rest(opened.stream, seam, Join(seam.text, shown(way, seam.text), stops_of(call.body)), before)
        ready = rest.tell(opened.ready)
        if opened.whole:
            ready += rest.end()
        return dataclasses.replace(opened, ready=ready, stream=rest)
