"""Domain objects with sensible values: say only what a test is about."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

from switchover.domain.candidate import PromptKind, PromptVersion, Proof, State, epoch_of, fingerprint
from switchover.domain.cut_off import CutOff, Drill, Target, TargetKind
from switchover.domain.exchange import AttemptRecord, Exchange, Outcome, Usage
from switchover.domain.process import Criticality, DataClass, Listen, Process, Provider, Settings, UpstreamSpec
from switchover.domain.register import Snapshot

# The moment at which a ManualClock starts.
NOW = 1_780_000_000.0
DAY_S = 86_400.0
_numbers = itertools.count(1)


def make_upstream(name: str = "vendor", **changes: Any) -> UpstreamSpec:
    """A vendor's upstream; ``kind="student"`` or ``"local"`` makes one of our own."""
    own = changes.get("kind") in ("student", "local")
    given: dict[str, Any] = {
        "kind": "openai",
        "model": "big-1",
        "developer": "own" if own else "acme",
        "host": "own" if own else "acme",
        "base_url": None if own else "http://127.0.0.1:9100/v1",
    }
    return UpstreamSpec(name=name, **given | changes)


def make_process(name: str = "customer-messages", **changes: Any) -> Process:
    """A critical process on the upstream "vendor" with the fallback "student"."""
    given: dict[str, Any] = {
        "owner": "head-of-service",
        "criticality": Criticality.CRITICAL,
        "data": DataClass.CONFIDENTIAL,
        "baseline": "vendor",
        "fallbacks": ("student",),
        "routes": (name,),
    }
    return Process(name=name, **given | changes)


def make_upstreams() -> dict[str, UpstreamSpec]:
    """The two that :func:`make_process` names."""
    return {"vendor": make_upstream(), "student": make_upstream("student", kind="student", model="student")}


def make_providers() -> dict[str, Provider]:
    """acme in the US, own in the Netherlands."""
    return {"acme": Provider(name="acme", home="US"), "own": Provider(name="own", home="NL")}


def make_prompt_version(process: str = "customer-messages", upstream: str = "student", **changes: Any) -> PromptVersion:
    """As-is, unless another ``kind`` is given."""
    given: dict[str, Any] = {"kind": PromptKind.AS_IS, "made_at": NOW}
    return PromptVersion.make(process=process, upstream=upstream, **given | changes)


def make_proof(
    spec: UpstreamSpec | None = None,
    version: PromptVersion | None = None,
    baseline: UpstreamSpec | None = None,
    **changes: Any,
) -> Proof:
    """READY, made at NOW and in date for thirty days, for the student of :func:`make_upstreams`.

    Against the vendor there, unless another ``baseline`` is given.
    """
    spec = spec or make_upstreams()["student"]
    version = version or make_prompt_version(upstream=spec.name)
    given: dict[str, Any] = {
        "id": f"proof-{next(_numbers)}",
        "process": version.process,
        "upstream": spec.name,
        "fingerprint": fingerprint(spec),
        "prompt_version": version.id,
        "grader": "label:0",
        "epoch": epoch_of(baseline or make_upstreams()["vendor"]),
        "state": State.READY,
        "margin": 0.1,
        "lower": -0.05,
        "replays": 200,
        "made_at": NOW,
        "expires_at": NOW + 30 * DAY_S,
    }
    return Proof(**given | changes)


def make_snapshot(**changes: Any) -> Snapshot:
    """One process, its vendor and a student that runs and holds a proof in date."""
    version = make_prompt_version()
    given: dict[str, Any] = {
        "version": 1,
        "made_at": NOW,
        "providers": make_providers(),
        "upstreams": make_upstreams(),
        "processes": {"customer-messages": make_process()},
        "proofs": (make_proof(version=version),),
        "prompt_versions": {version.id: version},
        "endpoints": {"student": "http://127.0.0.1:9200/v1"},
    }
    return Snapshot(**given | changes)


def make_settings(**changes: Any) -> Settings:
    """The configuration behind :func:`make_snapshot`."""
    given: dict[str, Any] = {
        "source": "switchover.yaml",
        "organisation": {"domicile": "NL"},
        "data_dir": "data",
        "database": "sqlite://",
        "gateway": Listen(),
        "providers": make_providers(),
        "upstreams": make_upstreams(),
        "processes": {"customer-messages": make_process()},
    }
    return Settings(**given | changes)


def make_exchange(text: str = "My roof leaks", answer: str = "new_claim", **changes: Any) -> Exchange:
    """A complete OpenAI exchange that the vendor answered; ids count up."""
    request = {"model": "customer-messages", "messages": [{"role": "user", "content": text}]}
    message: Mapping[str, object] = {"role": "assistant", "content": answer}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "big-1",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13},
    }
    given: dict[str, Any] = {
        "id": f"x-{next(_numbers):08d}",
        "process": "customer-messages",
        "route": "customer-messages",
        "dialect": "openai_chat",
        "stream": False,
        "started_at": NOW,
        "outcome": Outcome.COMPLETE,
        "status": 200,
        "request": json.dumps(request).encode(),
        "answer": json.dumps(body).encode(),
        "upstream": "vendor",
        "model": "big-1",
        "attempts": (AttemptRecord(upstream="vendor", model="big-1", fault=None, status=200, elapsed_ms=20.0),),
        "usage": Usage(input=10, output=3),
        "first_content_ms": 20.0,
        "elapsed_ms": 20.0,
    }
    return Exchange(**given | changes)


def make_cut_off(**changes: Any) -> CutOff:
    """A real cut-off of the upstream "vendor", without an expiry."""
    given: dict[str, Any] = {
        "id": f"cut-{next(_numbers)}",
        "target": Target(TargetKind.UPSTREAM, "vendor"),
        "reason": "a test",
        "by": "tester",
        "placed_at": NOW,
    }
    return CutOff(**given | changes)


def make_drill(**changes: Any) -> Drill:
    """A drill that is running since NOW."""
    given: dict[str, Any] = {
        "id": f"drill-{next(_numbers)}",
        "process": "customer-messages",
        "target": Target(TargetKind.UPSTREAM, "vendor"),
        "fault": "vanished",
        "hypothesis": "the student takes over",
        "thresholds": {},
        "approver": "head-of-service",
        "operator": "tester",
        "state": "running",
        "begun_at": NOW,
        "duration": 60.0,
        "share": 1.0,
        "replacement": "student",
        "proof": None,
        "steady": {},
    }
    return Drill(**given | changes)
