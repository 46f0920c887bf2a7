"""A caller's key opens the door until the moment at which it ends, with no new register and on any connection."""

from __future__ import annotations

import http.client
import time
from dataclasses import replace

import pytest

from switchover.access import make_key
from switchover.clock import SystemClock
from switchover.errors import Unauthenticated
from switchover.gateway.admit import Door, read_head
from switchover.testing.builders import NOW, make_process, make_snapshot
from switchover.testing.clock import ManualClock
from switchover.testing.served import PEPPER, ServedGateway, register, spec


def door(**ends):
    key, token = make_key("customer-messages", PEPPER, NOW)
    key = replace(key, **ends)
    clock = ManualClock(NOW)
    snapshot = make_snapshot(keys={key.id: key})
    headers = [(b"host", b"localhost"), (b"authorization", b"Bearer " + token.reveal().encode())]
    return Door(PEPPER, clock), clock, snapshot, lambda: read_head(headers, frozenset(["localhost"]))


@pytest.mark.parametrize(
    "ends", [{"expires_at": NOW + 60}, {"revoked_at": NOW + 60}, {"revoked_at": NOW + 60, "expires_at": NOW + 90}]
)
def test_a_key_ends_in_the_moment_that_was_said(ends):
    opens, clock, snapshot, head = door(**ends)
    known = head()
    assert opens.process_of(known, snapshot).name == "customer-messages"
    clock.advance(59.9)
    # As a connection repeats its head, and as another one brings the key anew.
    assert opens.process_of(known, snapshot) is opens.process_of(head(), snapshot)
    clock.advance(0.1)
    for one in (known, head(), head()):
        with pytest.raises(Unauthenticated, match="expired"):
            opens.process_of(one, snapshot)


def test_a_key_without_an_end_asks_no_clock():
    opens, clock, snapshot, head = door()
    known = head()
    opens.process_of(known, snapshot)
    clock.now = None
    assert opens.process_of(known, snapshot).name == "customer-messages"
    assert opens.process_of(head(), snapshot).name == "customer-messages"


def test_a_key_that_the_next_register_lacks_is_refused_on_a_connection_that_used_it():
    opens, _, snapshot, head = door()
    known = head()
    opens.process_of(known, snapshot)
    with pytest.raises(Unauthenticated):
        opens.process_of(known, replace(snapshot, keys={}))


class Ahead(SystemClock):
    """The machine's time, and so many seconds on."""

    seconds = 0.0

    def now(self):
        return time.time() + self.seconds


def test_a_connection_that_stays_open_is_turned_away_once_its_key_has_expired():
    snapshot, token = register(make_process("p", fallbacks=()), [spec("vendor", "http://127.0.0.1:9")])
    (key,) = snapshot.keys.values()
    clock = Ahead()
    snapshot = replace(snapshot, keys={key.id: replace(key, expires_at=time.time() + 3600)})
    with ServedGateway(snapshot, clock=clock) as served:
        connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=60)

        def status():
            connection.request("GET", "/v1/models", headers={"authorization": f"Bearer {token}"})
            response = connection.getresponse()
            response.read()
            return response.status

        assert [status(), status()] == [200, 200]
        clock.seconds = 3601
        assert [status(), status()] == [401, 401]
        connection.close()
