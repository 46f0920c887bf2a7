"""``switchover decide``: say where a process is placed, for a reason, until a day on which that is looked at again."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeVar

import typer

from switchover.domain.placement import Decision, Impact, Signed, Substitutability
from switchover.domain.process import Criticality
from switchover.errors import OperatorError
from switchover.report.deciding import Wish
from switchover.wiring import placement

from .common import DEFAULT_CONFIG, Config, Json, acting, print_json, process_named, settings, visible

app = typer.Typer(rich_markup_mode=None)
Kind = TypeVar("Kind", bound=StrEnum)


@app.callback(invoke_without_command=True)
def decide(
    process: Annotated[str, typer.Argument(help="The process.")],
    place: Annotated[
        str,
        typer.Option("--place", help="proposed, own, other-host or vendor, or the upstream that should serve."),
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why; it goes into the store, not the log.")],
    review: Annotated[str, typer.Option("--review", help="The day on which to look at it again, such as 2027-03-31.")],
    replacement: Annotated[
        str | None,
        typer.Option("--replacement", help="Who stands in: an upstream, or nobody; else the one proposed."),
    ] = None,
    criticality: Annotated[
        str | None, typer.Option("--criticality", help="Sign for it: critical, important or ordinary.")
    ] = None,
    substitutability: Annotated[
        str | None,
        typer.Option(
            "--substitutability",
            help="Sign for it: not substitutable, highly complex, medium complexity or easily substitutable.",
        ),
    ] = None,
    impact: Annotated[
        str | None, typer.Option("--impact", help="Sign for what it means if who serves stops: low, medium or high.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Decide where a process is placed, as its owner; it supersedes the decision before. See switchover placement.

    Nothing moves by itself: what serves is what the configuration says.
    """
    found = settings(config)
    signed = Signed(
        criticality=_one_of(Criticality, "--criticality", criticality),
        substitutability=_one_of(Substitutability, "--substitutability", substitutability),
        impact=_one_of(Impact, "--impact", impact),
    )
    wish = Wish(place=place, reason=reason, review=review, replacement=replacement, signed=signed)
    done = placement.decide(found, process_named(found, process), wish, actor=acting())
    print_json(done) if as_json else print_decided(done)


def print_decided(done: Decision) -> None:
    """What was decided, and whether that is what was proposed."""
    stands = f"{done.replacement} stands in" if done.replacement else "nobody stands in"
    print(visible(f"{done.id}: {done.serves} ({done.place}) serves {done.process}, {stands}"))
    print(f"  {'as proposed' if done.follows else 'other than proposed'}; to be looked at again on {done.review_on}")


def _one_of(kind: type[Kind], option: str, value: str | None) -> Kind | None:
    if value is None:
        return None
    try:
        return kind(value)
    except ValueError as cause:
        raise OperatorError(f"{option} {value!r} is none there is", mend=f"use one of {', '.join(kind)}") from cause
