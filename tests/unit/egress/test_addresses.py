"""What may be called, decided after resolution."""

from __future__ import annotations

import asyncio

import pytest

from switchover.clock import SystemClock
from switchover.egress import Client
from switchover.egress.addresses import is_literal_loopback, is_public, resolve
from switchover.errors import AddressRefused, Unreachable

PRIVATE = (
    """127.0.0.1 10.0.0.1 169.254.169.254 192.168.1.1 ::1 fe80::1%eth0 fd00::1 ::ffff:127.0.0.1 0.0.0.0 224.0.0.1"""
)


@pytest.mark.parametrize("address", PRIVATE.split())
def test_private_addresses_are_not_public(address):
    assert not is_public(address)


def test_public_addresses_are():
    assert is_public("8.8.8.8")
    assert is_public("2606:4700:4700::1111")


def test_only_a_written_out_loopback_address_is_the_operators_choice():
    assert is_literal_loopback("127.0.0.1")
    assert is_literal_loopback("[::1]")
    assert not is_literal_loopback("localhost")


def test_a_name_that_resolves_to_loopback_is_refused_before_connecting():
    with pytest.raises(AddressRefused):
        asyncio.run(resolve("localhost", 80, private_allowed=False))


def test_plain_http_and_origins_outside_the_list_are_refused():
    client = Client(SystemClock(), allow=["https://api.example"])
    with pytest.raises(AddressRefused):
        client.prepare("POST", "http://api.example/v1", {})
    with pytest.raises(AddressRefused):
        client.prepare("POST", "https://other.example/v1", {})
    assert "secret" not in repr(client.prepare("POST", "https://api.example/v1", {"authorization": "secret"}))


def test_a_header_cannot_start_another():
    with pytest.raises(ValueError, match="line break"):
        Client(SystemClock()).prepare("POST", "https://api.example", {"x": "a\r\nhost: evil"})


def test_a_closed_port_is_unreachable():
    with pytest.raises(Unreachable) as error:
        asyncio.run(Client(SystemClock()).request("POST", "http://127.0.0.1:1/", {}))
    assert error.value.fault == "connect-refused"
