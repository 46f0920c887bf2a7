"""A live request: admit → plan → attempt → relay → record."""

from .app import App
from .parts import Gateway
from .server import server_config
from .snapshot import FixedSnapshot, LiveSnapshot

__all__ = ["App", "FixedSnapshot", "Gateway", "LiveSnapshot", "server_config"]
