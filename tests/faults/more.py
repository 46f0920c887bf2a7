"""What the rows about a model's identity want beside what their own words let a caller expect."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from dataclasses import replace

from injectors import MODEL, SEVERAL, WEAKER, answering_as, echoing, fell_back, good
from result import Result
from stage import OWN, staged
from wires import WIRES

from switchover.domain.register import Suspension
from switchover.testing.scripted import Script, Seen, reply, stream

NAME = "x-client-request-id"


def model_swapped(result: Result) -> None:
    """Served: named and reported. On an exact route: a failed attempt. Once suspended: passed over."""
    streamed, script = result.streamed, answering_as(WEAKER)(WIRES[result.dialect], result.streamed)
    with staged(result.dialect, script, backed=False, streamed=streamed, model=MODEL) as stage:
        said = stage.ask(streamed=streamed)
        told = said.headers.get("x-switchover-unproven"), said.headers.get("x-switchover-model")
        result.note("headers", f"model-swapped, {WEAKER}", told, told == ("model-swapped", WEAKER))
        stage.faults()
        recorded = stage.served.spool.exchanges[0].model
        result.note("record", WEAKER, recorded, recorded == WEAKER)
        doubted = [name for name, _ in stage.served.suspended]
        result.note("suspended", "vendor, once", doubted, doubted == ["vendor"])
    with staged(result.dialect, script, backed=False, streamed=streamed, model=MODEL, exact=True) as stage:
        said = stage.ask(streamed=streamed)
        result.note(
            "exact", "502 upstream_model_swapped", said, (said.status, said.code) == (502, "upstream_model_swapped")
        )
    with staged(result.dialect, script, backed=True, streamed=streamed, model=MODEL, exact=True) as stage:
        said = stage.ask(streamed=streamed)
        result.note("exact, with a replacement", "its answer", said, said.answered and OWN in said.text)
        doubt = {"own": Suspension(at=1.0, why="answered as another")}
        stage.served.source.current = replace(stage.served.source.current, suspended=doubt)
        said = stage.ask(streamed=streamed)
        result.note("replacement suspended", "passed over", said.why, "its proof is suspended" in said.why)


def provider_fell_back(result: Result) -> None:
    """Both models told and recorded; not asked for unless allowed; what was abandoned is not relayed."""
    wire, streamed = WIRES[result.dialect], result.streamed
    script = fell_back(wire, streamed)
    with staged(result.dialect, script, backed=False, streamed=streamed, model=MODEL, provider_fallback=True) as stage:
        said = stage.ask(streamed=streamed, **SEVERAL)
        told = said.headers.get("x-switchover-unproven"), said.headers.get("x-switchover-model")
        result.note("headers", f"provider-fell-back, {WEAKER}", told, told == ("provider-fell-back", WEAKER))
        stage.faults()
        exchange = stage.served.spool.exchanges[0]
        both = exchange.attempts[-1].model, exchange.model
        result.note("record", f"{MODEL} and {WEAKER}", both, both == (MODEL, WEAKER))
        result.note("asked for it", "as allowed", _asked(stage.vendor.seen[0]), _asked(stage.vendor.seen[0]))
    with staged(result.dialect, good(wire, streamed), backed=False, streamed=streamed, model=MODEL) as stage:
        said = stage.ask(streamed=streamed, **SEVERAL)
        seen = stage.vendor.seen[0]
        named = "s" in said.headers.get("x-switchover-dropped", "") and said.answered
        result.note("not allowed", "not asked for, and said so", _asked(seen), not _asked(seen) and named)
    if wire.name == "messages":
        begun = stream(*wire.handed_over(MODEL, WEAKER, wire.call()))
        script = begun if streamed else [reply(wire.whole_handed_over(MODEL, WEAKER, wire.call()))]
        with staged(result.dialect, script, backed=False, streamed=streamed, model=MODEL) as stage:
            said = stage.ask(streamed=streamed, tools=True)
            stage.faults()
            sent = stage.served.spool.exchanges[0].answer
            result.note("abandoned call", "not relayed", said, said.answered and b"tool_use" not in sent)


def _asked(seen: Seen) -> bool:
    """Whether the provider was let choose another model."""
    return b"another-one" in seen.body or "server-side" in seen.headers.get("anthropic-beta", "")


def answer_crossed(result: Result) -> None:
    """An answer with the name of the request before it, from a provider that echoes them."""
    wire, streamed, names = WIRES[result.dialect], result.streamed, []

    def late(number: int, seen: Seen) -> Script:
        names.append(seen.headers[NAME])
        return echoing(good(wire, streamed), names[max(number - 1, 0)])

    with staged(result.dialect, [], backed=False, streamed=streamed) as stage:
        stage.vendor.play(late)
        said = [stage.ask(streamed=streamed) for _ in range(2)]
        fair = said[0].answered and (said[1].status, said[1].code) == (502, "upstream_failed")
        result.note("an answer late", "the first one's only", ", ".join(map(str, said)), fair)
        counted = "switchover_alarms_total" in _figures(stage.served.url)
        result.note("alarm", "counted", counted, counted)


def _figures(url: str) -> str:
    with urllib.request.urlopen(f"{url}/metrics") as page:
        return page.read().decode()


MORE: dict[str, Callable[[Result], None]] = {
    "model-swapped": model_swapped,
    "provider-fell-back": provider_fell_back,
    "answer-crossed": answer_crossed,
}
