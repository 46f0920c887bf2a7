"""What may be called, and in which order."""

from __future__ import annotations

import asyncio
import socket

import pytest

from switchover.clock import SystemClock
from switchover.egress import Client
from switchover.egress.addresses import in_turns, is_loopback, is_public
from switchover.errors import AddressRefused, Unreachable

SIX, FOUR = socket.AF_INET6, socket.AF_INET
PRIVATE = """
    127.0.0.1 127.255.255.254 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 100.127.255.255
    0.0.0.0 0.1.2.3 192.0.0.1 192.0.0.170 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1
    224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:10.0.0.1 ::ffff:0.0.0.0
    64:ff9b::7f00:1 64:ff9b::169.254.169.254 64:ff9b::10.0.0.1 64:ff9b:1::808:808 2002:7f00:1:: 2002:a9fe:a9fe::1
    2002:808:808::1 2001:0:53aa:64c:0:0:80ff:fffe fe80::1 fe80::1%eth0 fec0::1 fc00::1 fd00::1 fd00:ec2::254
    100::1 2001:db8::1 3fff::1 5f00::1 ff02::1
"""
PUBLIC = "8.8.8.8 1.1.1.1 172.32.0.1 100.128.0.1 2606:4700:4700::1111 ::ffff:8.8.8.8 64:ff9b::808:808"


@pytest.mark.parametrize("address", PRIVATE.split())
def test_private_addresses_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public_addresses_are(address):
    assert is_public(address)


def test_only_localhost_and_a_written_out_loopback_address_are_the_operators_choice():
    assert is_loopback("localhost")
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert not is_loopback("localhost.example")
    assert not is_loopback("10.0.0.1")


def row(address):
    return (SIX if ":" in address else FOUR, address, 443)


@pytest.mark.parametrize(
    ("given", "tried"),
    [
        ("6:: 6::1 6::2 4.0.0.1", "6:: 4.0.0.1 6::1 6::2"),
        ("6:: 4.0.0.1 4.0.0.2 4.0.0.3", "6:: 4.0.0.1 4.0.0.2 4.0.0.3"),
        ("4.0.0.1 4.0.0.2 6:: 6::1", "4.0.0.1 6:: 4.0.0.2 6::1"),
        ("4.0.0.1 4.0.0.1", "4.0.0.1"),
        ("", ""),
    ],
)
def test_families_take_turns_and_the_one_the_system_prefers_begins(given, tried):
    assert in_turns(map(row, given.split())) == list(map(row, tried.split()))


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
