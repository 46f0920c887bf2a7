"""Every outbound HTTP connection."""

from .client import Client, Endpoint

__all__ = ["Client", "Endpoint"]
