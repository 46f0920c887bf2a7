"""The machine's user: who acts where no key is asked."""

from __future__ import annotations

import getpass
import os

from switchover.domain.people import Actor


def local() -> Actor:
    """The machine's user, who may do everything while there are no people."""
    try:
        return Actor.local(getpass.getuser())
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        return Actor.local(f"uid {os.getuid()}")


def keyless() -> Actor:
    """The machine's user in a command that asks no key, and so has no right to change anything."""
    return Actor.local(local().name, frozenset())
