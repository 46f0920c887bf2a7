"""What an engine of our own is given, and whom it turns away first."""

from __future__ import annotations

import contextlib

import pytest

from switchover.domain.process import Criticality, UpstreamSpec
from switchover.errors import NotYet
from switchover.planning.queues import WAITING_PER_SLOT, Queues


def engine(**fields):
    return UpstreamSpec(name="own", kind="local", model="m", developer="d", host="own", **fields)


def taken(queues, spec, criticality):
    """How many more requests there is room for."""
    count = 0
    with contextlib.suppress(NotYet):
        for count in range(1000):  # noqa: B007  # how far it came
            queues.enter(spec, criticality)
    with pytest.raises(NotYet) as full:
        queues.enter(spec, criticality)
    assert (full.value.fault, full.value.http_status) == ("local-queue-full", 503)
    assert full.value.retry_after
    return count


def test_the_least_critical_are_turned_away_first():
    queues, spec = Queues(), engine(slots=2)
    assert taken(queues, spec, Criticality.ORDINARY) == WAITING_PER_SLOT
    assert taken(queues, spec, Criticality.IMPORTANT) == WAITING_PER_SLOT // 2
    assert taken(queues, spec, Criticality.CRITICAL) == WAITING_PER_SLOT // 2


def test_a_place_given_back_is_free_again():
    queues, spec = Queues(), engine()
    assert taken(queues, spec, Criticality.CRITICAL) == WAITING_PER_SLOT
    queues.leave(spec)
    assert taken(queues, spec, Criticality.CRITICAL) == 1


def test_workers_share_the_places_and_each_has_one():
    assert taken(Queues(4), engine(), Criticality.CRITICAL) == WAITING_PER_SLOT // 4
    assert taken(Queues(64), engine(), Criticality.ORDINARY) == 1


def test_engines_do_not_share():
    queues = Queues()
    taken(queues, engine(), Criticality.CRITICAL)
    queues.enter(UpstreamSpec(name="b", kind="local", model="m", developer="d", host="own"), Criticality.ORDINARY)
