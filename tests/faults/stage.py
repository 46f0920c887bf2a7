"""A real gateway before an upstream that fails, and an official client that asks it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import anthropic
import openai
from injectors import good
from wires import REASONS, WIRES, Wire

from switchover.clock import Clock
from switchover.domain.candidate import Continuation
from switchover.domain.personal import Privacy
from switchover.domain.ports import Upstream
from switchover.domain.process import Criticality, DataClass, Process
from switchover.gateway.budget import Holding
from switchover.planning import BreakerState
from switchover.privacy.finder import Finder, OwnFinder
from switchover.testing.scripted import Script, ScriptedServer
from switchover.testing.served import ServedGateway, register, spec

# Of what is late. Whatever is not has time enough on a busy machine, too.
FIRST_CONTENT_S = 0.3
PATIENCE_S = 60.0
DEADLINE_S = 1.2
OWN = "From the replacement."
# The same in the schema below.
OWN_IN_FORM = '{"at": "From the replacement."}'
SAY = [{"role": "user", "content": "Where is my claim?"}]
PLACE = {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"], "additionalProperties": False}
TOOLS = {
    "chat": {"tools": [{"type": "function", "function": {"name": "find", "parameters": PLACE}}]},
    "messages": {"tools": [{"name": "find", "input_schema": PLACE}]},
}
SCHEMAS = {
    "chat": {"response_format": {"type": "json_schema", "json_schema": {"name": "p", "strict": True, "schema": PLACE}}},
    "messages": {"output_config": {"format": {"type": "json_schema", "schema": PLACE}}},
}
# A provider is let choose another model than the one asked.
SEVERAL = {
    "chat": {"extra_body": {"models": ["another-one"]}},
    "messages": {
        "extra_body": {"fallbacks": [{"model": "another-one"}]},
        "extra_headers": {"anthropic-beta": "server-side-fallback-2026-07-01,other-2026-01-01"},
    },
}
KINDS: dict[str, dict[str, str]] = {"chat": {}, "messages": {"kind": "anthropic"}}


@dataclass
class Said:
    """What an official client made of it. ``status`` 0: there was no HTTP answer; ``in_band``: it broke off midway."""

    status: int = 0
    code: str = ""
    text: str = ""
    reason: str = ""
    in_band: bool = False
    why: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def answered(self) -> bool:
        """Whether the client took it for an answer."""
        return self.status == 200 and not self.in_band

    def __str__(self) -> str:
        """In a few words."""
        if self.answered:
            return "the answer" + (" of the replacement" if OWN in self.text else "")
        if self.in_band:
            return f"an error frame ({self.code})"
        wait = f" Retry-After {self.headers['retry-after']}" if "retry-after" in self.headers else ""
        return f"{self.status or 'no answer'} {self.code}{wait}".strip()


class Stage:
    """One gateway, one upstream that plays what it is given, and perhaps a proven replacement."""

    def __init__(self, wire: Wire, vendor: ScriptedServer, own: ScriptedServer, served: ServedGateway, token: str):
        self.wire, self.vendor, self.own, self.served, self.token = wire, vendor, own, served, token
        self.asked = 0

    def ask(self, *, streamed: bool, retries: int = 2, deadline: float | None = None, **more: Any) -> Said:
        """One request by the dialect's own client, as it comes."""
        self.asked += 1
        said = [{"role": "user", "content": more.pop("text")}] if "text" in more else SAY
        fields = {"model": "p", "messages": said, "stream": streamed}
        if "limit" in more or self.wire.name == "messages":
            fields["max_tokens"] = more.pop("limit", 50)
        if more.pop("tools", None):
            fields |= TOOLS[self.wire.name]
        if more.pop("schema", None):
            fields |= SCHEMAS[self.wire.name]
        if more.pop("several", None):
            fields |= SEVERAL[self.wire.name]
        if deadline is not None:
            fields["extra_headers"] = {"x-switchover-deadline": str(deadline)}
        if self.wire.name == "chat":
            with openai.OpenAI(base_url=f"{self.served.url}/v1", api_key=self.token, max_retries=retries) as client:
                return _told(lambda: client.chat.completions.with_raw_response.create(**fields), openai, streamed)
        with anthropic.Anthropic(base_url=self.served.url, api_key=self.token, max_retries=retries) as messages:
            create = messages.messages.with_raw_response.create
            return _told(lambda: create(**fields), anthropic, streamed)

    def breakers(self, name: str = "vendor") -> dict[str, BreakerState]:
        """The state of each breaker an upstream hangs on, by scope, once all that was asked is counted."""
        self._settled()
        now = self.served.gateway.clock.monotonic()
        upstream = self.served.source.current.upstreams[name]
        return {scope: state for scope, state, _ in self.served.gateway.failover.board.breakers(upstream, now)}

    def _settled(self) -> None:
        """An exchange is counted and recorded once its answer is sent."""
        end = time.monotonic() + PATIENCE_S
        while len(self.served.spool.exchanges) < self.asked and time.monotonic() < end:
            time.sleep(0.01)

    def faults(self) -> list[str]:
        """The faults recorded so far, one per attempt that failed."""
        self._settled()
        found = [one.fault for exchange in self.served.spool.exchanges for one in exchange.attempts]
        return [fault for fault in found if fault is not None]


@contextlib.contextmanager
def staged(
    dialect: str, script: Script, *, backed: bool, streamed: bool, clock: Clock | None = None,
    url: str | None = None, own_text: str = OWN,
    wrap: Callable[[Upstream], Upstream] | None = None,
    model: str = "vendor-model",
    continuation: Continuation | None = None,
    finder: Callable[[Privacy], Finder] = OwnFinder,
    budgets: Callable[[], Holding] | None = None,
    **changes: Any,
) -> Iterator[Stage]:  # fmt: skip
    """A stage whose upstream plays ``script`` (or is at ``url``) and is asked for ``model``.

    ``changes`` are fields of its process; ``finder`` makes the detectors of personal data; ``budgets()``: what is held
    in the ledger; ``continuation``: how the replacement was shown to go on with an answer.
    """
    wire = WIRES[dialect]
    with ScriptedServer(script) as vendor, ScriptedServer(good(wire, streamed, own_text)) as own:
        process = Process(
            name="p", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor",
            fallbacks=("own",) if backed else (), first_content_timeout=PATIENCE_S,
        )  # fmt: skip
        asked = spec("vendor", url or vendor.url, model=model, **KINDS[dialect])
        upstreams = [asked, spec("own", own.url, **KINDS[dialect])]
        proven = ("own",) if backed else ()
        snapshot, token = register(replace(process, **changes), upstreams, proven=proven, continuation=continuation)
        with ServedGateway(snapshot, clock=clock, wrap=wrap, finder=finder, budgets=budgets) as served:
            yield Stage(wire, vendor, own, served, token)


def _told(create: Any, sdk: Any, streamed: bool) -> Said:
    said = Said()
    try:
        raw = create()
        said.status, said.headers = raw.status_code, dict(raw.headers)
        answer = raw.parse()
        if streamed:
            for event in answer:
                said.text += _piece(event)
                said.reason = _reason(event) or said.reason
        else:
            said.text, said.reason = _whole(answer), _reason(answer)
    except sdk.APIError as error:
        said.in_band = said.status == 200
        response = getattr(error, "response", None)
        if not said.in_band and response is not None:
            said.status, said.headers = response.status_code, dict(response.headers)
        said.code, said.why = _code(error), str(error)
    except Exception as error:  # whatever a client raises that is none of its own errors is what we must never cause
        said.in_band, said.code = said.status == 200, f"the client crashed: {type(error).__name__}"
    return said


def _code(error: Any) -> str:
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error", body)
    return str((inner.get("code") if isinstance(inner, dict) else "") or getattr(error, "code", None) or "")


def _piece(event: Any) -> str:
    if hasattr(event, "choices"):
        return "".join(choice.delta.content or "" for choice in event.choices if choice.delta is not None)
    return getattr(getattr(event, "delta", None), "text", "") or ""


def _reason(told: Any) -> str:
    """The finish reason that an answer or an event bears, in the chat's words."""
    ends = [one.finish_reason for one in getattr(told, "choices", None) or ()]
    ends += [getattr(one, "stop_reason", None) for one in (told, getattr(told, "delta", None))]
    found = next((one for one in ends if one), "")
    return next((chat for chat, own in REASONS.items() if own == found), found)


def _whole(answer: Any) -> str:
    if hasattr(answer, "choices"):
        return "".join(choice.message.content or "" for choice in answer.choices)
    return "".join(getattr(block, "text", "") or "" for block in answer.content)
