"""What alerts say, in one line each: names, amounts and dates of ours, and nothing that was asked or answered. Pure."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from switchover.domain.alert import BREAK, Alert, AlertKind
from switchover.domain.budget import ORGANISATION, dollars
from switchover.domain.process import Budget

ALL = 100
LONGEST_NAME = 96
AT_CAP = {
    "refuse": "calls that do not fit are refused",
    "cheaper": "calls that do not fit go to a cheaper replacement with a proof in date, or are refused",
}


def one_line(text: str, longest: int = LONGEST_NAME) -> str:
    """Text from elsewhere in one line: what does not print, and what parts an alert's words, becomes a space."""
    plain = "".join(c if c.isprintable() else " " for c in text).replace(BREAK, ", ")
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"


def budget_in_words(budget: str) -> str:
    """Whose budget it is."""
    kind, _, name = budget.partition(":")
    if kind == ORGANISATION:
        return "the organisation"
    return one_line(name if kind == "process" else f"{kind} {name}")


def moment(at: float) -> str:
    """A moment in UTC, to the minute."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def budget_reached(
    budget: str, terms: Budget, period: str, cap: int, percent: int, *,
    settled: int, unknown: int, ends_at: float | None, over: float, at: float,
) -> Alert:  # fmt: skip
    """A budget has come to a mark of its cap. ``over`` is the period's end."""
    whom = f"budget of {budget_in_words(budget)}, {period}"
    headline = f"{whom}: used up" if percent >= ALL else f"{whom}: {percent} % reached"
    rest = [_spent(settled, unknown, cap)]
    if percent >= ALL:
        then = "its cap is soft, so that calls go on" if terms.kind == "soft" else AT_CAP[terms.at_cap]
        rest.append(f"until {moment(over)} {then}")
    elif ends_at is not None:
        rest.append(f"at the recent rate it is used up on {moment(ends_at)}")
    return Alert(
        id=_id(), kind=AlertKind.REACHED, about=budget, period=period, amount=cap, percent=percent, settled=settled,
        unknown=unknown, ends_at=ends_at, at=at, said=BREAK.join((headline, *rest)),
    )  # fmt: skip


def budget_will_not_last(
    budget: str, period: str, cap: int, *, settled: int, unknown: int, ends_at: float, total: int, over: float,
    at: float,
) -> Alert:  # fmt: skip
    """A budget is used up before its period ends, at the recent rate, by which ``total`` would be spent in all."""
    headline = f"budget of {budget_in_words(budget)}, {period}: will not last, ends on {moment(ends_at)}"
    rest = f"the period ends on {moment(over)}, by when {dollars(total)} would be spent at the recent rate"
    said = BREAK.join((headline, _spent(settled, unknown, cap), rest))
    return Alert(
        id=_id(), kind=AlertKind.WILL_NOT_LAST, about=budget, period=period, amount=cap, settled=settled,
        unknown=unknown, ends_at=ends_at, at=at, said=said,
    )  # fmt: skip


def invoice_differs(
    provider: str, month: str, *, invoiced: int, metered: int, percent: str, tolerance: str, at: float
) -> Alert:
    """A provider's invoice is further from what was metered than the tolerance; amounts in micro-USD."""
    said = BREAK.join(
        (
            f"invoice of {one_line(provider)}, {month}: differs by {percent} from what was metered",
            f"billed {_amount(invoiced)}, metered {_amount(metered)}, tolerance {tolerance} %",
        )
    )
    return Alert(
        id=_id(), kind=AlertKind.INVOICE, about=f"provider:{provider}", period=month, amount=invoiced,
        settled=metered, at=at, said=said,
    )  # fmt: skip


def price_missing(upstream: str, month: str, *, at: float) -> Alert:
    """An upstream that a budget is about has no price any more."""
    said = BREAK.join(
        (
            f"price of {one_line(upstream)}: none is known",
            "a budget is about its calls, so that it is not asked",
            f"state one under upstreams.{one_line(upstream)}.price",
        )
    )
    return Alert(id=_id(), kind=AlertKind.NO_PRICE, about=f"upstream:{upstream}", period=month, at=at, said=said)


def try_out(at: float) -> Alert:
    """What somebody sends to see whether it arrives."""
    said = BREAK.join(("a try-out", "somebody asked for it with `switchover alerts test`, and nothing is wrong"))
    return Alert(id=_id(), kind=AlertKind.TRY_OUT, about="alerts", period="", at=at, said=said)


def _spent(settled: int, unknown: int, cap: int) -> str:
    more = f", of which nobody told {_amount(unknown)}, counted at the most that it can be" if unknown else ""
    return f"{_amount(settled)} of {_amount(cap)} spent{more}"


def _amount(micro: int) -> str:
    return f"-{dollars(-micro)}" if micro < 0 else dollars(micro)


def _id() -> str:
    """One for all deliveries of an alert, so that whoever gets it twice can tell."""
    return f"al-{secrets.token_hex(10)}"
