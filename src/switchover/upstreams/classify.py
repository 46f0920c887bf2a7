"""From what a provider said to what happens next: the one place where status codes and error bodies are read.

Rows and their reasons: ``facts/faults.yaml``, layers status and stream.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import msgspec

from switchover.errors import (
    Conflict,
    Cut,
    Denied,
    EmptyAnswer,
    LegalBlock,
    Malformed,
    ModelMissing,
    NotYet,
    OutOfOrder,
    Overloaded,
    PromptShortened,
    RateLimited,
    Redirected,
    RegionRefused,
    RequestRejected,
    ServerError,
    UpstreamError,
)

SECRETS = re.compile(r"\b(?:sk|pk|sw|key|gsk|xai)[-_][A-Za-z0-9_\-*.]{4,}|Bearer\s+\S+|AIza[\w-]{10,}")
REGION = re.compile(r"country|region|territory|not available in your location|unsupported.location", re.I)
UNPAID = re.compile(r"credit balance|billing|payment|insufficient.funds|balance is too low", re.I)
SPENT = re.compile(
    r"insufficient_quota|enforced_spend_limit|spend(?:ing)? limit|usage limit|exceeded your current quota", re.I
)
TOO_LONG = re.compile(
    r"context_length_exceeded|prompt is too long|context (?:length|window|size)|maximum context", re.I
)
NO_MODEL = re.compile(
    r"model_not_found|model.{0,80}(?:does not exist|not found|has been (?:retired|deprecated|shut))", re.I
)
RETIRED = re.compile(r"retired|deprecated|shut ?down|decommission", re.I)
LOADING = re.compile(r"loading model", re.I)
QUEUE_FULL = re.compile(r"maximum pending requests|queue is full|too many pending|no slot available", re.I)
NO_MEMORY = re.compile(r"out of memory|runner (?:process )?(?:has )?terminated", re.I)


def classify(status: int, headers: Mapping[str, str], body: bytes, name: str) -> UpstreamError:
    """What an answer that is not a 2xx means. ``name`` is our own name of the upstream; keys are redacted."""
    said, clues = told(body)
    wait = retry_after(headers.get("retry-after"), headers.get("date"))
    return _of(status, said, clues, name, wait)


def classify_failure(failure: tuple[str, int | None, str], name: str) -> UpstreamError:
    """What an error inside a 200 means: as its inner status says, else as its fault does; tried on no more here."""
    fault, status, message = failure
    message = redact(message)
    if status is not None and status >= 400:
        error = _of(status, message, f"{fault} {message}", name, None)
        return Overloaded(str(error), seen_status=status) if isinstance(error, ServerError) else error
    if fault == "overloaded":
        return Overloaded(f"{name} is overloaded", fault=fault)
    if fault in ("clean-end-too-soon", "reset-midway", "tool-call-cut", "reasoning-cut", "schema-answer-cut"):
        return Cut(f"{name} broke off its answer", fault=fault)
    if fault == PromptShortened.fault:
        return PromptShortened(message)
    if fault in ("empty-answer", "reasoning-only"):
        return EmptyAnswer(f"{name} answered with nothing", fault=fault)
    return Malformed(f"{name} sent what can't be relayed: {message}", fault=fault)


def _of(status: int, said: str, clues: str, name: str, wait: float | None) -> UpstreamError:
    if status in (400, 413, 422):
        return _rejected(status, said, clues, name)
    if status in (401, 402, 403, 404, 410, 451):
        return _turned_away(status, clues, name)
    if status == 429:
        if SPENT.search(clues):
            return Denied(f"the quota at {name} is spent", fault="quota-spent", seen_status=status)
        return RateLimited(f"{name} asks us to slow down", seen_status=status, retry_after=wait)
    if 300 <= status < 400:
        return Redirected(f"{name} redirects, which is never followed", seen_status=status)
    if status in (408, 409, 425):
        return Conflict(f"{name} is in conflict or timed out ({status})", seen_status=status)
    if status == 503 and LOADING.search(clues):
        return NotYet(f"{name} is still loading", seen_status=status, retry_after=wait)
    if status == 503 and QUEUE_FULL.search(clues):
        return NotYet(f"the queue of {name} is full", fault="local-queue-full", seen_status=status, retry_after=wait)
    if status == 529:
        return Overloaded(f"{name} is overloaded", seen_status=status, retry_after=wait)
    if status in (502, 503, 504) or 520 <= status < 530:
        return OutOfOrder(f"{name} is out of order ({status})", seen_status=status, retry_after=wait)
    if status >= 500 and NO_MEMORY.search(clues):
        return OutOfOrder(f"the engine of {name} is gone", fault="local-out-of-memory", seen_status=status)
    if status >= 500:
        return ServerError(f"{name} failed ({status})", seen_status=status)
    if status < 400:
        return Malformed(f"{name} answered {status}, which is no answer", seen_status=status)
    return RequestRejected(said or f"the provider rejects the request ({status})", seen_status=status)


def _rejected(status: int, said: str, clues: str, name: str) -> UpstreamError:
    if SPENT.search(clues) or UNPAID.search(clues):
        return Denied(f"the spend limit at {name} is reached", fault="spend-limit-as-400", seen_status=status)
    if NO_MODEL.search(clues):
        return ModelMissing(f"{name} does not know its model", seen_status=status)
    reason = said or f"the provider rejects the request ({status})"
    if status == 413:
        return RequestRejected("the request is too large for the provider", fault="body-too-large", seen_status=status)
    if TOO_LONG.search(clues):
        return RequestRejected(reason, fault="context-too-long", seen_status=status)
    return RequestRejected(reason, seen_status=status)


def _turned_away(status: int, clues: str, name: str) -> UpstreamError:
    if status == 451:
        return LegalBlock(f"{name} is not available for legal reasons", seen_status=status)
    if status == 402 or (status == 403 and UNPAID.search(clues)):
        return Denied(f"{name} wants to be paid", fault="unpaid", seen_status=status)
    if status == 403 and REGION.search(clues):
        return RegionRefused(f"{name} refuses our country or region", seen_status=status)
    if status == 403:
        return Denied(f"{name} does not permit our account to call it", fault="permission-denied", seen_status=status)
    if status == 401:
        return Denied(f"{name} refuses our key", seen_status=status)
    if status == 410 or RETIRED.search(clues):
        return ModelMissing(f"{name} has retired its model", fault="model-retired", seen_status=status)
    return ModelMissing(f"{name} does not know its model", seen_status=status)


def told(body: bytes) -> tuple[str, str]:
    """A provider's message (keys redacted, at most 500 characters), and everything that may tell its kind.

    An HTML page, or a body that is no error object, has no message but may hold clues.
    """
    clues = redact(body[:4096].decode("utf-8", "replace"))
    try:
        whole = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return "", clues
    error = whole.get("error", whole) if isinstance(whole, dict) else whole
    message = error.get("message") if isinstance(error, dict) else error
    return (redact(message)[:500] if isinstance(message, str) else ""), clues


def redact(text: str) -> str:
    """The text without what looks like a credential."""
    return SECRETS.sub("***", text)


def retry_after(value: str | None, date: str | None = None) -> float | None:
    """Seconds to wait, as many as were asked for; None for text, a past date or nothing.

    A date is told by the clock of whoever sent it (RFC 9110, section 10.2.3): ``date`` is when the answer was sent.
    """
    try:
        seconds = float(value) if value else math.nan
    except ValueError:
        seconds = _until(value or "", date or "")
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _until(moment: str, sent: str) -> float:
    try:
        seconds = (parsedate_to_datetime(moment) - parsedate_to_datetime(sent)).total_seconds()
    except (ValueError, TypeError):
        return math.nan
    return seconds if seconds > 0 else math.nan
