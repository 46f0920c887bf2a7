"""One file per wire format: bytes ↔ domain, no I/O."""

from __future__ import annotations

from .anthropic_messages import AnthropicMessages
from .openai_chat import OpenAIChat
from .shapes import Peek, ToolCall, Whole

DIALECTS: dict[str, OpenAIChat | AnthropicMessages] = {
    "openai_chat": OpenAIChat(),
    "anthropic_messages": AnthropicMessages(),
}

__all__ = ["DIALECTS", "AnthropicMessages", "OpenAIChat", "Peek", "ToolCall", "Whole"]
