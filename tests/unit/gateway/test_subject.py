"""Whom a request is about: found where the process says, kept as a keyed hash."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from switchover.dialects import AnthropicMessages, OpenAIChat, OpenAIResponses
from switchover.dialects.subject import subject_said

SAY = [{"role": "user", "content": "hello"}]
CHAT, MESSAGES = {"model": "m", "messages": SAY}, {"model": "m", "messages": SAY, "max_tokens": 5}
RESPONSES = {"model": "m", "input": "hello"}


@pytest.mark.parametrize(
    ("dialect", "body", "where", "said"),
    [
        (OpenAIChat, CHAT | {"user": "anna"}, "user", "anna"),
        (OpenAIChat, CHAT | {"user": 17}, "user", "17"),
        (OpenAIChat, CHAT | {"user": ""}, "user", None),
        (OpenAIChat, CHAT, "user", None),
        (OpenAIChat, CHAT | {"user": ["anna"]}, "user", None),
        (OpenAIChat, CHAT | {"metadata": {"customer": "anna"}}, "metadata.customer", "anna"),
        (OpenAIChat, CHAT | {"metadata": {"customer": 17}}, "metadata.customer", "17"),
        (OpenAIChat, CHAT | {"metadata": {"other": "anna"}}, "metadata.customer", None),
        (OpenAIResponses, RESPONSES | {"user": "anna"}, "user", "anna"),
        (OpenAIResponses, RESPONSES | {"metadata": {"customer": "anna"}}, "metadata.customer", "anna"),
        (AnthropicMessages, MESSAGES | {"metadata": {"user_id": "anna"}}, "user", "anna"),
        (AnthropicMessages, MESSAGES | {"metadata": {"user_id": "anna"}}, "metadata.user_id", "anna"),
        (AnthropicMessages, MESSAGES | {"metadata": {"user_id": None}}, "user", None),
        (AnthropicMessages, MESSAGES, "user", None),
    ],
)
def test_each_dialect_names_its_subject(dialect, body, where, said):
    data = json.dumps(body).encode()
    call = SimpleNamespace(body=data, peek=dialect().peek(data))
    assert subject_said(where, call.peek.metadata, call.body) == said
