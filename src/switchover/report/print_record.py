"""What the evidence rests on, for paper: each process's verdicts and proofs, drills, prices, what is missing. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from switchover.domain.candidate import State, Verdict
from switchover.domain.cut_off import CutOff, Drill

from .blocks import Block, Cell, cell, drawn, heading, listed, paragraph, table
from .drawings import verdict_plot
from .explaining import points, state_at
from .model import BoardReport, Standing
from .wording import anchor, day, harmless, moment, share, span, usd


def record(report: BoardReport) -> Iterator[Block]:
    """Process by process, then drills, prices, and what is missing."""
    yield from _processes(report)
    yield from _drills(report)
    yield from _prices(report)
    yield from _rest(report)


def process_link(name: str) -> str:
    """What links to a process lead to."""
    return f"process-{anchor(name)}"


def _processes(report: BoardReport) -> Iterator[Block]:
    yield heading(2, "Each process, with its verdicts and proofs", "processes")
    for standing in report.standings:
        yield from _one_process(standing, report.made_at)


def _one_process(standing: Standing, now: float) -> Iterator[Block]:
    process, seen = standing.process, standing.traffic
    yield heading(3, process.name, process_link(process.name))
    fallbacks = ", ".join(process.fallbacks) or "none"
    yield paragraph(f"Baseline {process.baseline}; fallbacks {fallbacks}; promised back within {span(process.rto)}.")
    if seen is None:
        yield paragraph("Nothing recorded.")
    else:
        answered = ", ".join(f"{name} ({count:,})" for name, count in seen.by_upstream.items()) or "nobody"
        yield paragraph(
            f"{seen.exchanges:,} exchanges from {moment(seen.first)} to {moment(seen.last)} UTC, {seen.failed:,} "
            f"without a whole answer; {seen.peak_minute:,} answers in the busiest minute. Answered by {answered}. "
            f"Look at {', '.join(seen.examples)} with `switchover exchanges show`."
        )
    for proof in standing.proofs:
        until = "in date until" if proof.expires_at > now else "expired on"
        yield paragraph(
            f"{proof.upstream} with {proof.prompt_version} is at most {points(max(0.0, -proof.lower))} worse, at a "
            f"margin of {points(proof.margin)}, after {proof.replays:,} replays; "
            f"{until} {moment(proof.expires_at)} UTC.",
            f"proof-{anchor(proof.id)}",
            lead=f"Proof {proof.id} ({proof.state}):",
        )
    if not standing.verdicts:
        yield paragraph("no candidate was ever rehearsed.", lead="Untested:")
        return
    yield from drawn(
        verdict_plot(standing.verdicts, now),
        f"Differences in quality of {process.name}'s candidates",
        "Difference in quality to the baseline, with its bounds; the amber mark is the margin. READY: the whole line "
        "lies to its right, in every slice too.",
    )
    yield table(
        ("Candidate", "Verdict", ">Replays", ">Candidate", ">Baseline", "Difference [bounds], points", "Holds until"),
        (3.4, 1.9, 1.4, 1.6, 1.5, 2.9, 2.2),
        [row for verdict in standing.verdicts for row in _verdict(verdict, now)],
    )


def _verdict(verdict: Verdict, now: float) -> Iterator[tuple[Cell, ...]]:
    found, overall = verdict.evidence, verdict.evidence.overall
    state = state_at(verdict, now)
    tone = "good" if state is State.READY else "bad"
    yield (
        cell(
            f"{verdict.cell.upstream} {verdict.cell.prompt_version}",
            tone="strong",
            name=f"verdict-{anchor(verdict.id)}",
        ),
        cell(str(state), tone=tone),
        cell(f"{overall.replays:,}"),
        cell(share(found.candidate_score)),
        cell(share(found.baseline_self_agreement)),
        cell(_bounds(overall.mean_difference, overall.lower, overall.upper)),
        cell(day(verdict.expires_at)),
    )
    for part in found.slices:
        name = f"slice {part.name}, margin {points(part.margin)}"
        said = _bounds(part.mean_difference, part.lower, part.upper)
        yield (cell(name, tone="soft"), "", cell(f"{part.replays:,}"), "", "", cell(said), "")
    if found.reasons:
        yield (cell("; ".join(found.reasons), tone="soft", across=7),)


def _bounds(mean: float | None, lower: float, upper: float) -> str:
    middle = "–" if mean is None else f"{mean * 100:+.1f}"
    return f"{middle} [{lower * 100:+.0f}, {upper * 100:+.0f}]".replace("-", "−")


def _drills(report: BoardReport) -> Iterator[Block]:
    yield heading(2, "Drills and cut-offs", "drills")
    for drill in report.drills:
        yield paragraph(_drill(drill), f"drill-{anchor(drill.id)}", lead=_result(drill))
    if not report.drills:
        yield paragraph("every switch is untested.", lead="No drill:")
    for cut in report.cut_offs:
        yield paragraph(_cut_off(cut), f"cut-off-{anchor(cut.id)}", lead=f"Cut-off of {cut.target}:")


def _result(drill: Drill) -> str:
    result = drill.outcome.result if drill.outcome else drill.state
    return f"{result[:1].upper()}{result[1:]}:"


def _drill(drill: Drill) -> str:
    told = (
        f"{harmless(drill.fault)} on {drill.target} for {drill.process}, {drill.share * 100:.0f} % of the calls, "
        f"{moment(drill.begun_at)} UTC, approved by {harmless(drill.approver)}. {harmless(drill.hypothesis)}"
    )
    done = drill.outcome
    if done is None:
        return told
    back = (
        f"recovered in {done.rto:.2f} s of {done.rto_promised:.0f} s promised"
        if done.rto is not None
        else "not recovered"
    )
    reasons = f" {harmless('; '.join(done.reasons))}." if done.reasons else ""
    return (
        f"{told} {done.requests:,} requests met it, {done.failed:,} failed; {done.control_requests:,} were the "
        f"control, {done.control_failed:,} failed; {back}.{reasons}"
    )


def _cut_off(cut: CutOff) -> str:
    if cut.lifted_at is not None:
        until = f"to {moment(cut.lifted_at)} UTC"
    else:
        until = f"until {moment(cut.expires_at)} UTC" if cut.expires_at is not None else "until someone restores it"
    begun = f"{cut.fault or 'real'}, from {moment(cut.placed_at)} UTC"
    return f"{begun} {until}, by {harmless(cut.by)}. {harmless(cut.reason)}"


def _prices(report: BoardReport) -> Iterator[Block]:
    yield heading(2, "What was spent, and by which prices", "spend")
    for row in report.spend:
        amount = usd(row.spent) if row.priced else "Unknown"
        priced = f"{amount} for {row.priced:,} of {row.exchanges:,} exchanges within {span(row.window)}"
        monthly = "" if row.monthly is None else f"; {usd(row.monthly)} a month at that rate, day and night"
        gaps = f" Not priced: {harmless('; '.join(row.gaps))}." if row.gaps else ""
        gaps += f" Of it: {harmless('; '.join(row.estimated))}." if row.estimated else ""
        sources = harmless("; ".join(row.sources)) or "No source"
        yield paragraph(f"{priced}{monthly}. {sources}.{gaps}", f"prices-{anchor(row.process)}", lead=f"{row.process}:")
    if not report.spend:
        yield paragraph("Nothing to price.")


def _rest(report: BoardReport) -> Iterator[Block]:
    yield heading(2, "What is missing, and what vouches for the rest", "evidence")
    if report.missing:
        yield paragraph("Known to be missing from the record; each gap is an entry of the evidence log:", "missing")
        yield from listed(report.missing)
    else:
        yield paragraph("Nothing is known to be missing from the record.", "missing")
    if report.sealed:
        yield paragraph(
            f"The evidence log says what happened: {report.sealed.size:,} entries of {report.sealed.origin} under the "
            f"checkpoint with the root {report.sealed.root}. Keep that checkpoint elsewhere; `switchover evidence "
            "verify` checks the log and the store against it."
        )
    else:
        yield paragraph("Nothing vouches for it yet: the evidence log has no checkpoint.")
    yield paragraph(
        "Made by Switchover from the record, the proofs and the drills in its store. No claim of certification; no "
        "legal advice.",
        soft=True,
    )
