"""Whose program is at the other end of a connection on this machine.

The data folder is its owner's alone, and a port is not: who acts without a key has to be that owner here, too.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Iterable
from pathlib import Path

TABLES = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))


def is_ours(peer: tuple[str, int] | None, own: tuple[str, int] | None) -> bool:
    """Whether the machine's user of this process, or root, holds the other end. False where nobody can tell."""
    if peer is None or own is None or not ipaddress.ip_address(peer[0]).is_loopback:
        return False
    for table in TABLES:
        try:
            with table.open(encoding="ascii") as lines:
                found = uid_in(lines, peer, own)
        except OSError:
            continue
        if found is not None:
            return found in (0, os.getuid())
    return False


def uid_in(lines: Iterable[str], near: tuple[str, int], far: tuple[str, int]) -> int | None:
    """Who holds the socket at ``near`` that is connected to ``far``, by a table of proc_pid_net(5); None: not in it."""
    wanted = [_hex(*near), _hex(*far)]
    for line in lines:
        cells = line.split()
        if cells[1:3] == wanted:
            return int(cells[7])
    return None


def _hex(host: str, port: int) -> str:
    """As the table has it: 32-bit words in the machine's order."""
    packed = ipaddress.ip_address(host).packed
    words = (packed[at : at + 4] for at in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words) + f":{port:04X}"
