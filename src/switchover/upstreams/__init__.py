"""One file per kind of endpoint."""

from __future__ import annotations

from collections.abc import Callable

from switchover.domain.ports import Upstream
from switchover.domain.process import UpstreamSpec
from switchover.domain.secret import Secret
from switchover.egress import Client

from .anthropic import AnthropicUpstream
from .fitted import Window, fitted, root_of
from .openai import OpenAIUpstream

Build = Callable[[UpstreamSpec, str, Secret | None, Client], Upstream]


def _fitted(kind: Build) -> Build:
    """The kind, where it is a server of our own behind a check that prompts fit."""

    def build(spec: UpstreamSpec, base_url: str, secret: Secret | None, client: Client) -> Upstream:
        made = kind(spec, base_url, secret, client)
        if not spec.is_self_hosted:
            return made
        return fitted(made, Window(spec.name, spec.window, root_of(base_url), secret, client, local=spec.is_own))

    return build


# Own engines speak OpenAI's format on a loopback port; upstreams/local.py and student.py run the engines themselves.
UPSTREAMS: dict[str, Build] = {
    "openai": _fitted(OpenAIUpstream),
    "anthropic": _fitted(AnthropicUpstream),
    "local": _fitted(OpenAIUpstream),
    "student": OpenAIUpstream,
}

__all__ = ["UPSTREAMS", "AnthropicUpstream", "Build", "OpenAIUpstream"]
