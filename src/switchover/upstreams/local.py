"""Our own engine and our own students: OpenAI-compatible servers in child processes on this machine.

A child says where it listens in ``run/<name>.json`` ({"url", "pid"} and, an engine, {"engine": {"template", "context",
"template_tokens", "weights"}}) and writes the random key it wants in
``run/<name>.key``, both readable by us alone. It may come back on another port with another key at any moment, so the
place is looked up at each call (one ``stat``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from switchover.dialects.side import CHAT_COUNT
from switchover.domain.exchange import TOKEN_COUNT
from switchover.domain.ports import Answer, OutboundRequest, Upstream
from switchover.domain.process import UpstreamSpec
from switchover.domain.secret import Secret
from switchover.egress import Client
from switchover.errors import Unreachable

from .fitted import Window, fitted
from .openai import OpenAIUpstream

STUDENT_SERVER = "student-server"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """What an engine said of itself when it was started.

    ``template`` is the digest of the chat template in force, ``template_tokens`` what that adds to an empty
    conversation, ``context`` the tokens of one slot: the engine divides its whole context by the number of slots.
    ``weights`` names the state of the file that it loaded (``weights.state_of``).
    """

    template: str
    context: int
    template_tokens: int
    weights: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a child listens, and the key it wants."""

    url: str
    key: Secret
    pid: int
    engine: EngineFacts | None = None


def state_file(data_dir: str | Path, name: str) -> Path:
    """The file in which the child ``name`` says where it listens."""
    return Path(data_dir, "run", f"{name}.json")


def key_file(data_dir: str | Path, name: str) -> Path:
    """The 0600 file that holds the key of the child ``name``."""
    return Path(data_dir, "run", f"{name}.key")


def child_name(spec: UpstreamSpec) -> str:
    """Which child serves an upstream: one engine each, and one server for all students."""
    return STUDENT_SERVER if spec.kind == "student" else spec.name


def read_place(data_dir: str | Path, name: str) -> Place | None:
    """Where the child listens; None when it has not started, or is being replaced."""
    try:
        state = json.loads(state_file(data_dir, name).read_bytes())
        key = key_file(data_dir, name).read_text(encoding="ascii").strip()
        facts = EngineFacts(**state["engine"]) if "engine" in state else None
        return Place(str(state["url"]), Secret(key), int(state["pid"]), facts) if key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


class OwnUpstream:
    """An upstream of kind ``local`` or ``student``: OpenAI's wire format to a child of ours. An engine also counts."""

    def __init__(
        self, spec: UpstreamSpec, data_dir: str | Path, client: Client, *, dialect: str = "openai_chat"
    ) -> None:
        self.name, self.model, self.dialect = spec.name, spec.model, dialect
        counts = spec.kind == "local" and dialect != CHAT_COUNT
        self.others: Mapping[str, Upstream] = (
            {TOKEN_COUNT: OwnUpstream(spec, data_dir, client, dialect=CHAT_COUNT)} if counts else {}
        )
        self._spec, self._data_dir, self._client = spec, data_dir, client
        self._state = state_file(data_dir, child_name(spec))
        self._seen = 0
        self._inner: Upstream | None = None

    async def answer(self, request: OutboundRequest) -> Answer:
        """See :class:`~switchover.domain.ports.Upstream`.

        Raises Unreachable while the child is away, PromptTooLong for a prompt that does not fit an engine's slot.
        """
        return await self._upstream().answer(request)

    def _upstream(self) -> Upstream:
        try:
            changed = self._state.stat().st_mtime_ns
        except OSError:
            changed = 0
        if self._inner is None or changed != self._seen:
            place = read_place(self._data_dir, child_name(self._spec)) if changed else None
            if place is None:
                raise Unreachable(f"{self.name}: the engine on this machine is not running")
            made: Upstream = OpenAIUpstream(
                self._spec, f"{place.url}/v1", place.key, self._client, dialect=self.dialect
            )
            facts = place.engine
            if facts is not None:
                window = Window(self.name, facts.context, place.url, place.key, self._client, local=True)
                window.template = facts.template_tokens
                made = fitted(made, window)
            self._inner, self._seen = made, changed
        return self._inner
