"""All SQL and the spool."""

from .database import Store

__all__ = ["Store"]
