"""What a valid configuration is, and how a file becomes frozen settings."""

from .load import load
from .secrets import resolve

__all__ = ["load", "resolve"]
