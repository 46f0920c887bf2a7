"""The command that runs, and who runs it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from typer.core import TyperCommand, TyperGroup

from switchover.domain.people import Actor

AS = "as_"
_running: ContextVar[Any] = ContextVar("running")
_actor: ContextVar[Actor] = ContextVar("actor")


class Command(TyperCommand):
    """A command that can be asked, while it runs, what it is called."""

    def invoke(self, ctx: Any) -> Any:
        """Runs it."""
        token = _running.set(ctx)
        try:
            return super().invoke(ctx)
        finally:
            _running.reset(token)


class Group(TyperGroup):
    """Commands below one name, which may be a command itself."""

    def invoke(self, ctx: Any) -> Any:
        """Runs it, or the command below it."""
        token = _running.set(ctx)
        try:
            return super().invoke(ctx)
        finally:
            _running.reset(token)


def name() -> str:
    """The running command in words, such as ``keys create``: its row in the table of rights."""
    context, words = _running.get(), list[str]()
    while context.parent is not None:
        words.insert(0, context.info_name or "")
        context = context.parent
    return " ".join(words)


def key_file() -> str | None:
    """What ``--as`` names."""
    path: str | None = _running.get().find_root().params.get(AS)
    return path


def act_as(actor: Actor) -> None:
    """From here on the command is run by somebody known."""
    _actor.set(actor)


def acting() -> Actor:
    """Who runs the command: known once the configuration was read."""
    return _actor.get()
