"""Switchover: know that you can switch AI models before you have to."""

__version__ = "0.1.0"
