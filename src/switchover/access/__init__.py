"""Who may do what: keys of callers and people, roles, and acts that two people agree on."""

from .keys import check_key, load_pepper, make_key

__all__ = ["check_key", "load_pepper", "make_key"]
