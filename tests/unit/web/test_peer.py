"""Whose program is at the other end: by the system's own table."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from switchover.web.peer import TABLES, is_ours, uid_in

# As a little-endian machine tells it; 127.0.0.1:41000, held by user 1001, is connected to 127.0.0.1:8081.
TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:1F91 0100007F:A028 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1
   2: 0100007F:A028 0100007F:1F91 01 00000000:00000000 00:00000000 00000000  1001        0 3 1 0 20 4 30 10 -1
""".splitlines()


@pytest.mark.skipif(sys.byteorder != "little", reason="the table is in the machine's order")
def test_the_row_of_the_other_end_says_who_holds_it():
    near, far = ("127.0.0.1", 0xA028), ("127.0.0.1", 0x1F91)
    assert uid_in(TABLE, near, far) == 1001
    assert uid_in(TABLE, far, near) == 0
    assert uid_in(TABLE, ("127.0.0.1", 1), far) is None


@pytest.mark.skipif(not TABLES[0].exists(), reason="this system has no such table")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_connection_of_ours_is_ours(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        listening = socket.create_server((address, 0), family=family)
    except OSError:
        pytest.skip(f"no {address} on this machine")
    with listening, socket.create_connection(listening.getsockname()[:2]) as ours:
        theirs, peer = listening.accept()
        with theirs:
            assert is_ours(peer[:2], theirs.getsockname()[:2])
            assert not is_ours((address, ours.getsockname()[1] ^ 1), theirs.getsockname()[:2])


def test_another_users_program_is_not_ours(monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr("switchover.web.peer.uid_in", lambda *_: 1001)
    assert not is_ours(("127.0.0.1", 1), ("127.0.0.1", 2))


def test_what_comes_over_a_network_is_not_ours(monkeypatch):
    monkeypatch.setattr("switchover.web.peer.uid_in", lambda *_: os.getuid())
    assert not is_ours(("192.0.2.7", 1), ("127.0.0.1", 2))
    assert not is_ours(None, None)
