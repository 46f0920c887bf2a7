"""How each fault is brought about, by row: what the upstream sends, or does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from wires import PIECES, TEXT, Wire

from switchover.testing.scripted import CLOSE, HANG, RESET, Script, reply, stream

# So that what follows comes in a read of its own.
PAUSE = 0.05
# What is asked for, and what answers instead.
MODEL, WEAKER = "claude-fable-5", "claude-opus-4-8"
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True)
class Injection:
    """What an upstream does. ``streams``, ``wholes``: whether the fault exists for such answers.

    ``after_deadline``: with no other upstream the caller's own deadline ends it. ``more`` are fields of the request.
    ``place`` is the upstream's address where that is the fault. ``before``: nothing of a stream had been relayed when
    it came. ``model`` is the one that the upstream is asked for, ``process`` what the process is configured with.
    it came. ``pause``: so many seconds the credential is left alone. ``ends``: the finish reason of a stream, in the
    chat's words.
    """

    script: Callable[[Wire, bool], Script]
    streams: bool = True
    wholes: bool = True
    after_deadline: bool = False
    place: str = ""
    before: bool = False
    pause: float = 0.0
    ends: str = ""
    more: dict[str, Any] = field(default_factory=dict)
    model: str = "vendor-model"
    process: dict[str, Any] = field(default_factory=dict)


def good(wire: Wire, streamed: bool, text: str = TEXT) -> Script:
    """The answer there would be."""
    if not streamed:
        return [reply(wire.body(text))]
    return stream(
        *wire.opening(), *[wire.content(one) for one in (PIECES if text == TEXT else (text,))], *wire.ending()
    )


def begun(wire: Wire) -> list[Any]:
    """A stream past its commit point."""
    return [*wire.opening(), wire.content(PIECES[0])]


def says(status: int, message: str, **more: Any) -> Injection:
    """An error answer, streamed or not."""
    return Injection(lambda wire, streamed: [wire.error(status, message, **more)])


def page(status: int) -> Injection:
    """An HTML page from the provider's edge."""
    return Injection(lambda wire, streamed: [reply(HTML, status=status, kind="text/html")])


def breaks(*steps: Callable[[Wire], list[Any]], end: bool = False) -> Callable[[Wire, bool], Script]:
    """A stream of these parts that then ends, cleanly or not; a whole answer that breaks off in its middle."""

    def script(wire: Wire, streamed: bool) -> Script:
        if streamed:
            parts = [part for step in steps for part in step(wire)]
            return (
                stream(*parts, end=end)
                if end or parts[-1] in (HANG, RESET, CLOSE)
                else [*stream(*parts, end=False), CLOSE]
            )
        whole = reply(wire.body())
        return [whole[: len(whole) - 20], HANG if steps and HANG in steps[-1](wire) else CLOSE]

    return script


def only(step: str) -> Callable[[Wire], list[Any]]:
    """A step that is no bytes."""
    return lambda wire: [step]


def whole(change: Callable[[Wire], bytes], events: Callable[[Wire], list[Any]]) -> Callable[[Wire, bool], Script]:
    """An answer that is complete, and wrong."""
    return lambda wire, streamed: stream(*events(wire)) if streamed else [reply(change(wire))]


def split(wire: Wire, streamed: bool) -> Script:
    """Frames in pieces of three bytes."""
    if not streamed:
        data = reply(wire.body())
        return [data[at : at + 40] for at in range(0, len(data), 40)]
    data = b"".join([*wire.opening(), *[wire.content(one) for one in PIECES], *wire.ending()])
    return stream(*[data[at : at + 3] for at in range(0, len(data), 3)])


def drip(wire: Wire, streamed: bool) -> Script:
    """Two letters every 0.1 s, for longer than the run takes for twenty seconds."""
    return stream(*wire.opening(), *[step for _ in range(14) for step in (wire.content("a "), 0.1)], *wire.ending())


def nobody(wire: Wire, streamed: bool) -> Script:
    """The upstream is not reached."""
    return []


def answering_as(model: str) -> Callable[[Wire, bool], Script]:
    """The answer there would be, by another model."""

    def named(frame: bytes) -> bytes:
        return frame.replace(b'"vendor-model"', f'"{model}"'.encode())

    return whole(
        lambda wire: named(wire.body()),
        lambda wire: [named(one) for one in (*wire.opening(), wire.content(TEXT), *wire.ending())],
    )


def fell_back(wire: Wire, streamed: bool) -> Script:
    """The answer there would be, after the provider went over to another model by itself, if it tells of that."""
    if wire.name == "chat":
        return answering_as(WEAKER)(wire, streamed)
    return stream(*wire.handed_over(MODEL, WEAKER)) if streamed else [reply(wire.whole_handed_over(MODEL, WEAKER))]


def echoing(script: Script, name: str) -> Script:
    """The same with an echo of a request's name in its head."""
    first, *rest = script
    return [first.replace(b"\r\n\r\n", f"\r\nX-Client-Request-Id: {name}\r\n\r\n".encode(), 1), *rest]


TOOLS: dict[str, Any] = {"tools": True}
SCHEMA: dict[str, Any] = {"schema": True}
SEVERAL: dict[str, Any] = {"several": True}

INJECTIONS: dict[str, Injection] = {
    # -- status codes
    "key-revoked": says(401, "Incorrect API key provided: sk-proj-abcdef123456.", kind="authentication_error", code="invalid_api_key"),
    "permission-denied": says(403, "Your account may not use this resource.", kind="permission_error"),
    "region-refused": says(403, "Country, region, or territory not supported", kind="permission_error", code="unsupported_country_region_territory"),
    "unpaid": says(402, "Your credit balance is too low.", kind="billing_error"),
    "model-missing": says(404, "The model `vendor-model` does not exist.", kind="not_found_error", code="model_not_found"),
    "model-retired": says(410, "The model vendor-model has been retired.", kind="not_found_error"),
    "legal-block": says(451, "Unavailable for legal reasons.", more="link: <https://authority.example/order>; rel=\"blocked-by\"\r\n"),
    "rate-limited": replace(says(429, "Rate limit reached.", kind="rate_limit_error", more="retry-after: 7\r\n"), pause=7.0),
    "quota-spent": says(429, "You exceeded your current quota.", kind="rate_limit_error", code="insufficient_quota"),
    "spend-limit-as-400": says(400, "Your workspace has reached its spend limit."),
    "bad-request": says(400, "temperature: must be below 2."),
    "context-too-long": says(400, "This model's maximum context length is 8192 tokens.", code="context_length_exceeded"),
    "body-too-large": page(413),
    "busy-conflict": says(409, "Conflict.", kind="conflict_error"),
    "server-error": says(500, "The server had an error.", kind="api_error"),
    "edge-error": page(502),
    "overloaded": says(529, "Overloaded", kind="overloaded_error", more="retry-after: 3\r\n"),
    "redirected": Injection(lambda wire, streamed: [reply(b"", status=307, more="location: http://127.0.0.1:9/elsewhere\r\n")]),
    "absurd-retry-after": replace(says(429, "Rate limit reached.", kind="rate_limit_error", more="retry-after: 3600\r\n"), pause=60.0),
    # -- streams
    "error-in-first-event": Injection(lambda wire, streamed: stream(wire.error_event()), wholes=False),
    "slow-first-token": Injection(lambda wire, streamed: [HANG] if not streamed else stream(*wire.opening(), HANG), after_deadline=True),
    "pings-forever": Injection(
        lambda wire, streamed: stream(*wire.opening(), *[step for _ in range(80) for step in (wire.ping(), 0.05)], HANG),
        wholes=False, after_deadline=True,
    ),
    "stall-midway": Injection(breaks(begun, only(HANG)), wholes=False),
    "slow-drip": Injection(drip, wholes=False),
    "clean-end-too-soon": Injection(breaks(begun, end=True), wholes=False),
    "end-after-terminal-cut": Injection(
        lambda wire, streamed: [*stream(*begun(wire), *wire.ending(), end=False), RESET], wholes=False
    ),
    "reset-midway": Injection(breaks(begun, only(RESET))),
    "error-midway": Injection(breaks(lambda wire: [*begun(wire), PAUSE, wire.error_event()], end=True), wholes=False),
    "frame-not-json": Injection(
        lambda wire, streamed: stream(*begun(wire), PAUSE, b"data: {\"broken\n\n", *wire.ending()) if streamed
        else [reply(b"{\"broken")]
    ),
    "frame-too-big": Injection(
        lambda wire, streamed: stream(*begun(wire), PAUSE, b"data: " + b"x" * 2_000_000, *wire.ending()), wholes=False
    ),
    "bytes-split-anywhere": Injection(split),
    "events-out-of-order": Injection(
        lambda wire, streamed: stream(*begun(wire), PAUSE, wire.ending()[0], wire.content("again"), *wire.ending()), wholes=False
    ),
    "wrong-content-type": Injection(lambda wire, streamed: [reply(HTML, kind="text/html")], wholes=False),
    "tool-call-cut": Injection(breaks(lambda wire: wire.tool('{"at": "Am'), only(CLOSE)), wholes=False, more=TOOLS),
    "reasoning-cut": Injection(breaks(lambda wire: wire.reasoning(), only(CLOSE)), wholes=False, before=True),
    "schema-answer-cut": Injection(breaks(begun, only(CLOSE)), wholes=False, more=SCHEMA),
    # -- answers
    "empty-answer": Injection(whole(
        lambda wire: wire.body("", usage={"prompt_tokens": 9, "completion_tokens": 0, "input_tokens": 9, "output_tokens": 0}),
        lambda wire: [*wire.opening(), *_uncounted(wire)],
    )),
    "reasoning-only": Injection(whole(
        lambda wire: wire.body(None, **_thought(wire)), lambda wire: [*wire.reasoning(), *wire.ending()]
    )),
    "refused": Injection(whole(
        lambda wire: wire.body("I can't help with that.", reason="content_filter"),
        lambda wire: [*begun(wire), *wire.ending("content_filter")],
    )),
    "finish-unknown": Injection(whole(
        lambda wire: wire.body(reason="moon_phase"), lambda wire: [*begun(wire), *wire.ending("moon_phase")]
    )),
    "model-swapped": Injection(answering_as(WEAKER), model=MODEL),
    "provider-fell-back": Injection(fell_back, more=SEVERAL, model=MODEL, process={"provider_fallback": True}),
    "answer-crossed": Injection(lambda wire, streamed: echoing(good(wire, streamed), "0123456789abcdef0123456789ab-1"), before=True),
    "usage-absurd": Injection(whole(
        lambda wire: wire.body(usage={"prompt_tokens": 9, "completion_tokens": -4, "input_tokens": 9, "output_tokens": -4}),
        lambda wire: [*wire.opening(), wire.content(TEXT), *[one.replace(b": 6", b": -4") for one in wire.ending()]],
    )),
    "schema-broken": Injection(whole(
        lambda wire: wire.body('{"nowhere": 1}'), lambda wire: [*wire.opening(), wire.content('{"nowhere": 1}'), *wire.ending()]
    ), more=SCHEMA),
    "tool-arguments-broken": Injection(
        lambda wire, streamed: stream(*wire.tool('{"at": '), *wire.ending("tool_calls")), wholes=False, more=TOOLS
    ),
    "runaway-output": Injection(
        lambda wire, streamed: stream(*wire.opening(), *[wire.content("again and again ")] * 40, HANG) if streamed
        else [reply(wire.body(usage={"prompt_tokens": 9, "completion_tokens": 40, "input_tokens": 9, "output_tokens": 40}))],
        ends="length", more={"limit": 5},
    ),
    "usage-missing": Injection(whole(lambda wire: wire.body(usage=None), lambda wire: [*begun(wire), *wire.ending()])),
    # -- our own engines
    "local-out-of-memory": says(500, "llama runner process has terminated: CUDA out of memory", kind="api_error"),
    "local-loading": says(503, "Loading model", kind="unavailable_error", more="retry-after: 5\r\n"),
    "local-queue-full": says(503, "The server has reached its maximum pending requests.", kind="unavailable_error", more="retry-after: 5\r\n"),
    "local-hung": Injection(breaks(begun, only(HANG)), wholes=False),
    # -- connections
    "dns-not-found": Injection(nobody, place="missing"),
    "dns-silent": Injection(nobody, place="silent"),
    "dns-private-address": Injection(nobody, place="private"),
    "connect-refused": Injection(nobody, place="refused"),
    "connect-timeout": Injection(nobody, place="full"),
    "tls-expired": Injection(nobody, place="untrusted"),
    "tls-stalled": Injection(nobody, place="stalled"),
    "reset-before-answer": Injection(lambda wire, streamed: [RESET]),
}  # fmt: skip


def _uncounted(wire: Wire) -> list[bytes]:
    """The end of an answer for which no token came."""
    return [frame.replace(b'"output_tokens": 6', b'"output_tokens": 0') for frame in wire.ending()]


def _thought(wire: Wire) -> dict[str, Any]:
    """A whole answer's fields when it is only thought."""
    if wire.name == "chat":
        return {"reasoning_content": "Let me see."}
    return {"content": [{"type": "thinking", "thinking": "Let me see.", "signature": "s"}]}
