"""The fault catalogue as the run reads it: whose each row is, and what its words let a caller expect. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files

import yaml

# faults.yaml, conventions.owner: what of a layer is not the gateway's, and who brings it to life.
ELSEWHERE = {
    "price-changed": "costs", "budget-short-for-failover": "costs", "ledger-unreachable": "costs",
    "replicas-race": "costs", "quality-drift": "verdicts", "disk-full": "recording",
    "sync-failed": "recording", "disk-slow": "recording", "torn-tail": "recording", "bit-rot": "recording",
    "killed-midway": "recording", "clock-jumped": "recording", "evidence-rewritten": "recording",
    "evidence-rolled-back": "recording",
}  # fmt: skip
# Rows that a gateway can't tell from another one, which it records them as.
SAME = {
    "error-in-first-event": "overloaded", "error-midway": "overloaded", "pings-forever": "slow-first-token",
    "local-hung": "stall-midway", "absurd-retry-after": "rate-limited",
}  # fmt: skip
# Where the gateway does other than the row says, and why, by what is seen otherwise.
DIFFERS: dict[str, dict[str, str]] = {
    "legal-block": {"breaker": "held at the provider: that it is blocked says nothing of others from the same country, "
                               "and their own 451 holds them, at the cost of one attempt that no caller sees"},
    "empty-answer": {"caller": "an error, since both SDKs take an empty answer for an answer"},
    "reasoning-only": {"caller": "an error, since both SDKs take an empty answer for an answer"},
}  # fmt: skip
# Tests that show a row.
ELSEWHERE_SHOWN = {
    "caller-left": "tests/compat/test_leaving.py",
    "caller-slow": "tests/journeys/test_slow_reader.py",
    "body-bomb": "tests/conformance/test_raw_requests.py",
    "header-flood": "tests/conformance/test_raw_requests.py",
    "host-confusion": "tests/conformance/test_raw_requests.py",
    "config-broken": "tests/journeys/test_wrong.py -k wrong_configuration",
    "weights-missing": "tests/journeys/test_wrong.py -k weights",
    "weights-altered": "tests/journeys/test_wrong.py -k weights",
    "disk-full": "tests/conformance/test_recording_faults.py -k disk_full",
    "sync-failed": "tests/conformance/test_recording_faults.py -k sync_failed",
    "disk-slow": "tests/conformance/test_recording_faults.py -k disk_slow",
    "torn-tail": "tests/properties/test_spool.py tests/conformance/test_recording_faults.py -k torn_tail",
    "bit-rot": "tests/properties/test_spool.py tests/unit/processes/test_keeper.py -k bit_rot",
    "killed-midway": "tests/journeys/test_crash.py",
    "clock-jumped": "tests/conformance/test_recording_faults.py -k clock_jumped",
    "replicas-race": "tests/journeys/test_budget_history.py",
    "quality-drift": "tests/journeys/test_quality_drift.py",
    "evidence-rewritten": "tests/journeys/test_evidence.py -k rewritten",
    "evidence-rolled-back": "tests/journeys/test_evidence.py -k rolled_back",
}
# Words of `caller` that mean that there is an answer.
ANSWERS = ("the answer", "the refusal", "the value", "the replacement's answer", "finish_reason", "provider's figures",
           "usage marked", "valid answer", "whole call", "whole answer")  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One row; ``owner`` is ``gateway`` or the part that brings it to life later."""

    id: str
    layer: str
    phase: str
    caller: str
    retry: str
    failover: str
    scope: str
    effect: str
    owner: str


@dataclass(frozen=True)
class Expected:
    """What a row lets a caller expect where nothing else can be tried.

    ``statuses`` are the HTTP statuses it may be told (empty: none is named), ``code`` the error's code, ``answer``
    whether an answer will do, ``retry_after`` whether one must be named, ``in_band`` whether the error comes inside a
    stream that had begun. ``silent``: the row says nothing about a caller.
    """

    statuses: frozenset[int] = frozenset()
    code: str | None = None
    answer: bool = False
    retry_after: bool = False
    in_band: bool = False
    silent: bool = False

    def __str__(self) -> str:
        """In a few words."""
        words = [*([f"{'/'.join(map(str, sorted(self.statuses)))}"] if self.statuses else []), self.code or ""]
        words += ["the answer"] if self.answer else []
        words += ["Retry-After"] if self.retry_after else []
        words += ["an error frame"] if self.in_band else []
        return " ".join(word for word in words if word) or "nothing"


def rows() -> list[Row]:
    """Every row of the catalogue, in its order."""
    text = files("switchover.facts").joinpath("faults.yaml").read_text(encoding="utf-8")
    return [row_of(given) for given in yaml.safe_load(text)["faults"]]


def row_of(given: Mapping[str, object]) -> Row:
    """One row of the file."""
    scope, effect = given["breaker"]  # type: ignore[misc]  # the file's own shape
    name, layer = str(given["id"]), str(given["layer"])
    owner = "drills" if layer == "drill" else ELSEWHERE.get(name, "gateway")
    words = {key: str(given[key]) for key in ("phase", "caller", "retry", "failover")}
    return Row(id=name, layer=layer, **words, scope=str(scope), effect=str(effect), owner=owner)


def expected(row: Row, *, stream: bool) -> Expected:
    """What ``caller`` says, for an answer that is streamed or not.

    A whole answer has no middle: before it is whole nothing was sent, so that what breaks off is a failed attempt.
    """
    words = row.caller
    if words.startswith("as "):
        other = next((one for one in rows() if one.id == words.removeprefix("as ")), None)
        if other is not None:
            return expected(other, stream=stream)
    if words in ("nothing", "next attempt"):
        return Expected(silent=True)
    if words.startswith(("per midstream mode", "error frame")):
        return Expected(in_band=True) if stream and row.phase != "before" else Expected(statuses=frozenset({502, 504}))
    if words == "as for the inner error":
        return Expected(statuses=frozenset({502, 503}))
    found = Expected(retry_after="Retry-After" in words, answer=words.startswith(ANSWERS))
    named = re.match(r"(\d{3})(?: (?:or (\d{3})|([a-z]+_[a-z_]+)))?", words)
    if named:
        statuses = frozenset(int(one) for one in named.groups()[:2] if one)
        return replace(found, statuses=statuses, code=named.group(3))
    if " or 502" in words:
        return replace(found, statuses=frozenset({502}))
    if "or an error" in words:
        return replace(found, statuses=frozenset({502, 504}), in_band=stream)
    return found


def tries(row: Row) -> int:
    """How often the same upstream is asked for one request when there is no other."""
    return 2 if row.retry in ("once", "once-fresh") else 1
