"""Caller keys: made, stored and checked."""

from .keys import check_key, load_pepper, make_key

__all__ = ["check_key", "load_pepper", "make_key"]
