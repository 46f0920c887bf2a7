"""Which addresses may be called, and in which order. Pure."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

Address = tuple[socket.AddressFamily, str, int]

# What no resolver is asked about: the name means this machine (RFC 6761, section 6.3).
LOCALHOST = "localhost"
LOOPBACK = ((socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1"))

# IPv4 inside IPv6 where a gateway on the way takes it out again (RFC 6052): judged by what is inside.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Written out, though `is_global` knows most of them: what it knows differs between releases of Python.
NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network, RFC 791
        "10.0.0.0/8",  # private, RFC 1918
        "100.64.0.0/10",  # carrier-grade NAT, RFC 6598
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and the metadata services of clouds
        "172.16.0.0/12",  # private, RFC 1918
        "192.0.0.0/24",  # protocol assignments, RFC 6890
        "192.0.2.0/24",  # documentation, RFC 5737
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "192.168.0.0/16",  # private, RFC 1918
        "198.18.0.0/15",  # benchmarks, RFC 2544
        "198.51.100.0/24",  # documentation, RFC 5737
        "203.0.113.0/24",  # documentation, RFC 5737
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "::/96",  # unspecified, loopback, and IPv4-compatible, RFC 4291
        "64:ff9b:1::/48",  # NAT64 inside one network, RFC 8215
        "100::/64",  # discard, RFC 6666
        "2001::/23",  # protocol assignments, and Teredo, which carries an IPv4 address
        "2001:db8::/32",  # documentation, RFC 3849
        "2002::/16",  # 6to4, which carries an IPv4 address, RFC 7526
        "3fff::/20",  # documentation, RFC 9637
        "5f00::/16",  # segment routing, RFC 9602
        "fc00::/7",  # unique local, RFC 4193
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local, RFC 3879
        "ff00::/8",  # multicast
    )
)


def is_loopback(host: str) -> bool:
    """True for ``localhost`` and for a loopback address written out in the configuration: an operator's own choice."""
    if host == LOCALHOST:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_public(address: str) -> bool:
    """True for an address that is routed on the public internet: not loopback, link-local, private or metadata."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif found in NAT64:
            found = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return found.is_global and not any(found.version == net.version and found in net for net in NEVER)


def in_turns(found: Iterable[Address]) -> list[Address]:
    """The families taking turns, in the system's own order within each (RFC 8305, section 4); each address once.

    The family of the first address begins: the system has sorted by RFC 6724, which knows what has a route.
    """
    rows = list(dict.fromkeys(found))
    first = [row for row in rows if row[0] is rows[0][0]]
    other = [row for row in rows if row[0] is not rows[0][0]]
    turns = [row for pair in zip(first, other, strict=False) for row in pair]
    return turns + first[len(other) :] + other[len(first) :]
