"""The evidence behind the answers, for paper: who stands where, what each loss does, policy, capacity. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from .blocks import Block, Cell, cell, drawn, heading, paragraph, table
from .drawings import capacity_bar, fate_class, survival_bar
from .model import BoardReport, Capacity, Loss, Permission, Placed, ProcessFate
from .print_costs import costs
from .print_record import process_link, record
from .wording import anchor, concentration, share

TONES = {True: "good", False: "bad", None: ""}


def evidence(report: BoardReport) -> list[Block]:
    """All of it, in the order in which the answers lead there."""
    return [
        *_standings(report),
        *_changes(report),
        *_losses(report),
        *_policy(report),
        *costs(report),
        *_capacities(report),
        *record(report),
    ]


def _standings(report: BoardReport) -> Iterator[Block]:
    yield heading(2, "Where each process stands, should its baseline be lost", "standings")
    yield table(
        ("Process", "Criticality", "Owner", ">Recorded", "Standing"),
        (3, 1.6, 2.4, 1.5, 5),
        [
            (
                cell(s.process.name, link=process_link(s.process.name), tone="strong"),
                s.process.criticality,
                s.process.owner,
                f"{s.traffic.exchanges:,}" if s.traffic else "none",
                cell(s.word, tone=fate_class(s.fate)),
            )
            for s in report.standings
        ],
    )


def _changes(report: BoardReport) -> Iterator[Block]:
    if report.since is not None and report.since.processes:
        yield heading(2, f"Which processes stand otherwise than in report {report.since.id}", "changes")
        rows = [
            (cell(one.process, link=process_link(one.process), tone="strong"), cell(one.words, tone=TONES[one.better]))
            for one in report.since.processes
        ]
        yield table(("Process", "What changed"), (3, 9), rows)


def _losses(report: BoardReport) -> Iterator[Block]:
    yield heading(2, "What each loss does", "answer-1")
    yield paragraph(
        "Of the critical processes' recorded exchanges the share that is shown to go on: each within its promised time "
        "and its quality margin, by a proof in date and a drill that passed. What was never drilled counts as failing.",
        soft=True,
    )
    for loss in report.losses:
        yield from _loss(loss)
    if not report.losses:
        yield paragraph("No upstream of any process is outside our own machine.")
    if report.concentration:
        yield paragraph(concentration(report.graph), soft=True)


def _loss(loss: Loss) -> Iterator[Block]:
    simulated = " (rests on a simulated vendor)" if loss.simulated else ""
    title = f"Without {loss.target.kind} {loss.target.name}: {share(loss.surviving)}{simulated}"
    yield heading(3, title, f"loss-{anchor(str(loss.target))}")
    yield from drawn(survival_bar(loss), f"{share(loss.surviving)} shown to go on, {share(loss.proven)} proven")
    falls = ", ".join(loss.loses) or "nothing"
    yield paragraph(f"{'Cut off at this moment' if loss.happened else 'Falls with it'}: {falls}.", soft=True)
    yield table(
        ("Process", ">Recorded", ">Shown", "Why", "Proof, drill"), (3, 1.4, 1.2, 6, 1.6), map(_fate, loss.fates)
    )


def _fate(fate: ProcessFate) -> tuple[Cell, ...]:
    shown_by = ", ".join(name for name, there in (("proof", fate.proof), ("drill", fate.drill)) if there) or "–"
    link = f"proof-{anchor(fate.proof)}" if fate.proof else f"drill-{anchor(fate.drill)}" if fate.drill else ""
    counted = "" if fate.critical else " (not counted)"
    return (
        cell(f"{fate.process}{counted}", link=process_link(fate.process), tone="strong"),
        cell(f"{fate.exchanges:,}"),
        cell(share(fate.shown)),
        cell(f"{fate.fate}. {fate.why}", tone=fate_class(fate.fate)),
        cell(shown_by, link=link),
    )


def _policy(report: BoardReport) -> Iterator[Block]:
    yield heading(2, "Who may see what, and who was asked", "answer-2")
    yield table(
        ("Process", "Data", "Route", "Upstream", "Host, home", "Policy", ">Asked", ">Answered"),
        (3, 1.9, 2.3, 2, 2.3, 1.6, 1.3, 1.6),
        map(_permission, report.permissions),
        "Process × data class × route, by today's policy",
    )
    broken = sum(row.asked for row in report.permissions if row.violation)
    yield paragraph(
        f"{broken:,} recorded exchange{'' if broken == 1 else 's'} broke the data policy as it is today. Which of "
        "these to keep in our own hands is a decision: a person takes it and signs for it."
    )
    yield table(
        ("Process", "Proposed", "Decided", "Look again on"),
        (2.4, 6, 6, 2),
        map(_placed, report.placements),
        "Where each process is placed: proposed by the evidence, decided by people",
    )


def _placed(row: Placed) -> tuple[Cell, ...]:
    handed = " Handed over entirely." if row.kept is False else ""
    decided = (
        f"{row.decided}{'' if row.follows else ', other than proposed'}; by {row.by}" if row.decided else "by nobody"
    )
    shaken = f". What it rests on has changed: {'; '.join(row.changes)}" if row.changes else ""
    return (
        cell(row.process, link=process_link(row.process), tone="strong"),
        cell(f"{row.said}{handed}"),
        cell(f"{decided}{shaken}", tone="bad" if row.changes else ""),
        cell(f"{row.review_on or '–'}{', overdue' if row.overdue else ''}", tone="bad" if row.overdue else ""),
    )


def _permission(row: Permission) -> tuple[Cell, ...]:
    tone = "bad" if row.violation else ""
    return (
        cell(row.process, link=process_link(row.process), tone="strong"),
        cell(row.data),
        cell(", ".join(row.routes)),
        cell(row.upstream),
        cell("our own machine" if row.own else f"{row.host}, {row.home}"),
        cell("BREACH" if row.violation else "allowed" if row.allowed else "kept away", tone=tone),
        cell(f"{row.asked:,}", tone=tone),
        cell(f"{row.answered:,}"),
    )


def _capacities(report: BoardReport) -> Iterator[Block]:
    yield heading(2, "What own machines carry", "answer-4")
    for row in report.capacity:
        yield from _capacity(row)
    if not report.capacity:
        yield paragraph("No upstream runs on our own machine.")
    yield paragraph(
        "Each process is held against the machine by itself: two that use one at once share it. Skills, and a restore "
        "from zero, are not measured here and count as unknown.",
        soft=True,
    )


def _capacity(row: Capacity) -> Iterator[Block]:
    state = row.state if row.ready or row.state != "READY" else "was READY; no proof in date"
    yield heading(3, f"{row.process} on {row.upstream}: {state}")
    if row.per_minute is None:
        yield paragraph("Unknown: never measured.")
    elif row.share is None:
        yield paragraph(f"Carries {row.per_minute:,.0f} answers a minute; no load was recorded to hold that against.")
    else:
        ready = "" if row.ready else ", but the answers are not proven good enough"
        yield paragraph(
            f"of the busiest recorded minute is carried by this machine: {row.per_minute:,.0f} answers a minute "
            f"against {row.peak_minute:,}{ready}.",
            lead=share(row.share),
        )
        yield from drawn(capacity_bar(row.share, row.ready), f"{share(row.share)} of the busiest minute carried")
        yield paragraph(
            f"Measured in its rehearsal: {row.seconds_per_answer:.3f} s an answer, {row.slots} at once. The p95 minute "
            f"had {row.p95_minute:,}.",
            soft=True,
        )
