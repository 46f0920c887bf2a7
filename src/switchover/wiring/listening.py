"""The sockets that `switchover up` listens on for its children, and how people find what is behind them."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

from switchover.domain.process import PagesAt, Settings
from switchover.errors import PortInUse, StoreUnavailable
from switchover.store.people import anybody

from .parts import database
from .worker import BACKLOG


def bind(settings: Settings) -> socket.socket:
    """The listening socket that all workers share. Raises PortInUse."""
    return bound("gateway", settings.gateway.host, settings.gateway.port)


def bound(section: str, host: str, port: int) -> socket.socket:
    """A listening socket that children may inherit, for a ``section`` of the settings. Raises PortInUse."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as cause:
        listening.close()
        raise PortInUse(
            f"{section}.host {host}, {section}.port {port}: {cause.strerror}",
            mend=f"stop the program that listens there, or set another {section}.port (0 takes a free one)",
        ) from cause
    listening.setblocking(False)
    listening.set_inheritable(True)
    return listening


def bind_pages(settings: Settings, say: Callable[[str], None]) -> socket.socket | None:
    """The pages' socket. Where another program listens there that is said, and callers are served all the same."""
    if not settings.pages.serve:
        return None
    try:
        return bound("pages", settings.pages.host, settings.pages.port)
    except PortInUse as error:
        say(f"BAD  no pages: {error}")
        return None


def address_of(at: PagesAt, port: int) -> str:
    """Where a person finds the pages."""
    return at.address or f"http://{f'[{at.host}]' if ':' in at.host else at.host}:{port}"


def who_comes_in(settings: Settings) -> str:
    """Who is let in, in a few words."""
    with contextlib.suppress(StoreUnavailable), database(settings) as store:
        if not anybody(store):
            return "open to this user on this machine; `switchover access init` lets people sign in"
    return "sign in with your key"
