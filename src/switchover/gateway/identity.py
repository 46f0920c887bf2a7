"""Whether an answer is from the model that was asked, and to the request that asked."""

from __future__ import annotations

import logging
from collections.abc import Callable

from switchover.dialects.side import NEEDS_VECTORS
from switchover.domain.model_name import told
from switchover.domain.process import UpstreamSpec
from switchover.domain.register import Snapshot
from switchover.errors import Crossed, ModelSwapped, UpstreamError

from .admit import Call
from .metrics import Metrics
from .opened import Opened

log = logging.getLogger(__name__)

FELL_BACK = "provider-fell-back"
# What a person has to hear of, whatever the callers notice.
ALARMING = (Crossed, ModelSwapped)
# Of an answer's id: shorter ones, or ones hardly different from the last, are counted up and come again.
LEAST_ID = 16
LEAST_APART = 8
# So many ids in a row that look drawn by chance, before one that comes twice means anything.
TRUSTED = 32
NEVER = -1
# Ids remembered per provider: the newest, at least so many and at most twice as many.
REMEMBERED = 1024
# Of a long request, what tells it from others at no cost that grows with it.
TAIL = 2048

OnSuspended = Callable[[str, str], None]


class Identity:
    """Judges answers as they are opened; one for each worker.

    ``snapshot()``: the register in force. ``on_suspended(upstream, why)``: told when its proofs must not count any
    more; must return at once.
    """

    def __init__(self, snapshot: Callable[[], Snapshot], on_suspended: OnSuspended, metrics: Metrics) -> None:
        self._snapshot, self._on_suspended, self._metrics = snapshot, on_suspended, metrics
        self._ids: dict[str, AnswerIds] = {}
        self._told: dict[tuple[str, str], Snapshot] = {}

    def check(self, call: Call, spec: UpstreamSpec, opened: Opened) -> None:
        """Notes in ``opened`` that another model answered. Raises ModelSwapped where that won't do, and Crossed."""
        if opened.id is not None and len(opened.id) >= LEAST_ID and not spec.is_own:
            ids = self._ids.get(spec.host)
            if ids is None:
                ids = self._ids[spec.host] = AnswerIds()
            if ids.is_repeated(opened.id, call):
                raise Crossed(f"{spec.name} sent an answer that it had sent to another request")
        # Vectors of two models can't be compared, and nobody would see it.
        strict = NEEDS_VECTORS in call.peek.needs
        if opened.fell_back:
            opened.fault = FELL_BACK
        elif opened.model is not None and not spec.answers_to(opened.model):
            # Whoever asks a router for any of several models gets one of them.
            asked_for = call.process.provider_fallback and call.peek.substitutes and not strict
            opened.fault = FELL_BACK if asked_for else ModelSwapped.fault
        if opened.fault is None:
            return
        swapped = ModelSwapped(f"{spec.name} answered as {told(opened.model)}, not as {spec.model}", fault=opened.fault)
        if call.process.exact or strict:
            raise swapped
        opened.swapped = None if opened.fault == FELL_BACK else swapped

    def alarm(self, spec: UpstreamSpec, error: UpstreamError) -> None:
        """Counts what is alarming; says it, and has proofs suspended, once while the register stays as it is."""
        if not isinstance(error, ALARMING) or error.fault == FELL_BACK:
            return
        self._metrics.alarm(spec.name, error.fault)
        snapshot = self._snapshot()
        if self._told.get((spec.name, error.fault)) is snapshot:
            return
        self._told[spec.name, error.fault] = snapshot
        log.error("ALARM %s: %s", error.fault, error)
        if isinstance(error, ModelSwapped) and spec.name not in snapshot.suspended:
            self._on_suspended(spec.name, str(error).removeprefix(f"{spec.name} "))


class AnswerIds:
    """The newest answer ids of one provider. One that comes twice says something only where ids are drawn by chance.

    An id that comes again with the same request is a cache, and ends the judging: no answer of it has an id of its own.
    """

    __slots__ = ("_before", "_last", "_newest", "_unlike")

    def __init__(self) -> None:
        self._newest: dict[str, tuple[str, int]] = {}
        self._before = self._newest
        self._last = ""
        self._unlike = 0

    def is_repeated(self, name: str, call: Call) -> bool:
        """True when another request had an answer with this id."""
        if self._unlike == NEVER:
            return False
        body = call.body
        asked = hash(body) if len(body) <= TAIL else hash((len(body), body[-TAIL:]))
        known = self._newest.get(name) or self._before.get(name)
        if known is not None:
            if known[0] == call.id:
                return False
            if self._unlike >= TRUSTED and known[1] != asked:
                return True
            self._unlike = NEVER
            self._newest = self._before = {}
            return False
        if self._unlike < TRUSTED:
            alike = len(name) != len(self._last) or sum(map(str.__ne__, name, self._last)) < LEAST_APART
            self._unlike = 0 if alike and self._last else self._unlike + 1
            self._last = name
        if len(self._newest) >= REMEMBERED:
            self._before, self._newest = self._newest, {}
        self._newest[name] = call.id, asked
        return False
