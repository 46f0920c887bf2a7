"""Which addresses may be called, checked after resolution so that a name can't smuggle a private one in."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from switchover.errors import AddressRefused, Unreachable

Address = tuple[socket.AddressFamily, str, int]


def is_literal_loopback(host: str) -> bool:
    """True for an address written out in the configuration that is loopback: an operator's own choice."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_public(address: str) -> bool:
    """True for an address that is routed on the public internet: not loopback, link-local, private or metadata."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_global and not found.is_multicast


async def resolve(host: str, port: int, *, private_allowed: bool) -> list[Address]:
    """Addresses of a host, IPv6 and IPv4 taking turns (RFC 8305, section 4), resolved off the event loop.

    Raises Unreachable (dns-not-found) when there are none, AddressRefused when one of them is not public: an answer
    that mixes public and private addresses is an attack, not a choice.
    """
    try:
        rows = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except OSError as cause:
        raise Unreachable(f"the name {host} is not found", fault="dns-not-found") from cause
    found: list[Address] = []
    for family, _, _, _, address in rows:
        row = (socket.AddressFamily(family), str(address[0]), port)
        if row not in found:
            found.append(row)
    if not private_allowed and not all(is_public(address) for _, address, _ in found):
        raise AddressRefused(f"{host} resolves to an address that is not public; a local engine must say kind: local")
    six = [row for row in found if row[0] is socket.AF_INET6]
    four = [row for row in found if row[0] is not socket.AF_INET6]
    turns = [row for pair in zip(six, four, strict=False) for row in pair]
    return turns + six[len(four) :] + four[len(six) :]
