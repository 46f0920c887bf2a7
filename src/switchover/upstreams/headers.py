"""Which of a caller's headers reach an upstream: by list, never by default."""

from __future__ import annotations

from collections.abc import Mapping

# The gateway puts these beside a caller's only where the upstream may know of the trace.
TRACE = frozenset(["traceparent", "tracestate"])


def passed(headers: Mapping[str, str], allowed: frozenset[str]) -> Mapping[str, str] | None:
    """The headers (lower-case names) an upstream may see, or None when there are none."""
    return {name: value for name, value in headers.items() if name in allowed} if headers else None
