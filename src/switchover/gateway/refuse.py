"""From an error to what the caller is told: status, code, one sentence. Never a provider's own 401, 403 or 404."""

from __future__ import annotations

import math
from dataclasses import dataclass

from switchover.domain.process import Process
from switchover.errors import (
    BadRequest,
    BudgetExceeded,
    BudgetUnavailable,
    CallerError,
    NotYet,
    NoUpstream,
    OutOfTime,
    PromptShortened,
    RecordingFailed,
    RequestRejected,
    SwitchoverError,
    UpstreamError,
)

from .spent import Spent, all_busy

RETRY_AFTER_CAP_S = 60.0
TOLD = (CallerError, NoUpstream, BudgetExceeded, OutOfTime, RecordingFailed, UpstreamError)
REJECTED = {"body-too-large": (413, "request_too_large"), "context-too-long": (400, "context_length_exceeded")}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the caller is told. ``retry_after`` in seconds; ``again`` whether the SDK may retry by itself."""

    status: int
    code: str
    message: str
    retry_after: int | None = None
    again: bool = False


def refusal(error: SwitchoverError) -> Refusal:
    """What an error means to the caller."""
    if isinstance(error, Spent):
        return _spent(error)
    if isinstance(error, RequestRejected):
        status, code = REJECTED.get(error.fault, (error.http_status, error.code))
        return Refusal(status, code, str(error))
    if isinstance(error, BudgetUnavailable):
        # The ledger is asked again every second.
        return Refusal(error.http_status, error.code, str(error), retry_after=1)
    if isinstance(error, TOLD):
        return Refusal(error.http_status, error.code, str(error))
    return Refusal(500, "internal_error", "the gateway failed; its log says why")


def _spent(error: Spent) -> Refusal:
    wait = None if error.retry_after is None else math.ceil(min(error.retry_after, RETRY_AFTER_CAP_S))
    if all_busy(error.errors):
        busy = next((one for one in error.errors if isinstance(one, NotYet)), error.errors[0])
        return Refusal(busy.http_status, busy.code, str(error), wait, again=True)
    # What a replacement makes of a request that another upstream would have taken is not the caller's affair.
    told = [one for one in error.errors if not isinstance(one, RequestRejected | PromptShortened)] or error.errors
    if told and all(one.fault == told[0].fault for one in told):
        only = told[0]
        if isinstance(only, RequestRejected):
            return Refusal(BadRequest.http_status, BadRequest.code, str(error))
        return Refusal(only.http_status, only.code, str(error), wait)
    return Refusal(error.http_status, error.code, str(error), wait)


def unrecorded(process: Process) -> RecordingFailed:
    """What a caller is told where an exchange has to be recorded and can't be."""
    return RecordingFailed(
        f"{process.name}: its exchanges have to be recorded, and the disk does not take them just now; "
        "ask again later, and tell whoever runs this gateway"
    )
