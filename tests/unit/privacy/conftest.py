"""A data folder with a key ring."""

from __future__ import annotations

import pytest

from switchover.privacy.keyring import KeyRing
from switchover.testing.clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def ring_of(tmp_path, clock):
    """Opens the ring of a folder, as another process would."""
    opened = []

    def make(folder=tmp_path, master=None):
        opened.append(KeyRing(folder, clock, master))
        return opened[-1]

    yield make
    for ring in opened:
        ring.close()


@pytest.fixture
def ring(ring_of):
    return ring_of()
