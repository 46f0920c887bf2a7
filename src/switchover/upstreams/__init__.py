"""One file per kind of endpoint."""

from __future__ import annotations

from collections.abc import Callable

from switchover.domain.ports import Upstream
from switchover.domain.process import UpstreamSpec
from switchover.domain.secret import Secret
from switchover.egress import Client

from .anthropic import AnthropicUpstream
from .openai import OpenAIUpstream

Build = Callable[[UpstreamSpec, str, Secret | None, Client], Upstream]

# Own engines speak OpenAI's format on a loopback port; upstreams/local.py and student.py run the engines themselves.
UPSTREAMS: dict[str, Build] = {
    "openai": OpenAIUpstream,
    "anthropic": AnthropicUpstream,
    "local": OpenAIUpstream,
    "student": OpenAIUpstream,
}

__all__ = ["UPSTREAMS", "AnthropicUpstream", "Build", "OpenAIUpstream"]
