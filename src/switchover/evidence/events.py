"""What an entry says, event by event. Names from the configuration, ids, moments, figures and hashes; nobody's words.

Who did something is told by id ("local": the machine's user). Their name, why, and what was hoped for lie in the
store's row, of which the entry has the hash: so nothing personal is in a log that can't be changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from switchover.domain.acceptance import Acceptance
from switchover.domain.candidate import Cell, Proof, State, Verdict
from switchover.domain.costing import Edit
from switchover.domain.cut_off import Drill
from switchover.domain.label import People
from switchover.domain.placement import Decision
from switchover.domain.watching import DueOrder, Probe, Retirement
from switchover.store.facts import Fact

from .canonical import figure, moment, text
from .log import Event

# Takes an event to the log. It never raises: what happened is not undone because it could not be noted.
Note = Callable[[Event], object]

SAVED = {
    "verdict": "verdict saved",
    "proof": "proof given",
    "change": "change noticed",
    "drill": "drill",
    "cut-off": "cut-off placed",
    "key": "key created",
    "erasure": "erasure",
    "assumption": "assumption edited",
    "gap": "gap",
    "person": "person added",
    "person-key": "person's key created",
    "acceptance": "risk accepted",
    "decision": "placement decided",
    "approval": "approval asked",
    "approval-step": "approval",
    "report": "report issued",
}
ENDED = {
    "proof": "proof revoked",
    "acceptance": "risk no longer accepted",
    "cut-off": "cut-off lifted",
    "key": "key revoked",
    "person": "person revoked",
    "person-key": "person's key revoked",
}
ARCHIVED, ARCHIVE_REMOVED, DELETED = "archived", "archive removed", "deleted"
PATHS = 100


def unnoted(event: Event) -> None:
    """Notes nothing."""


def saved(fact: Fact, *, late: bool = False, **more: Any) -> Event:
    """A row of the store as it was saved; ``late``: it was found there without an entry."""
    of_row = {"process": fact.process, "state": fact.state, "target": fact.target, "drill": fact.drill, "by": fact.by}
    told = {"id": fact.id, "sha256": fact.sha256, "since": moment(fact.at), **of_row, **fact.told, **more}
    return _event(SAVED[fact.kind], late=late or None, **told)


def ended(fact: Fact, *, late: bool = False) -> Event:
    """A row's end: a cut-off lifted, a proof, a key or a person revoked."""
    return _event(
        ENDED[fact.kind],
        id=fact.id,
        sha256=fact.end_sha256,
        since=moment(fact.ended_at or 0.0),
        process=fact.process,
        target=fact.target,
        drill=fact.drill,
        by=fact.end_by,
        lapsed=fact.ended_by == "expiry" or None,
        late=late or None,
    )


def verdict(fact: Fact, verdict: Verdict, before: State | None) -> Event:
    """A verdict, with the figures that it rests on and the state of the cell's last one."""
    overall = verdict.evidence.overall
    return saved(
        fact,
        cell=verdict.cell.id,
        prompt_version=verdict.cell.prompt_version,
        before=str(before) if before else None,
        changed=None if before is None else before is not verdict.state,
        replays=overall.replays,
        difference=figure(overall.mean_difference),
        lower=figure(overall.lower),
        upper=figure(overall.upper),
        margin=figure(overall.margin),
        expires=None if verdict.expires_at is None else moment(verdict.expires_at),
    )


def proof(fact: Fact, proof: Proof) -> Event:
    """A proof, and until when it holds."""
    return saved(fact, prompt_version=proof.prompt_version, expires=moment(proof.expires_at))


def accepted(fact: Fact, found: Acceptance) -> Event:
    """A risk that an owner accepted, and until when."""
    return saved(fact, prompt_version=found.prompt_version, verdict=found.verdict, expires=moment(found.expires_at))


def decided(fact: Fact, found: Decision, proposed: Mapping[str, str | None], evidence: Sequence[str]) -> Event:
    """A placement that a person decided: what was ``proposed``, and the ``evidence`` of that ("proof …") by id."""
    signed = asdict(found.signed)
    return saved(
        fact,
        proposed={name: None if value is None else text(value) for name, value in proposed.items()},
        evidence=[text(one) for one in evidence] or None,
        rests_on=[text(f"{name}: {value}") for name, value in sorted(found.basis.items())],
        signed={name: str(value) for name, value in signed.items() if value is not None} or None,
    )


def drill(fact: Fact, drill: Drill, reports: Mapping[str, str]) -> Event:
    """A drill as it stands; ``reports``: the SHA-256 of each file of its report, by name."""
    outcome = drill.outcome
    return saved(
        fact,
        target=str(drill.target),
        fault=drill.fault,
        share=figure(drill.share),
        proof=drill.proof,
        result=outcome.result if outcome else None,
        requests=outcome.requests if outcome else None,
        failed=outcome.failed if outcome else None,
        rto=figure(outcome.rto) if outcome else None,
        rto_promised=figure(outcome.rto_promised) if outcome else None,
        reports=[{"file": text(name), "sha256": sha256} for name, sha256 in sorted(reports.items())] or None,
    )


def erasure(fact: Fact, row: Mapping[str, Any], artefacts: Sequence[str]) -> Event:
    """An erasure: what it reached, of a subject the keyed hash, how much went, and which artefacts went with it."""
    told = ("subject", "first_month", "last_month", "keys", "exchanges", "versions", "proofs")
    return saved(fact, artefacts=list(artefacts) or None, **{name: row[name] for name in told})


def assumed(fact: Fact, edit: Edit) -> Event:
    """An assumption that somebody edited; without a value it was taken back. Why and whence is in the row."""
    return saved(
        fact,
        value=figure(edit.value),
        low=figure(edit.low),
        high=figure(edit.high),
        taken_back=edit.value is None or None,
    )


def proof_expired(proof: Proof) -> Event:
    """A proof that is out of date."""
    since = moment(proof.expires_at)
    return _event("proof expired", id=proof.id, since=since, process=proof.process, target=proof.upstream)


def switched(process: str, before: str | None, after: str | None, exchange: str, at: float) -> Event:
    """From ``exchange`` on a process is served by another upstream; None: by nobody."""
    return {
        "event": "failover",
        "process": text(process),
        "from": None if before is None else text(before),
        "to": None if after is None else text(after),
        "exchange": exchange,
        "since": moment(at),
    }


def held(upstream: str, at: float) -> Event:
    """A breaker that is held until somebody restores it."""
    return _event("breaker held", upstream=upstream, since=moment(at))


def suspended(upstream: str, process: str, by: str, at: float) -> Event:
    """An upstream's proofs do not count until somebody restores it; ``by``: what of ``process`` showed it."""
    return _event("proofs suspended", upstream=upstream, process=process, by=by, since=moment(at))


def restored(upstream: str) -> Event:
    """A held breaker that is let go."""
    return _event("breaker restored", upstream=upstream)


def probed(seen: Probe, *, suspends: bool, lifts: bool) -> Event:
    """An upstream answers its probe otherwise than before; what that did to its proofs."""
    event = "probe failed" if seen.failed else "probe well"
    told = {"suspends": suspends or None, "lifts": lifts or None}
    return _event(event, upstream=seen.upstream, failed=seen.failed, fault=seen.fault, since=moment(seen.at), **told)


def retirement(found: Retirement) -> Event:
    """A model's retirement, once it is known, with who says so."""
    return _event(
        "retirement known",
        upstream=found.upstream,
        model=found.model,
        day=found.day,
        source=found.source,
        since=moment(found.told_at),
    )


def due_order(order: DueOrder, became: str, verdict: str | None = None) -> Event:
    """A due rehearsal that was "opened", "done" or "given up"."""
    return _event(
        f"due order {became}",
        id=order.id,
        process=order.process,
        candidate=order.candidate,
        why=str(order.why),
        verdict=verdict,
    )


def refused(act: str, process: str | None, by: str) -> Event:
    """A person tried what they have not the right to."""
    return _event("act refused", act=act, process=process, by=by)


def signed_in() -> Event:
    """A person signed in to the pages."""
    return _event("signed in")


def shown(exchange: str, process: str) -> Event:
    """A person read what an exchange says."""
    return _event("bodies shown", exchange=exchange, process=process)


def labelled(cell: Cell, count: int, people: People, source: str) -> Event:
    """A person looked at so many pairs of a cell: counts and how far people agree, never what was said."""
    agreed = people.agreement
    return _event(
        "labels given",
        process=cell.process,
        target=cell.upstream,
        cell=cell.id,
        labels=count,
        labelled=people.labelled,
        waiting=people.waiting,
        twice=agreed.pairs if agreed else None,
        same=figure(agreed.same) if agreed else None,
        source=source,
    )


def adapted(process: str, versions: Sequence[str]) -> Event:
    """An adaptation saved prompt versions."""
    return _event("prompt versions saved", process=process, versions=[text(name) for name in versions[:PATHS]])


def restoration(target: str, unsuspended: Sequence[str]) -> Event:
    """A person put everything under a target back; ``unsuspended``: upstreams whose proofs count again."""
    return _event("restored", target=target, unsuspended=[text(name) for name in unsuspended] or None)


def budget(
    name: str, period: str, percent: int | None, settled: int, unknown: int, cap: int, ends_at: float | None
) -> Event:
    """What a budget has come to in a period, in micro-USD; ``percent`` None: at this pace it ends before the period."""
    return _event(
        "budget reached" if percent is not None else "budget will not last",
        budget=name, period=period, percent=percent, settled_musd=settled, unknown_musd=unknown or None, cap_musd=cap,
        ends=None if ends_at is None else moment(ends_at),
    )  # fmt: skip


def invoice(provider: str, month: str, sha256: str, currency: str, amount: str, lines: int, replaced: int) -> Event:
    """A provider's bill that was imported; ``amount`` in USD, ``currency`` that of the file."""
    return _event(
        "invoice imported", provider=provider, month=month, sha256=sha256, currency=currency, amount_usd=amount,
        lines=lines, replaced=replaced or None,
    )  # fmt: skip


def reconciled(provider: str, month: str, invoiced: str, settled: str, estimated: str, within: bool) -> Event:
    """What was metered beside what was billed, in USD, and whether the difference is within the tolerance."""
    return _event(
        "reconciled", provider=provider, month=month, invoiced_usd=invoiced, settled_usd=settled,
        estimated_usd=estimated, within=within,
    )  # fmt: skip


def budget_corrected(name: str, period: str, unknown: int, before: int, after: int) -> Event:
    """What was unknown of a budget, in micro-USD, and what is settled in all before and after an invoice told it."""
    return _event(
        "budget corrected", budget=name, period=period, unknown_musd=unknown, settled_before_musd=before,
        settled_musd=after,
    )  # fmt: skip


def configuration(sha256: str, changed: Sequence[str] | None) -> Event:
    """Settings that came into force: the file's hash, and which fields changed, by path; None: not known."""
    more = None if changed is None or len(changed) <= PATHS else len(changed) - PATHS
    paths = None if changed is None else [text(path) for path in changed[:PATHS]]
    return _event("configuration", sha256=sha256, changed=paths, and_more=more)


def imported(
    format: str | None, sha256: str | None, *, taken: int, known: int, skipped: int,
    processes: Sequence[str], upstreams: Sequence[str],
) -> Event:  # fmt: skip
    """Exchanges that were recorded elsewhere, taken from one file; ``sha256`` None: it was not read to its end."""
    return _event(
        "import",
        format=format,
        sha256=sha256,
        taken=taken,
        known=known,
        skipped=skipped,
        processes=[text(name) for name in processes],
        upstreams=[text(name) for name in upstreams],
    )


def store_copied(what: str, sha256: str, schema: str, rows: int) -> Event:
    """The store was "backed up" or "restored": a digest of what it held, which equal stores have in common."""
    return _event(f"store {what}", sha256=sha256, schema=schema, rows=rows)


def store_rebuilt(exchanges: int, kept: Mapping[str, int], lost: Sequence[str]) -> Event:
    """The store was filled anew: exchanges from the spool, rows kept from the old one, tables that it lost."""
    told = [{"table": name, "rows": count} for name, count in sorted(kept.items()) if count]
    return _event("store rebuilt", exchanges=exchanges, kept=told or None, lost=sorted(lost) or None)


def archived(process: str, day: str, files: int, rows: int, sha256: str) -> Event:
    """What a day's partition of the archive holds from now on; ``sha256`` is its manifest's."""
    return _event(ARCHIVED, process=process, day=day, files=files, rows=rows, sha256=sha256)


def archive_removed(process: str, day: str, files: int, rows: int) -> Event:
    """A day's partition that retention took out of the archive."""
    return _event(ARCHIVE_REMOVED, process=process, day=day, files=files, rows=rows)


def deleted(what: str, process: str, before: float, count: int) -> Event:
    """What retention deleted of a process: everything of this kind that began before that moment."""
    return _event(DELETED, what=what, process=process or None, until=moment(before), count=count)


def _event(event: str, **fields: Any) -> Event:
    """An event without what is not known of it."""
    plain = {name: text(value) if isinstance(value, str) else value for name, value in fields.items()}
    return {"event": event} | {name: value for name, value in plain.items() if value is not None}
