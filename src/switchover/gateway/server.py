"""How uvicorn runs the gateway: its sockets, signals and shutdown, with a protocol of our own."""

from __future__ import annotations

from typing import Any

import uvicorn

from .app import App
from .connection import HttpConnection


def server_config(app: App, **more: Any) -> uvicorn.Config:  # uvicorn's own settings
    """uvicorn's configuration for a gateway worker; ``more`` overrides any of its settings.

    Open streams have 30 s to finish after SIGTERM. Neither access log nor proxy headers: the exchange is the log, and
    who calls is told by the key.
    """
    settings: dict[str, Any] = {
        "http": HttpConnection,
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "log_level": "warning",
        "backlog": 2048,
        "timeout_graceful_shutdown": 30,
    }
    return uvicorn.Config(app, **{**settings, **more})
