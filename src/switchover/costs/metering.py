"""What an exchange is billed: every try by itself, also those that failed, broke off or were abandoned. Pure.

What the upstream told is settled; what it did not tell is estimated and marked; what has no price says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from switchover.dialects.said import length_of
from switchover.domain.charge import BILLIONTH, Basis, Charge, Ending, Metered, Sample
from switchover.domain.exchange import EMBEDDINGS, TOKEN_COUNT, AttemptRecord, Exchange, Outcome, Usage
from switchover.domain.process import UpstreamSpec

from .estimates import NOTHING, Ratios, completed, estimate, teaches
from .prices import Priced, price_call

Upstreams = Mapping[str, UpstreamSpec]
# Faults of a try that never reached its upstream: no name, no connection, no room for the prompt, no prompt version.
NEVER_SENT = frozenset(
    {
        "connect-refused",
        "connect-timeout",
        "context-too-long",
        "dns-not-found",
        "dns-private-address",
        "dns-silent",
        "local-loading",
        "local-silent-truncation",
        "tls-expired",
        "tls-stalled",
        "weights-missing",
    }
)
ENDINGS = {
    Outcome.COMPLETE: Ending.ANSWERED,
    Outcome.ABANDONED: Ending.ABANDONED,
    Outcome.TRUNCATED: Ending.CUT,
}
NOBODY_KNOWS = "requests whose worker died: nobody knows whom they were sent to"


@dataclass(frozen=True, slots=True)
class Part:
    """One try that is billed. ``guessed`` says what was estimated of it, or nothing."""

    attempt: AttemptRecord
    ending: Ending
    usage: Usage | None
    priced: Priced
    guessed: str | None = None


def price_exchange(exchange: Exchange, upstreams: Upstreams, ratios: Ratios | None = None) -> Priced:
    """What the upstreams charge for this exchange, with ``upstreams`` as they are configured now.

    A call that no upstream accepted costs nothing. What nobody told is estimated, and is the gap beside the amount.
    """
    parts = list(_parts(exchange, upstreams, ratios or {}))
    if exchange.outcome is Outcome.UNFINISHED:
        return Priced(None, "", gap=NOBODY_KNOWS)
    if not parts:
        return Priced(Decimal(0), "nothing was billed: no upstream accepted the call")
    known = [part.priced for part in parts if part.priced.amount is not None]
    gaps = [said for part in parts for said in (part.priced.gap, part.guessed) if said is not None]
    return Priced(
        sum((one.amount or Decimal(0) for one in known), Decimal(0)) if known else None,
        " and ".join(dict.fromkeys(one.source for one in known)),
        gap=" and ".join(dict.fromkeys(gaps)) or None,
        estimated=any(one.estimated for one in known),
    )


def meter(exchange: Exchange, upstreams: Upstreams, ratios: Ratios | None = None) -> Metered:
    """The charges of an exchange, each rounded to the billionth of a dollar by kind; and what it teaches."""
    if exchange.outcome is Outcome.UNFINISHED:
        unknown = Charge(
            upstream="", model="", provider="", developer="", ending=Ending.CUT, basis=Basis.UNPRICED,
            source=NOBODY_KNOWS,
        )  # fmt: skip
        return Metered(charges=(unknown,))
    parts = list(_parts(exchange, upstreams, ratios or {}))
    charges = tuple(
        charge_of(part.attempt, upstreams.get(part.attempt.upstream), part.ending, part.usage, part.priced)
        for part in parts
    )
    return Metered(charges=charges, sample=_sample(exchange, parts))


def charge_of(
    attempt: AttemptRecord, spec: UpstreamSpec | None, ending: Ending, usage: Usage | None, priced: Priced
) -> Charge:
    """One try as it is entered."""
    used = usage or Usage()
    plain = max(used.input - used.cached_input - used.written_input, 0)
    if priced.amount is None:
        basis, source = Basis.UNPRICED, priced.gap or ""
    else:
        basis, source = Basis.ESTIMATED if priced.estimated else Basis.SETTLED, priced.source
    spent = [_billionths(part) for part in priced.parts]
    return Charge(
        upstream=attempt.upstream, model=attempt.model, provider=spec.host if spec else "",
        developer=spec.developer if spec else "", ending=ending, basis=basis, source=source,
        tokens=(plain, used.cached_input, used.written_input, used.output),
        spent=(spent[0], spent[1], spent[2], spent[3], spent[4]), listed=_billionths(priced.listed),
    )  # fmt: skip


def charge_call(spec: UpstreamSpec, usage: Usage | None, at: float, ending: Ending = Ending.ANSWERED) -> Charge:
    """A call that is no exchange, such as a trial's, at a moment (Unix seconds); ``usage`` None: nobody told it."""
    asked = AttemptRecord(upstream=spec.name, model=spec.model, fault=None, status=200, elapsed_ms=0.0)
    untold = Priced(None, "", gap=f"a call of {spec.name}, whose usage was not reported")
    return charge_of(asked, spec, ending, usage, untold if usage is None else price_call(spec, usage, at))


def has_price(upstreams: Upstreams, name: str, model: str, at: float) -> bool:
    """Whether calls of an upstream's model at a moment (Unix seconds) have a price, by ``upstreams`` as configured."""
    spec = upstreams.get(name)
    return (
        spec is not None and spec.model == model and price_call(spec, Usage(input=1, output=1), at).amount is not None
    )


def _billionths(amount: Decimal) -> int:
    return int((amount * BILLIONTH).to_integral_value())


def _parts(exchange: Exchange, upstreams: Upstreams, ratios: Ratios) -> Iterator[Part]:
    if exchange.dialect == TOKEN_COUNT or exchange.outcome is Outcome.UNFINISHED:
        # Counting tokens is free (docs.claude.com/en/docs/build-with-claude/token-counting).
        return
    attempts = exchange.attempts or _as_told(exchange, upstreams)
    answer = _answering(exchange, attempts)
    for place, attempt in enumerate(attempts):
        if place == answer:
            yield _answer(exchange, attempt, upstreams, ratios)
        elif was_sent(attempt):
            yield _broken(exchange, attempt, upstreams, ratios)


def _as_told(exchange: Exchange, upstreams: Upstreams) -> tuple[AttemptRecord, ...]:
    """The one try of an exchange that was recorded elsewhere."""
    if exchange.upstream is None:
        return ()
    spec = upstreams.get(exchange.upstream)
    model = spec.model if spec else exchange.model or ""
    return (AttemptRecord(upstream=exchange.upstream, model=model, fault=None, status=200, elapsed_ms=0.0),)


def _answering(exchange: Exchange, attempts: tuple[AttemptRecord, ...]) -> int | None:
    """The place of the try whose answer the caller got; the last one's, where several are of that upstream."""
    found = (n for n in range(len(attempts) - 1, -1, -1) if attempts[n].upstream == exchange.upstream)
    return next(found, None)


def was_sent(attempt: AttemptRecord) -> bool:
    """Whether an upstream may bill a try that is not the answer: it was sent, and not turned down."""
    if attempt.usage is not None:
        return True
    if attempt.status is not None:
        return 200 <= attempt.status < 300
    # What a drill stops before it has a status never leaves.
    return attempt.fault not in NEVER_SENT and attempt.cut_off is None


def _answer(exchange: Exchange, attempt: AttemptRecord, upstreams: Upstreams, ratios: Ratios) -> Part:
    ending = ENDINGS.get(exchange.outcome, Ending.FAILED)
    spec = upstreams.get(attempt.upstream)
    if exchange.by_other is not None and spec is not None and attempt.model == spec.model:
        gap = f"{spec.name} answered with another model than {attempt.model}, whose price is not known"
        return Part(attempt, ending, exchange.usage, Priced(None, "", gap=gap))
    usage = told(attempt.usage) or told(exchange.usage)
    if usage is None:
        usage = _estimated(exchange, attempt, ratios, heard=True)
    elif exchange.stream and ending is not Ending.ANSWERED and not usage.estimated:
        length = length_of(exchange)
        usage = usage if length is None else completed(usage, length, ratios.get(attempt.model, NOTHING))
    return _priced(exchange, attempt, ending, usage, spec)


def _broken(exchange: Exchange, attempt: AttemptRecord, upstreams: Upstreams, ratios: Ratios) -> Part:
    left = attempt.fault is None and exchange.outcome is Outcome.ABANDONED
    usage = told(attempt.usage) or _estimated(exchange, attempt, ratios, heard=False)
    ending = Ending.ABANDONED if left else Ending.FAILED
    return _priced(exchange, attempt, ending, usage, upstreams.get(attempt.upstream))


def told(usage: Usage | None) -> Usage | None:
    """A usage that tells something; None: nobody told."""
    return usage if usage is not None and usage.tells else None


def _estimated(exchange: Exchange, attempt: AttemptRecord, ratios: Ratios, *, heard: bool) -> Usage | None:
    length = length_of(exchange)
    if length is None:
        return None
    found = estimate(length, ratios.get(attempt.model, NOTHING), stream=exchange.stream, heard=heard)
    return replace(found, output=0) if exchange.dialect == EMBEDDINGS else found


def _priced(
    exchange: Exchange, attempt: AttemptRecord, ending: Ending, usage: Usage | None, spec: UpstreamSpec | None
) -> Part:
    if spec is None:
        priced = Priced(None, "", gap=f"{attempt.upstream} is not configured any more")
    elif attempt.model != spec.model:
        gap = f"{spec.name} answered with {attempt.model} then, and is configured with another model now"
        priced = Priced(None, "", gap=gap)
    elif usage is None:
        said = _said(attempt.upstream, ending)
        priced = Priced(None, "", gap=f"{said}, whose usage was not reported and can't be estimated")
    else:
        priced = price_call(spec, usage, exchange.started_at)
    return Part(attempt, ending, usage, priced, guess(attempt.upstream, ending) if priced.estimated else None)


def guess(upstream: str, ending: Ending) -> str:
    """What an estimated charge leaves to be said."""
    return f"{_said(upstream, ending)}, whose usage was not reported in full, is estimated"


def _said(upstream: str, ending: Ending) -> str:
    return f"an answer of {upstream}" if ending is Ending.ANSWERED else f"a broken answer of {upstream}"


def _sample(exchange: Exchange, parts: list[Part]) -> Sample | None:
    """What a settled answer teaches: one try that was answered whole, by the model that was asked."""
    length = length_of(exchange)
    if length is None or len(parts) != 1 or exchange.dialect == EMBEDDINGS:
        return None
    (part,) = parts
    used = part.usage
    if part.ending is not Ending.ANSWERED or used is None or used.estimated or exchange.by_other is not None:
        return None
    found = Sample(model=part.attempt.model, read=used.input, asked=length.asked, wrote=used.output, said=length.said)
    return found if teaches(found) else None
