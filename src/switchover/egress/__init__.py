"""Every outbound HTTP connection."""

from .client import Client
from .endpoint import Endpoint
from .proxy import Proxy
from .tls import trusting

__all__ = ["Client", "Endpoint", "Proxy", "trusting"]
