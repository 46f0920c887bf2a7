"""What a provider sends when it does not serve: error bodies in its own dialect, as an answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

from switchover.errors import UpstreamError

# (status, OpenAI's type, OpenAI's code, Anthropic's type, message)
SHAPES: Mapping[str, tuple[int, str, str | None, str, str]] = {
    "key-revoked": (401, "invalid_request_error", "invalid_api_key", "authentication_error", "Incorrect API key."),
    "permission-denied": (
        403,
        "invalid_request_error",
        "permission_denied",
        "permission_error",
        "Your account may not use this resource.",
    ),
    "model-missing": (
        404,
        "invalid_request_error",
        "model_not_found",
        "not_found_error",
        "The model does not exist or you do not have access to it.",
    ),
    "overloaded": (529, "overloaded_error", None, "overloaded_error", "Overloaded"),
    "server-error": (500, "server_error", None, "api_error", "The server had an error."),
}


def error_answer(fault: str, dialect: str) -> CannedAnswer:
    """The answer with which a provider of this dialect shows a fault of :data:`SHAPES`."""
    status, kind, code, anthropic_kind, message = SHAPES[fault]
    if dialect.startswith("anthropic"):
        body: dict[str, object] = {"type": "error", "error": {"type": anthropic_kind, "message": message}}
    else:
        body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    raw = json.dumps(body).encode()
    headers = {"content-type": "application/json", "content-length": str(len(raw))}
    return CannedAnswer(status=status, headers=headers, body=raw)


@dataclass(slots=True)
class CannedAnswer:
    """An answer that is there already."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def total(self) -> int:
        """The body's length."""
        return len(self.body)

    @property
    def complete(self) -> bool:
        """From the start."""
        return True

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body in one piece."""
        if self.body:
            yield self.body

    async def whole(self, most: int) -> bytes | None:
        """The body, unless it is too big."""
        return self.body if len(self.body) <= most else None

    def pour(self, take: Callable[[bytes], None], over: Callable[[UpstreamError | None], None]) -> None:
        """The body in one piece."""
        if self.body:
            take(self.body)
        over(None)

    def pause(self) -> None:
        """Nothing is on its way."""

    def resume(self) -> None:
        """Nothing is on its way."""

    def close(self) -> None:
        """Nothing is held."""
