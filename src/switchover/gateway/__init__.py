"""A live request: admit → plan → attempt → relay → record."""

from .app import asgi
from .handle import Gateway
from .server import server_config
from .snapshot import FixedSnapshot, LiveSnapshot

__all__ = ["FixedSnapshot", "Gateway", "LiveSnapshot", "asgi", "server_config"]
