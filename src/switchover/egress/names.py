"""From a host's name to the addresses that may be called, checked after resolution."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from switchover.clock import Clock
from switchover.errors import AddressRefused, Unreachable

from .addresses import LOCALHOST, LOOPBACK, Address, in_turns, is_public

# ``getaddrinfo`` tells no time to live. Large providers publish 60 to 300 s: at the shortest of these an address is
# still one that the resolver could have given out itself.
LAST_GOOD_S = 60.0
# What a check may cost a connection that a proxy will resolve for itself.
CHECK_S = 0.5

Lookup = Callable[[str, int], Awaitable[list[Address]]]


async def system_lookup(host: str, port: int) -> list[Address]:
    """What the system's resolver says, asked off the event loop. Raises OSError."""
    rows = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(socket.AddressFamily(family), str(address[0]), port) for family, _, _, _, address in rows]


class Names:
    """Addresses by name. While the resolver fails, the last good ones serve for :data:`LAST_GOOD_S`."""

    def __init__(self, clock: Clock, lookup: Lookup = system_lookup) -> None:
        self._clock, self._lookup = clock, lookup
        self._good: dict[tuple[str, int], tuple[float, list[Address]]] = {}
        self._unknown: dict[tuple[str, int], float] = {}

    async def addresses(self, host: str, port: int, *, private_allowed: bool) -> list[Address]:
        """The addresses to try, in order.

        Raises Unreachable (dns-not-found) when there are none, AddressRefused when one of them is not public: an answer
        that mixes public and private addresses is an attack, not a choice.
        """
        if host == LOCALHOST and private_allowed:
            return [(family, address, port) for family, address in LOOPBACK]
        found = in_turns(await self._found(host, port))
        if not found:
            raise Unreachable(f"the name {host} has no address", fault="dns-not-found")
        if not private_allowed and not all(is_public(address) for _, address, _ in found):
            raise AddressRefused(
                f"{host} resolves to an address that is not public; a local engine must say kind: local"
            )
        return found

    async def _found(self, host: str, port: int) -> list[Address]:
        key = host, port
        try:
            found = await self._lookup(host.strip("[]"), port)
        except (OSError, UnicodeError) as cause:
            at, last = self._good.get(key, (0.0, []))
            if last and self._clock.monotonic() - at <= LAST_GOOD_S:
                return last
            raise Unreachable(f"the name {host} is not found", fault="dns-not-found") from cause
        self._good[key] = self._clock.monotonic(), found
        return found

    async def check(self, host: str, port: int) -> None:
        """The same check for a name that a proxy will resolve; a name that only the proxy can resolve passes.

        One that nobody here knows is not looked up again for :data:`LAST_GOOD_S`. Raises AddressRefused.
        """
        key = host, port
        if key in self._unknown and self._clock.monotonic() - self._unknown[key] <= LAST_GOOD_S:
            return
        try:
            async with asyncio.timeout(CHECK_S):
                await self.addresses(host, port, private_allowed=False)
        except AddressRefused:
            raise
        except (Unreachable, TimeoutError):
            self._unknown[key] = self._clock.monotonic()
