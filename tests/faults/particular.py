"""Rows that are more than one upstream that fails: each told in its own way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from catalogue import Row
from injectors import good, says
from money import budget_short_for_failover, ledger_unreachable, price_changed
from result import Result
from stage import OWN, Stage, staged
from wires import WIRES

from switchover.domain.candidate import fingerprint
from switchover.domain.cut_off import CutOff, Target, TargetKind
from switchover.domain.personal import Privacy
from switchover.domain.process import DataClass, UpstreamSpec
from switchover.errors import OperatorError
from switchover.planning import BreakerState
from switchover.privacy.detect import Finding
from switchover.testing.scripted import RESET, Script

CALLERS = 20
# Amplification that callers' own retries may cause.
AMPLIFIED = 1.1
# Tokens of a small context, and a prompt of several times as many words.
SMALL = 512
LONG = "the claim of last week " * 600


def stale_pooled_connection(result: Result) -> None:
    """The second request goes out on a connection that the upstream closes as it comes."""
    wire, streamed = WIRES[result.dialect], result.streamed
    with staged(result.dialect, [], backed=False, streamed=streamed) as stage:
        stage.vendor.play(lambda number, seen: [RESET] if number == 1 else good(wire, streamed))
        said = [stage.ask(streamed=streamed, retries=0) for _ in range(2)]
        result.note("caller", "nothing but answers", ", ".join(map(str, said)), all(one.answered for one in said))
        calls = len(stage.vendor.seen)
        result.note("calls", "3 for 2 requests", calls, calls == 3)
        shut = [scope for scope, state in stage.breakers().items() if state is not BreakerState.CLOSED]
        result.note("breaker", "closed", ", ".join(shut) or "closed", not shut)


def fallback_rejects_field(result: Result) -> None:
    """The upstream is overloaded, and its replacement rejects what the upstream would have taken."""
    wire, streamed = WIRES[result.dialect], result.streamed
    with staged(result.dialect, _overloaded(result), backed=True, streamed=streamed) as stage:
        stage.own.play([wire.error(400, "prefill is not supported")])
        said = stage.ask(streamed=streamed, retries=0)
        result.note("caller", "the first one's 503", said, said.status == 503 and "prefill" not in said.text)
        result.note("replacement", "asked once", len(stage.own.seen), len(stage.own.seen) == 1)


def standby_key_dead(result: Result) -> None:
    """The replacement's own key is refused when it is needed."""
    wire, streamed = WIRES[result.dialect], result.streamed
    with staged(result.dialect, _overloaded(result), backed=True, streamed=streamed) as stage:
        stage.own.play([wire.error(401, "Incorrect API key.", kind="authentication_error")])
        said = stage.ask(streamed=streamed, retries=0)
        result.note("caller", "503, never 401", said, said.status == 503)
        shut = stage.breakers("own")["credential"]
        result.note("breaker", "credential held", f"credential {shut}", shut is BreakerState.HELD)


def proof_expired(result: Result) -> None:
    """The replacement's proof has lapsed."""
    streamed = result.streamed
    with staged(result.dialect, _overloaded(result), backed=True, streamed=streamed) as stage:
        now = stage.served.source.current
        stage.served.source.current = replace(now, proofs=tuple(replace(one, expires_at=2.0) for one in now.proofs))
        said = stage.ask(streamed=streamed, retries=0)
        result.note("caller", "an error that says why", said.why, "its proof has expired" in said.why)
        result.note("replacement", "not asked", len(stage.own.seen), not stage.own.seen)


def all_attempts_spent(result: Result) -> None:
    """Everything is cut off."""
    streamed = result.streamed
    with staged(result.dialect, good(WIRES[result.dialect], streamed), backed=True, streamed=streamed) as stage:
        cuts = [
            CutOff(id=name, target=Target(TargetKind.UPSTREAM, name), reason="all of it", by="us", placed_at=1.0)
            for name in ("vendor", "own")
        ]
        stage.served.source.current = replace(stage.served.source.current, cut_offs=tuple(cuts))
        said = stage.ask(streamed=streamed)
        good_one = (said.status, said.code, said.headers.get("x-should-retry")) == (503, "no_upstream", "false")
        result.note("caller", "503 no_upstream, not to be retried", said, good_one)
        result.note("calls", "0", len(stage.vendor.seen) + len(stage.own.seen), not stage.vendor.seen + stage.own.seen)


def sensitive_cloud_only(result: Result) -> None:
    """The data must stay here, and what is here is not running."""
    streamed, kept = result.streamed, {DataClass.SECRET: ("engine",)}
    script = good(WIRES[result.dialect], streamed)
    with staged(result.dialect, script, backed=True, streamed=streamed, data=DataClass.SECRET, allow=kept) as stage:
        said = stage.ask(streamed=streamed)
        told = (said.status, said.code) == (503, "policy_no_permitted_upstream")
        result.note("caller", "503 policy_no_permitted_upstream", said, told)
        result.note("calls", "0", len(stage.vendor.seen) + len(stage.own.seen), not stage.vendor.seen + stage.own.seen)


class Down:
    """A finder of personal data that raises, hangs until it is let go, or lacks a part."""

    keeps_time = False

    def __init__(self, how: str, go: threading.Event) -> None:
        self.how, self.go = how, go

    def __call__(self, privacy: Privacy) -> Down:
        return self

    def warm(self) -> None:
        if self.how == "is missing a recogniser":
            raise ImportError("no recogniser")

    def within(self, late: Callable[[], bool]) -> Down:
        return self

    def find(self, text: str) -> list[Finding]:
        if self.how == "times out":
            self.go.wait(5)
        raise RuntimeError("the detector broke")


def classifier_down(result: Result) -> None:
    """Whatever is asked counts as secret, which only the replacement here may see, or nobody."""
    streamed, script = result.streamed, good(WIRES[result.dialect], result.streamed)
    kept = {DataClass.SECRET: ("own",)}
    for how in ("raises", "times out", "is missing a recogniser"):
        go = threading.Event()
        told = []
        for backed in (True, False):
            with staged(
                result.dialect, script, backed=backed, streamed=streamed, allow=kept, finder=Down(how, go)
            ) as stage:
                told.append(stage.ask(streamed=streamed))
                result.note(f"{how}: calls elsewhere", "0", len(stage.vendor.seen), not stage.vendor.seen)
                found = told[-1].headers.get("x-switchover-data")
                result.note("class", "secret", found, found == "secret")
                go.set()
        here, refused = told
        result.note("caller", "the local answer", here, here.answered and OWN in here.text)
        good_one = (refused.status, refused.code) == (503, "policy_no_permitted_upstream")
        result.note("with nothing here", "503 policy_no_permitted_upstream", refused, good_one)


def secrets_unavailable(result: Result) -> None:
    """The upstream's key can't be read."""
    streamed = result.streamed

    def unreadable(upstream):
        if upstream.name == "vendor":
            raise OperatorError("the keyring is locked", mend="unlock it")
        return upstream

    script = good(WIRES[result.dialect], streamed)
    with staged(result.dialect, script, backed=True, streamed=streamed, wrap=unreadable) as stage:
        said = stage.ask(streamed=streamed)
        result.note("caller", "the replacement's answer", said, said.answered and OWN in said.text)
        shut = stage.breakers()["credential"]
        result.note("breaker", "credential held", f"credential {shut}", shut is BreakerState.HELD)


def retry_storm(result: Result) -> None:
    """Many callers, each with an SDK that retries twice; the upstream is down."""
    streamed = result.streamed
    with (
        staged(result.dialect, _overloaded(result), backed=False, streamed=streamed) as stage,
        ThreadPoolExecutor(CALLERS) as pool,
    ):
        said = list(pool.map(lambda _: stage.ask(streamed=streamed), range(CALLERS)))
        calls = len(stage.vendor.seen)
        few = calls <= AMPLIFIED * CALLERS
        result.note("calls", f"at most {AMPLIFIED * CALLERS:.0f} for {CALLERS} callers", calls, few)
        result.note("caller", "one clear error each", said[0], all(one.status == 503 and one.code for one in said))


def local_silent_truncation(result: Result) -> None:
    """A server of our own whose context is small reads what it has room for, and answers as if that were all."""
    wire, streamed = WIRES[result.dialect], result.streamed
    script = good(wire, streamed)
    with staged(result.dialect, script, backed=False, streamed=streamed) as stage:
        _change(stage, "vendor", host="own", context=SMALL)
        said = stage.ask(streamed=streamed, retries=0, text=LONG)
        told = (said.status, said.code) == (400, "context_length_exceeded")
        result.note("caller", "400 context_length_exceeded", said, told)
        result.note("calls", "0", len(stage.vendor.seen), not stage.vendor.seen)
        brief = stage.ask(streamed=streamed, retries=0)
        result.note("what fits", "the answer", brief, brief.answered)
        shut = [scope for scope, state in stage.breakers().items() if state is not BreakerState.CLOSED]
        result.note("breaker", "closed", ", ".join(shut) or "closed", not shut)
    with staged(result.dialect, script, backed=True, streamed=streamed) as stage:
        _change(stage, "vendor", host="own", context=SMALL)
        _change(stage, "own", host="elsewhere")
        said = stage.ask(streamed=streamed, retries=0, text=LONG)
        result.note("with a replacement", "its answer", said, said.answered and OWN in said.text)
    if streamed and wire.name == "chat":
        return  # a stream of this dialect tells how much was read once it is over, if at all
    with staged(result.dialect, script, backed=True, streamed=streamed) as stage:
        _change(stage, "vendor", host="own")
        _change(stage, "own", host="elsewhere")
        said = stage.ask(streamed=streamed, retries=0, text=LONG)
        switched = said.answered and OWN in said.text and len(stage.vendor.seen) == 1
        result.note("9 tokens read of thousands", "discarded, the replacement's answer", said, switched)
        result.note("recorded as", result.row.id, ", ".join(stage.faults()), stage.faults() == [result.row.id])


def template_mismatch(result: Result) -> None:
    """The replacement runs another chat template than the one its proof was made with, and then the right one again."""
    streamed = result.streamed
    with staged(result.dialect, _overloaded(result), backed=True, streamed=streamed) as stage:
        upstream = _change(stage, "own", template="0123456789abcdef")
        now = stage.served.source.current
        proven = tuple(replace(one, fingerprint=fingerprint(upstream)) for one in now.proofs)
        stage.served.source.current = replace(now, proofs=proven)
        said = stage.ask(streamed=streamed, retries=0)
        result.note("same template", "the replacement's answer", said, said.answered and OWN in said.text)
        _change(stage, "own", template="fedcba9876543210")
        asked = len(stage.own.seen)
        said = stage.ask(streamed=streamed, retries=0)
        result.note("another one", "an error that says why", said.why, "its chat template has changed" in said.why)
        result.note("replacement", "not asked", len(stage.own.seen) - asked, len(stage.own.seen) == asked)
        _change(stage, "own", template="0123456789abcdef")
        said = stage.ask(streamed=streamed, retries=0)
        result.note("put back", "the replacement's answer", said, said.answered and OWN in said.text)


def _change(stage: Stage, name: str, **fields: Any) -> UpstreamSpec:
    """Another setting of one upstream, as a worker takes it from the next snapshot."""
    now = stage.served.source.current
    changed = replace(now.upstreams[name], **fields)
    stage.served.source.current = replace(now, upstreams={**now.upstreams, name: changed})
    return changed


def _overloaded(result: Result) -> Script:
    return says(529, "Overloaded", kind="overloaded_error").script(WIRES[result.dialect], result.streamed)


PARTICULAR: dict[str, Callable[[Result], None]] = {
    "stale-pooled-connection": stale_pooled_connection,
    "fallback-rejects-field": fallback_rejects_field,
    "standby-key-dead": standby_key_dead,
    "proof-expired": proof_expired,
    "all-attempts-spent": all_attempts_spent,
    "sensitive-cloud-only": sensitive_cloud_only,
    "classifier-down": classifier_down,
    "secrets-unavailable": secrets_unavailable,
    "retry-storm": retry_storm,
    "local-silent-truncation": local_silent_truncation,
    "template-mismatch": template_mismatch,
    "budget-short-for-failover": budget_short_for_failover,
    "ledger-unreachable": ledger_unreachable,
    "price-changed": price_changed,
}


def run_particular(row: Row, dialect: str, *, streamed: bool) -> Result:
    """One of the rows above."""
    result = Result(row, dialect, streamed)
    PARTICULAR[row.id](result)
    return result
