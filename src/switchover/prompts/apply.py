"""A prompt version applied: the recorded or live request becomes the candidate's request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from switchover.domain.candidate import PromptKind, PromptVersion

from .ask import ask_text

DEFAULT_K = 4
DEFAULT_TOKENS = 1500


def apply(version: PromptVersion, request: Mapping[str, Any], artefact: bytes | None, *, model: str) -> dict[str, Any]:
    """The OpenAI chat request that the candidate gets; ``request`` stays as it is.

    ``artefact`` is the content of ``version.artefact``; ``model`` the candidate's name of its model. As it is: only
    the model is another. Demonstrations: the nearest pairs are put before the last user message. Student: the model
    is ``student:<artefact>``. Raises ValueError when the version needs an artefact that is not given.
    """
    if version.kind is PromptKind.AS_IS:
        return {**request, "model": model}
    if version.artefact is None:
        raise ValueError(f"{version.id}: has no artefact")
    if version.kind is PromptKind.STUDENT:
        return {**request, "model": f"student:{version.artefact}"}
    if artefact is None:
        raise ValueError(f"{version.id}: its demonstrations are missing")
    from .demonstrations import number, shown, turns

    messages = list(request.get("messages") or [])
    last = max((at for at, message in enumerate(messages) if message.get("role") == "user"), default=None)
    ask = ask_text(request)
    if last is None or not ask.strip():
        return {**request, "model": model}
    pairs = shown(version.artefact, artefact).nearest(ask, number(version.parameters, "k", DEFAULT_K))
    before = turns(pairs, number(version.parameters, "tokens", DEFAULT_TOKENS))
    return {**request, "model": model, "messages": [*messages[:last], *before, *messages[last:]]}
