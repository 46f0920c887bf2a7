"""``switchover costs``: what was spent, whether providers bill what was metered, and what options will cost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from switchover.costs.ahead import Terms
from switchover.costs.invoices import FIELDS
from switchover.costs.reconcile import Difference
from switchover.costs.spent import BY, Share
from switchover.costs.weigh import DRAWS, MONTHS, SEED
from switchover.domain.budget import dollars
from switchover.errors import OperatorError
from switchover.report.projection_text import render_projection
from switchover.wiring import invoices
from switchover.wiring import spent as wired
from switchover.wiring.costs import price_of_own, projection

from . import assume
from .common import (
    DEFAULT_CONFIG,
    Config,
    Json,
    acting,
    console,
    counted,
    plain,
    print_json,
    process_named,
    settings,
    visible,
)

app = typer.Typer(rich_markup_mode=None, invoke_without_command=True)
Month = Annotated[str | None, typer.Option("--month", help="A month by UTC, such as 2026-11; default: this one.")]
SHOWN_SOURCES = 10
app.command("assumptions")(assume.show)
app.command("assume")(assume.take)


@app.callback()
def costs(
    context: typer.Context,
    process: Annotated[str | None, typer.Option("--process", "-p", help="Of this process alone.")] = None,
    month: Month = None,
    by: Annotated[str, typer.Option("--by", help="upstream, process, provider, purpose or day.")] = "upstream",
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Show what was spent in a month: settled as upstreams told their usage, estimated where they did not.

    Calls without a price are counted with the reason, and are in no sum.
    """
    if context.invoked_subcommand is not None:
        return
    if by not in BY:
        raise typer.BadParameter(f"{by!r} is none of {', '.join(BY)}", param_hint="--by")
    terms = settings(config)
    name = process_named(terms, process).name if process is not None else None
    found = wired.costs(terms, wired.month_of(month), by, name)
    if as_json:
        print_json(plain(found) | {"whole": _told(found.whole), "rows": {k: _told(v) for k, v in found.rows.items()}})
        return
    if not found.whole.calls:
        print(f"Nothing was recorded in {found.month}.")
    else:
        console().print(_table(found))
    for source, amount in list(found.sources.items())[:SHOWN_SOURCES]:
        print(f"price: {usd(amount)} by {visible(source)}")
    for reason, calls in found.gaps.items():
        print(f"no price: {counted(calls, 'call', 'calls')}: {visible(reason)}")
    for line in found.missing:
        print(f"missing from the record: {visible(line)}")


@app.command("import-invoice")
def import_invoice(
    file: Annotated[Path, typer.Argument(help="CSV with a header, a FOCUS file of the provider's, or JSON.")],
    provider: Annotated[str, typer.Option("--provider", help="Who billed it, as upstreams name their host.")],
    month: Annotated[str, typer.Option("--month", help="The month it is for, such as 2026-11.")],
    column: Annotated[
        list[str] | None,
        typer.Option("--column", help="FIELD=COLUMN for amount, currency, date or model; several times."),
    ] = None,
    rate: Annotated[str | None, typer.Option("--rate", help="USD for one unit of the invoice's currency.")] = None,
    rate_source: Annotated[str | None, typer.Option("--rate-source", help="Who says so, and of which day.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="In the place of the month's other invoices.")] = False,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Take in what a provider billed for a month. Lines of another month, and two currencies, are refused."""
    terms = settings(config)
    invoice, replaced = invoices.import_invoice(
        terms, acting(), file, provider, wired.month_of(month), columns=_columns(column or []),
        rate=_rate(rate, rate_source), rate_source=rate_source, replace=replace,
    )  # fmt: skip
    if as_json:
        print_json({"invoice": invoice, "replaced": replaced})
        return
    billed = f"{invoice.billed} {invoice.currency}"
    at_rate = f", {usd(Decimal(invoice.amount) / 10**9)} at {invoice.rate} ({invoice.rate_source})"
    lines = counted(invoice.lines, "line", "lines")
    print(f"{provider}, {invoice.month}: {billed}{at_rate if invoice.rate else ''} in {lines}")
    if replaced:
        print(f"{counted(replaced, 'invoice', 'invoices')} of that month replaced")


@app.command()
def reconcile(
    month: Month = None,
    correct: Annotated[
        bool, typer.Option("--correct", help="Put what the invoices say in the place of what budgets hold as unknown.")
    ] = False,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Hold a month's invoices against what was metered. Exit 3 if one differs by more than `costs.tolerance`."""
    terms = settings(config)
    found, corrected = invoices.reconcile(terms, acting(), wired.month_of(month), correct=correct)
    if as_json:
        print_json({"providers": found, "budgets": corrected})
    else:
        console().print(_differences(found))
        for one in found:
            _explain(one, terms.cost_tolerance)
        for each in corrected:
            if each.why is not None:
                print(f"{each.budget}: {dollars(each.unknown)} stay unknown: {each.why}")
            else:
                print(f"{each.budget}: settled {dollars(each.before)} → {dollars(each.after)}, nothing unknown")
    if any(one.within is False for one in found):
        raise typer.Exit(3)


@app.command()
def project(
    process: Annotated[
        list[str] | None, typer.Option("--process", help="Only this process; say it again for another.")
    ] = None,
    months: Annotated[int, typer.Option("--months", min=1, max=120, help="How far.")] = MONTHS,
    draws: Annotated[int, typer.Option("--draws", min=100, max=20_000, help="Futures to draw.")] = DRAWS,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed draws the same futures.")] = SEED,
    assumptions: Annotated[
        bool, typer.Option("--assumptions", help="Print each assumption with its source, owner and date.")
    ] = False,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Project the costs of staying and of each alternative. Exit 3 if nothing can be projected.

    Usage comes from the record, prices from the price list and the configuration, changes of price from real events.
    An option that is not proven good enough saves nothing.
    """
    terms = settings(config)
    wanted = [process_named(terms, name).name for name in process] if process else None
    found = projection(terms, Terms(months=months, draws=draws, seed=seed, processes=wanted))
    if isinstance(found, str):
        if as_json:
            print_json({"projected": False, "why": found})
        else:
            print(f"Nothing can be projected: {visible(found)}")
        raise typer.Exit(3)
    if as_json:
        print_json(found)
    else:
        render_projection(found, console(), assumptions=assumptions)


@app.command("own-price")
def own_price(
    upstream: Annotated[str, typer.Argument(help="An upstream on a machine that costs.options names.")],
    busy: Annotated[
        float | None,
        typer.Option("--busy", help="Share of the time that it is busy, 0–1; default: as it was."),
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Say what a million tokens cost on a machine of one's own, as a price to put into the configuration.

    Depreciation, power, space and people (or the rent) over what it was measured to read and write in the time it is
    busy. With the price its calls are metered, counted in budgets and exported as those of a vendor.
    """
    terms = settings(config)
    if upstream not in terms.upstreams:
        raise typer.BadParameter(f"there is no upstream {upstream!r}", param_hint="UPSTREAM")
    found = price_of_own(terms, upstream, busy)
    if as_json:
        print_json(found)
        return
    print(f"One machine costs {usd(found.month)} a month, people included; busy {found.busy:.1%} of the time.")
    for flag in found.flags:
        print(f"note: {visible(flag)}")
    day = datetime.now(UTC).date().isoformat()
    source = json.dumps(found.source, ensure_ascii=False)
    print(f"Under upstreams.{upstream}:")
    print(f'    price: {{input_mtok: "{found.input_mtok}", output_mtok: "{found.output_mtok}",')
    print(f'            source: {source}, checked: "{day}"}}')


def figure(amount: Decimal) -> str:
    """An amount as people read it, to the cent; a smaller one to the millionth."""
    return f"{amount:,.2f}" if not amount or abs(amount) >= 1 else f"{amount:.6f}"


def usd(amount: Decimal) -> str:
    """The same with its currency."""
    return f"{figure(amount)} USD"


def _table(found: wired.Costs) -> Table:
    made = Table(box=None, pad_edge=False, title=f"{found.month}, in USD", title_justify="left")
    for name in (found.by, "calls", "settled", "estimated", "total", "broken off", "no price"):
        made.add_column(name, justify="left" if name == found.by else "right", no_wrap=name != found.by)
    for name, one in (*found.rows.items(), ("in all", found.whole)):
        amounts = (one.settled, one.estimated, one.total, one.broken)
        made.add_row(visible(name), f"{one.calls:,}", *map(figure, amounts), f"{one.unpriced:,}")
    return made


def _differences(found: list[Difference]) -> Table:
    made = Table(box=None, pad_edge=False)
    for name in ("provider", "month", "settled", "estimated", "invoiced", "difference", "share"):
        made.add_column(name, justify="left" if name in ("provider", "month") else "right", no_wrap=True)
    for one in found:
        billed = "–" if one.invoiced is None else figure(one.invoiced)
        difference = "–" if one.difference is None else figure(one.difference)
        share = "–" if one.share is None else f"{one.share:+.1%}"
        made.add_row(
            one.provider, one.month, figure(one.metered.settled), figure(one.metered.estimated), billed, difference,
            share,
        )  # fmt: skip
    return made


def _explain(one: Difference, tolerance: str) -> None:
    if one.invoiced is None:
        print(f"{one.provider}: no invoice of {one.month} was imported")
    elif one.within is False:
        print(f"{one.provider}: the invoice differs by more than {tolerance} % from what was metered")
    if one.metered.unpriced:
        print(f"{one.provider}: {counted(one.metered.unpriced, 'call', 'calls')} without a price, in no sum")


def _told(one: Share) -> dict[str, object]:
    return plain(one) | {"total": str(one.total)}  # type: ignore[no-any-return]


def _columns(given: list[str]) -> dict[str, str]:
    found = {}
    for one in given:
        field, equals, name = one.partition("=")
        if field not in FIELDS or not equals or not name:
            raise typer.BadParameter(f"{one!r} is no FIELD=COLUMN of {', '.join(FIELDS)}", param_hint="--column")
        found[field] = name
    return found


def _rate(text: str | None, source: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        rate = Decimal(text)
    except InvalidOperation:
        rate = Decimal(0)
    if not rate.is_finite() or not Decimal("0.000001") <= rate <= 1_000_000:
        raise OperatorError(f"--rate {text!r} is no rate", mend="say what one unit is in USD, such as 1.08")
    if not source:
        raise OperatorError("--rate has no source", mend="add --rate-source, such as 'ECB, 2026-11-30'")
    return rate
