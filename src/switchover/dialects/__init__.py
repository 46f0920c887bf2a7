"""One file per wire format: bytes ↔ domain, no I/O."""

from __future__ import annotations

from .anthropic_messages import AnthropicMessages
from .openai_chat import OpenAIChat
from .openai_responses import OpenAIResponses
from .shapes import Peek, ToolCall, Whole

DIALECTS: dict[str, OpenAIChat | OpenAIResponses | AnthropicMessages] = {
    "openai_chat": OpenAIChat(),
    "openai_responses": OpenAIResponses(),
    "anthropic_messages": AnthropicMessages(),
}

__all__ = ["DIALECTS", "AnthropicMessages", "OpenAIChat", "OpenAIResponses", "Peek", "ToolCall", "Whole"]
