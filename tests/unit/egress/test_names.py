"""From a name to addresses: checked, and kept for a little while when the resolver fails."""

from __future__ import annotations

import asyncio
import socket

import pytest

from switchover.clock import SystemClock
from switchover.egress.names import LAST_GOOD_S, Names
from switchover.errors import AddressRefused, Unreachable
from switchover.testing.clock import ManualClock

HOST = "api.example"
GONE = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def asked(names, host=HOST, *, private_allowed=False):
    found = asyncio.run(names.addresses(host, 443, private_allowed=private_allowed))
    return [address for _, address, _ in found]


def test_the_last_good_addresses_serve_while_the_resolver_fails_and_no_longer_than_their_time(table):
    known, clock = {HOST: ["8.8.8.8"]}, ManualClock()
    names = Names(clock, table(known))
    assert asked(names) == ["8.8.8.8"]
    known[HOST] = GONE
    clock.advance(LAST_GOOD_S)
    assert asked(names) == ["8.8.8.8"]
    clock.advance(0.1)
    with pytest.raises(Unreachable) as error:
        asked(names)
    assert error.value.fault == "dns-not-found"


def test_a_name_that_moved_is_followed_at_once(table):
    known = {HOST: ["8.8.8.8"]}
    names = Names(ManualClock(), table(known))
    asked(names)
    known[HOST] = ["9.9.9.9"]
    assert asked(names) == ["9.9.9.9"]


def test_a_name_never_resolved_is_not_found(table):
    with pytest.raises(Unreachable, match="not found"):
        asked(Names(ManualClock(), table({})))


@pytest.mark.parametrize("found", [["169.254.169.254"], ["8.8.8.8", "10.0.0.1"], ["::ffff:127.0.0.1"]])
def test_a_name_with_any_private_address_is_refused_before_connecting(table, found):
    names = Names(ManualClock(), table({HOST: found}))
    with pytest.raises(AddressRefused):
        asked(names)
    with pytest.raises(AddressRefused):
        asyncio.run(names.check(HOST, 443))
    assert asked(names, private_allowed=True) == found


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "017700000001", "[::1]"])
def test_no_way_to_write_a_loopback_address_gets_past_the_systems_own_resolver(host):
    with pytest.raises(AddressRefused):
        asked(Names(SystemClock()), host)


def test_localhost_is_this_machine_whatever_a_resolver_says(table):
    names = Names(ManualClock(), table({"localhost": ["8.8.8.8"]}))
    assert asked(names, "localhost", private_allowed=True) == ["::1", "127.0.0.1"]


def test_a_name_that_only_a_proxy_can_resolve_is_looked_up_once_a_minute(table):
    seen, clock = [], ManualClock()
    inner = table({})

    async def lookup(host, port):
        seen.append(host)
        return await inner(host, port)

    names = Names(clock, lookup)
    for _ in range(3):
        asyncio.run(names.check(HOST, 443))
    assert seen == [HOST]
    clock.advance(LAST_GOOD_S + 1)
    asyncio.run(names.check(HOST, 443))
    assert seen == [HOST, HOST]
