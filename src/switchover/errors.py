"""Every error Switchover raises; each class says what happens next.

SwitchoverError
├── ConfigError                    the configuration: where, what, how to mend
├── OperatorError                  a command that cannot be carried out
│   ├── PortInUse                  another program listens there
│   ├── EngineFailed               a local engine did not start
│   ├── WeightsMissing             weights absent or altered
│   ├── StoreUnavailable           the store cannot be read or written
│   ├── NotFound                   no such process, exchange, drill …
│   ├── Forbidden                  whoever acts has not the right to
│   └── ApprovalNeeded             a second person has to agree first
├── CallerError                    the caller's own mistake: answered, never tried elsewhere
│   ├── Unauthenticated            401
│   ├── UnknownRoute               404
│   ├── BadRequest                 400
│   └── TooLarge                   413
├── NoUpstream                     503: no attempt left, or none proven
├── BudgetExceeded                 429: what is left of a budget does not cover the call
├── BudgetUnavailable              503: nobody can tell what is left of a budget
├── RecordingFailed                503: a route that requires recording could not record
├── DetectionFailed                personal data could not be looked for: it counts as the most sensitive
│   └── Unreadable                 what is no text that anybody could look into: it is not kept
├── OutOfTime                      504: the caller's deadline passed before there was an answer
├── Undelivered                    an alert did not reach its channel: tried again later
├── GraderFailed                   a grader that trips over an answer: over a candidate's, the answer counts as failed
└── UpstreamError                  one attempt failed; the class says what the gateway does next
    ├── RequestRejected            400/422 about the caller's own fields: stop
    ├── Denied                     401/403: hold the credential, next attempt
    ├── RegionRefused              403 naming a region: hold the provider
    ├── LegalBlock                 451: hold the provider
    ├── ModelMissing               404/410: hold the model
    ├── RateLimited                429: leave the credential alone for the time given, next attempt
    ├── NotYet                     503 of an engine that loads or is full: next attempt, not counted
    ├── Overloaded                 529: next attempt, counted
    ├── OutOfOrder                 502/503/504/52x of an edge, an engine gone: the same
    ├── ServerError                500: once more, then the next attempt, counted
    ├── Conflict                   408/409/425: the same
    ├── Redirected                 3xx: never followed; opens the breaker
    ├── Unreachable                name, connection or TLS: next attempt, counted
    │   ├── ProxyUnreachable       our own forward proxy is not there: the same
    │   └── ProxyDenied            it turns us away, or the origin: the same
    ├── Untrusted                  a certificate nobody can trust: opens the breaker
    ├── AddressRefused             resolved to an address we do not call: hold
    ├── Reset                      gone after the request was sent
    ├── TooSlow                    no first content in time
    ├── Stalled                    no content in time, midway
    ├── SlowDrip                   content comes too slowly: a slow call, served on
    ├── Cut                        a stream that ended before its terminal event
    ├── Malformed                  a frame or body that does not parse, or is too big
    ├── EmptyAnswer                an answer with nothing in it
    ├── ReasoningOnly              an answer in which the model only thought: not counted
    ├── OutOfForm                  not the schema or the tools that were asked for: once more
    ├── RunawayOutput              more tokens than were asked for: stopped as at its limit, not counted
    ├── ModelSwapped               another model answered than was asked
    ├── PromptShortened            a server of our own read only part of the prompt
    │   └── PromptTooLong          the prompt does not fit a server of our own: not sent
    └── Crossed                    the answer to somebody else's request: hold the provider
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from .domain.exchange import Usage

Retry = Literal["none", "once", "once-fresh"]
Scope = Literal["none", "upstream", "credential", "model", "provider"]
Effect = Literal["none", "count", "slow", "trip", "hold"]


class SwitchoverError(Exception):
    """The root of the tree."""


class ConfigError(SwitchoverError):
    """The configuration is wrong: ``at`` says where, ``got`` what stands there, ``want`` how to mend it."""

    def __init__(self, *, at: str, got: str, want: str, file: str | None = None, line: int | None = None) -> None:
        self.at, self.got, self.want, self.file, self.line = at, got, want, file, line
        where = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(f"{where}{at}: got {got}; want {want}")


class OperatorError(SwitchoverError):
    """A command that cannot be carried out: ``mend`` says what to do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, mend: str) -> None:
        self.mend = mend
        super().__init__(f"{message}\n  To mend it: {mend}")


class PortInUse(OperatorError):
    """Another program listens there."""


class EngineFailed(OperatorError):
    """A local engine did not start."""


class WeightsMissing(OperatorError):
    """Weights are absent, unreadable or not the ones that were pinned."""


class StoreUnavailable(OperatorError):
    """The store or the data folder cannot be read or written."""


class NotFound(OperatorError):
    """There is no such thing."""


class Forbidden(OperatorError):
    """Whoever acts has not the right to: no key of a person, or a role that does not reach so far."""


class ApprovalNeeded(OperatorError):
    """An act that two people have to agree on, and so far one has."""


class CallerError(SwitchoverError):
    """The caller's own mistake: answered in the caller's dialect, tried nowhere else."""

    http_status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"


class Unauthenticated(CallerError):
    """No key, or one that is unknown, expired or revoked."""

    http_status = 401
    code = "invalid_api_key"


class UnknownRoute(CallerError):
    """The model asked for is no route of the caller's process."""

    http_status = 404
    code = "route_not_found"


class BadRequest(CallerError):
    """The body is not what the dialect asks for, or cannot be carried to any upstream of the plan."""


class TooLarge(CallerError):
    """The body exceeds the limit."""

    http_status = 413
    code = "request_too_large"


class NoUpstream(SwitchoverError):
    """No attempt left, or no replacement with a proof in date."""

    http_status: ClassVar[int] = 503
    code: ClassVar[str] = "no_upstream"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class BudgetExceeded(SwitchoverError):
    """What is left of a budget does not cover what the call may cost: nothing was sent.

    ``stops``: the budget refuses such calls, and lets no cheaper replacement answer them.
    """

    http_status: ClassVar[int] = 429
    code: ClassVar[str] = "budget_exceeded"

    def __init__(self, message: str, *, stops: bool = False) -> None:
        self.stops = stops
        super().__init__(message)


class BudgetUnavailable(SwitchoverError):
    """The ledger can't be reached and what this worker holds of the budget is used up: nothing was sent."""

    http_status: ClassVar[int] = 503
    code: ClassVar[str] = "budget_unavailable"
    stops: ClassVar[bool] = False


class RecordingFailed(SwitchoverError):
    """A route that requires recording could not record."""

    http_status: ClassVar[int] = 503
    code: ClassVar[str] = "recording_required"


class DetectionFailed(SwitchoverError):
    """Personal data could not be looked for: the text counts as the most sensitive, and none of it is kept."""


class Unreadable(DetectionFailed):
    """A body that is no JSON and no stream of it, or is nested too deep: it alone is not kept."""


class OutOfTime(SwitchoverError):
    """The caller's deadline passed before there was an answer."""

    http_status: ClassVar[int] = 504
    code: ClassVar[str] = "deadline_exceeded"


class Undelivered(SwitchoverError):
    """An alert did not reach its channel: it is tried again later."""


class GraderFailed(SwitchoverError):
    """A grader tripped over an answer: a candidate's counts d = -1, the baseline's leaves its case ungraded."""


class UpstreamError(SwitchoverError):
    """One attempt failed.

    ``fault`` is the id in ``facts/faults.yaml``; ``http_status`` and ``code`` are what the caller sees when nothing
    more can be tried; ``seen_status`` is what the upstream said, if anything. ``pauses``: nothing is sent
    with that credential until ``retry_after`` (seconds) is over. ``usage`` is that of an answer which came to its end
    and is none all the same.
    """

    usage: Usage | None = None

    fault: str = "server-error"
    http_status: ClassVar[int] = 502
    code: ClassVar[str] = "upstream_failed"
    retry: ClassVar[Retry] = "none"
    stops: ClassVar[bool] = False
    breaker_scope: ClassVar[Scope] = "upstream"
    breaker_effect: ClassVar[Effect] = "count"
    pauses: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        fault: str | None = None,
        seen_status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.seen_status = seen_status
        self.retry_after = retry_after
        if fault is not None:
            self.fault = fault
        super().__init__(message)


class RequestRejected(UpstreamError):
    """The provider rejects the caller's own fields: every upstream would, so stop and say why."""

    fault = "bad-request"
    http_status = 400
    code = "bad_request"
    stops = True
    breaker_scope = "none"
    breaker_effect = "none"


class Denied(UpstreamError):
    """The provider turns us away: hold the credential, try the next attempt."""

    fault = "key-revoked"
    http_status = 503
    code = "upstream_unavailable"
    breaker_scope: ClassVar[Scope] = "credential"
    breaker_effect = "hold"


class RegionRefused(Denied):
    """The provider turns our country away: hold every upstream of that provider."""

    fault = "region-refused"
    breaker_scope = "provider"


class LegalBlock(RegionRefused):
    """Unavailable for legal reasons."""

    fault = "legal-block"


class ModelMissing(Denied):
    """The model is retired, mistyped or not visible to this key: hold that model."""

    fault = "model-missing"
    breaker_scope = "model"


class RateLimited(UpstreamError):
    """Asked to slow down: try the next attempt; leave the credential alone for the time given, and the breaker too."""

    fault = "rate-limited"
    http_status = 429
    code = "rate_limited"
    breaker_scope = "none"
    breaker_effect = "none"
    pauses = True


class NotYet(RateLimited):
    """An engine of our own that still loads, or whose queue is full: its health is not in doubt."""

    fault = "local-loading"
    http_status = 503
    code = "upstream_unavailable"
    pauses = False


class Overloaded(UpstreamError):
    """Too busy for anyone: try the next attempt."""

    fault = "overloaded"
    http_status = 503
    code = "upstream_overloaded"


class ServerError(UpstreamError):
    """The provider broke: one jittered try inside the retry budget, then the next attempt."""

    fault = "server-error"
    retry = "once"


class Conflict(ServerError):
    """The provider is in conflict with itself, or timed out."""

    fault = "busy-conflict"
    http_status = 503
    code = "upstream_unavailable"


class OutOfOrder(Overloaded):
    """The provider's edge answers for it, or an engine is gone."""

    fault = "edge-error"
    code = "upstream_unavailable"


class Redirected(UpstreamError):
    """A redirect would carry the key elsewhere: never followed."""

    fault = "redirected"
    breaker_effect = "trip"


class Unreachable(UpstreamError):
    """No connection: the name, the port or TLS failed."""

    fault = "connect-refused"
    http_status = 503
    code = "upstream_unreachable"


class ProxyUnreachable(Unreachable):
    """The forward proxy on the way can't be reached: its name, port or TLS failed, not the upstream's."""


class ProxyDenied(Unreachable):
    """The forward proxy was reached and turns us away: it wants another login, or does not let us through."""


class Untrusted(Unreachable):
    """The certificate is expired, of another name or of nobody we trust: that is no accident of the moment."""

    fault = "tls-expired"
    breaker_effect = "trip"


class AddressRefused(Unreachable):
    """The name resolves to an address we do not call."""

    fault = "dns-private-address"
    code = "upstream_refused"
    breaker_effect = "hold"


class Reset(UpstreamError):
    """The connection went after the request was sent: the provider may have run and billed it."""

    fault = "reset-before-answer"
    code = "upstream_reset"


class TooSlow(UpstreamError):
    """No first content in time."""

    fault = "slow-first-token"
    http_status = 504
    code = "upstream_timeout"
    breaker_effect = "slow"


class Stalled(UpstreamError):
    """No content in time, midway."""

    fault = "stall-midway"
    http_status = 504
    code = "upstream_timeout"


class SlowDrip(UpstreamError):
    """Content comes too slowly: counts as a slow call as soon as it is seen, and is served on to its end."""

    fault = "slow-drip"
    stops = True
    breaker_effect = "slow"


class Cut(UpstreamError):
    """A stream or body that ended before its proper end."""

    fault = "clean-end-too-soon"
    code = "upstream_cut"


class Malformed(UpstreamError):
    """A frame or body that does not parse, or is too big."""

    fault = "frame-not-json"
    code = "upstream_malformed"


class EmptyAnswer(UpstreamError):
    """A finished answer with nothing in it."""

    fault = "empty-answer"
    code = "upstream_empty"


class ReasoningOnly(EmptyAnswer):
    """A finished answer in which the model only thought: it would again, whoever's fault that is."""

    fault = "reasoning-only"
    breaker_scope = "none"
    breaker_effect = "none"


class OutOfForm(UpstreamError):
    """An answer that breaks the schema that was asked for, or calls a tool as nobody could."""

    fault = "schema-broken"
    code = "upstream_out_of_form"
    retry = "once"
    breaker_scope = "none"
    breaker_effect = "none"


class RunawayOutput(UpstreamError):
    """An answer with more tokens than were asked for: the upstream is stopped, the answer ends as at its limit."""

    fault = "runaway-output"
    code = "upstream_runaway"
    stops = True
    breaker_scope = "none"
    breaker_effect = "none"


class ModelSwapped(UpstreamError):
    """Another model answered than the one that was asked, where nothing else will do."""

    fault = "model-swapped"
    code = "upstream_model_swapped"
    breaker_scope = "model"


class PromptShortened(UpstreamError):
    """A server of our own read fewer tokens than the prompt can have: its answer is to something else."""

    fault = "local-silent-truncation"
    http_status = 400
    code = "context_length_exceeded"
    breaker_scope = "none"
    breaker_effect = "none"


class PromptTooLong(PromptShortened):
    """The prompt does not fit the context of a server of our own, so it was not sent: next attempt."""


class Crossed(UpstreamError):
    """The answer says that it belongs to another request: no answer of this provider can be trusted."""

    fault = "answer-crossed"
    breaker_scope = "provider"
    breaker_effect = "hold"
