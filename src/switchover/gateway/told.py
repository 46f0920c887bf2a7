"""What an answer's headers say of how it came about."""

from __future__ import annotations

from collections.abc import Sequence

from switchover.domain.exchange import AttemptRecord
from switchover.domain.model_name import LONGEST

from .admit import Call
from .caller import line
from .opened import Opened
from .spent import first_choice

MOST_KEPT = 1000


class Told:
    """Header lines, kept: nearly all answers carry one of a few sets of them beside their id."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str, str, tuple[str, ...], str | None, str | None], bytes] = {}

    def lines(self, call: Call, attempts: Sequence[AttemptRecord], opened: Opened | None) -> bytes:
        """What happened, for whoever looks: ``-attempts`` lists upstream:fault, the last one "ok" if it answered."""
        by, dropped = (opened.attempt.upstream.name, opened.dropped) if opened is not None else ("", ())
        named = (opened.model or "")[:LONGEST] if opened is not None and opened.fault is not None else None
        if len(attempts) == 1 and attempts[0].fault is None:
            tried = f"{by}:ok"
        else:
            tried = ", ".join([f"{one.upstream}:{one.fault or 'ok'}" for one in attempts])
        key = (call.peek.model, tried, by, first_choice(call), dropped, named, call.data)
        lines = self._kept.get(key)
        if lines is None:
            switched = bool(by) and (len(attempts) > 1 or by != key[3])
            lines = line("x-switchover-route", call.peek.model) + line("x-switchover-attempts", tried)
            lines += line("x-switchover-switched", "true" if switched else "false")
            lines += line("x-switchover-upstream", by) if by else b""
            lines += line("x-switchover-dropped", ", ".join(dropped)) if dropped else b""
            lines += line("x-switchover-data", call.data) if call.data is not None else b""
            if opened is not None and named is not None:
                lines += line("x-switchover-unproven", opened.fault or "") + line("x-switchover-model", named)
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = lines
        return b"x-switchover-exchange: %b\r\n%b" % (call.id.encode(), lines)
