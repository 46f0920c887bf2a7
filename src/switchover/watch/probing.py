"""The first step: every upstream that processes rest on is asked itself, with its real key."""

from __future__ import annotations

from collections.abc import Mapping

from switchover.domain.process import UpstreamSpec
from switchover.domain.register import Suspension
from switchover.domain.watching import Finding, Probe
from switchover.errors import ConfigError, UpstreamError
from switchover.evidence import events
from switchover.probes.replacement import READS, WRITES, probe_upstream, without_key
from switchover.store.exchanges import list_exchanges
from switchover.store.proofs import proofs
from switchover.store.register import set_suspension, suspensions
from switchover.store.watching import newest_probes, save_probe
from switchover.trial.caps import OverBudget

from .run import Round

NAME, BY = "probe", "probe"
# So many of a process's newest requests say whether it uses tools.
LOOKED_AT = 20


async def probe(round_: Round) -> list[Finding]:
    """Probes each baseline and fallback of the round's processes once.

    What would be turned away for good suspends a replacement's proofs; the next good probe lets them count again,
    unless somebody else suspended them.
    """
    return await _probe_all(round_, _wanted(round_))


async def probe_again(round_: Round) -> list[Finding]:
    """Probes those whose proofs a probe suspended: whoever mended it need not wait for the next day."""
    doubted = {name for name, one in suspensions(round_.store).items() if one.by == BY}
    return await _probe_all(round_, {name: tools for name, tools in _wanted(round_).items() if name in doubted})


async def _probe_all(round_: Round, wanted: Mapping[str, bool]) -> list[Finding]:
    found = []
    for name, tools in wanted.items():
        spec = round_.settings.upstreams[name]
        why_not = round_.barred(spec) or _unaffordable(round_, spec, calls=_calls(tools))
        if why_not is not None:
            found.append(Finding(step=NAME, about=name, well=True, said=f"not probed: {why_not}"))
            continue
        try:
            seen = await _probed(round_, spec, tools=tools)
        except OverBudget as error:
            found.append(Finding(step=NAME, about=name, well=True, said=f"not probed: {error}"))
            continue
        _keep(round_, seen)
        found.append(Finding(step=NAME, about=name, well=seen.failed is None, said=seen.said))
    return found


def _wanted(round_: Round) -> dict[str, bool]:
    """The upstreams to probe, and whether live requests to them use tools."""
    found: dict[str, bool] = {}
    for process in round_.processes:
        newest = list_exchanges(round_.store, process=process.name, limit=LOOKED_AT)
        uses_tools = any(b'"tools"' in exchange.request for exchange in newest)
        for name in process.upstreams:
            takes_any = round_.settings.upstreams[name].kind != "student"
            found[name] = found.get(name, False) or (uses_tools and takes_any)
    return found


def _calls(tools: bool) -> int:
    return 2 if tools else 1


def _unaffordable(round_: Round, spec: UpstreamSpec, calls: int) -> str | None:
    if round_.allowance.take(spec, calls=calls, read=READS, written=WRITES):
        return None
    return "the day's calls or money are spent, or nobody knows its price (watch.calls_per_day, watch.spend_per_day)"


async def _probed(round_: Round, spec: UpstreamSpec, *, tools: bool) -> Probe:
    """One probe. Raises OverBudget."""
    try:
        upstream = round_.upstream(spec)
    except ConfigError as error:
        return without_key(spec, error, round_.clock.now())
    # A probe serves whoever may use its upstream; the first of them has it on its account.
    account = round_.account(next(one for one in round_.processes if spec.name in one.upstreams), spec)
    tries = [account.begin(READS, WRITES) for _ in range(_calls(tools))]
    try:
        seen = await probe_upstream(
            upstream, spec, round_.clock, tools=tools, bill=lambda *told: tries.pop().ended(*told)
        )
    finally:
        for unused in tries:
            unused.dropped()
    if seen.failed is None and spec.is_self_hosted and spec.kind != "local" and spec.window is not None:
        return await _with_context(round_, spec, seen)
    return seen


async def _with_context(round_: Round, spec: UpstreamSpec, seen: Probe) -> Probe:
    """The probe of a server of ours: failed where it reads less than is configured. Engines say so at their start."""
    try:
        listed = await round_.listed(spec)
    except UpstreamError:
        return seen
    if listed is None or listed.context is None or spec.window is None or listed.context >= spec.window:
        return seen
    said = f"reads {listed.context} tokens, while upstreams.{spec.name}.context says {spec.window}"
    return Probe(
        upstream=spec.name, at=seen.at, failed="context", fault="local-silent-truncation", said=said,
        first_ms=seen.first_ms,
    )  # fmt: skip


def _keep(round_: Round, seen: Probe) -> None:
    """Saves what was seen; notes what changed, and what that means for the upstream's proofs."""
    before = newest_probes(round_.store).get(seen.upstream)
    save_probe(round_.store, seen)
    changed = False
    if seen.suspends and any(proof.upstream == seen.upstream for proof in proofs(round_.store, now=seen.at)):
        why = f"a probe with its real key failed: {seen.said}"
        changed = set_suspension(round_.store, seen.upstream, Suspension(at=seen.at, why=why, by=BY))
    elif seen.failed is None:
        changed = set_suspension(round_.store, seen.upstream, None, only_by=BY)
    if changed or (before.failed if before is not None else None) != seen.failed:
        round_.note(
            events.probed(seen, suspends=changed and seen.failed is not None, lifts=changed and not seen.failed)
        )
