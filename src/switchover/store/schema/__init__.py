"""The tables. Migrations create them; a test compares the two.

Moments are Unix seconds (UTC) as double precision, bodies are binary, small structures are JSON text. ``body`` columns
hold msgpack, which unlike JSON carries infinities: a bound may be one.
"""

from __future__ import annotations

from .access import approval, approval_step, caller_key, key_seen, person, person_key, session
from .base import BOUNDS_MS, BUCKETS, MINUTES, MODEL_NAME, NOT_ARCHIVED, NOT_COMPLETE, RATIOS, SOURCE, metadata
from .figures import assumption, invoice, spend, token_ratio, traffic_hour, traffic_load, traffic_tried
from .keeping import archive_part, deletion, erasure, retention_run
from .record import body, exchange, gap, open_intent, spool_mark
from .register import baseline_lost, cut_off, drill, lease, register_version, suspension
from .telling import alert, alert_delivery, issued_report
from .trials import (
    acceptance,
    baseline_sample,
    change,
    decision,
    label,
    lesson,
    prompt_version,
    proof,
    scored_case,
    topics,
    verdict,
)
from .watching import canary, canary_call, due_order, probe, retirement, watch_spent, watch_step

__all__ = [
    "BOUNDS_MS",
    "BUCKETS",
    "MINUTES",
    "MODEL_NAME",
    "NOT_ARCHIVED",
    "NOT_COMPLETE",
    "RATIOS",
    "SOURCE",
    "acceptance",
    "alert",
    "alert_delivery",
    "approval",
    "approval_step",
    "archive_part",
    "assumption",
    "baseline_lost",
    "baseline_sample",
    "body",
    "caller_key",
    "canary",
    "canary_call",
    "change",
    "cut_off",
    "decision",
    "deletion",
    "drill",
    "due_order",
    "erasure",
    "exchange",
    "gap",
    "invoice",
    "issued_report",
    "key_seen",
    "label",
    "lease",
    "lesson",
    "metadata",
    "open_intent",
    "person",
    "person_key",
    "probe",
    "prompt_version",
    "proof",
    "register_version",
    "retention_run",
    "retirement",
    "scored_case",
    "session",
    "spend",
    "spool_mark",
    "suspension",
    "token_ratio",
    "topics",
    "traffic_hour",
    "traffic_load",
    "traffic_tried",
    "verdict",
    "watch_spent",
    "watch_step",
]
