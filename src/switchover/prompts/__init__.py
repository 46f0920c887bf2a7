"""A prompt version and how it is applied, live and in a trial."""

from .apply import apply
from .ask import answer_text, ask_text, chat_request

__all__ = ["answer_text", "apply", "ask_text", "chat_request"]
