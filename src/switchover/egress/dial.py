"""How a connection to an origin comes about: name, address check, race, proxy and TLS, in one time limit."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeVar

from switchover.errors import ProxyUnreachable, Unreachable, Untrusted

from .addresses import Address
from .connection import Connection
from .endpoint import Endpoint, authority
from .names import Names
from .proxy import Proxy, Reply
from .race import race
from .tls import distrust

Spoken = TypeVar("Spoken", bound=asyncio.Protocol)


@dataclass(slots=True)
class Leg:
    """The part of the way that is being gone, for whoever has to say where it ended."""

    whom: str
    silent: str = "dns-silent"
    error: type[Unreachable] = Unreachable


class Dialer:
    """Opens connections. ``proxy`` carries those to elsewhere, but for the hosts in ``direct``; never local ones."""

    def __init__(
        self, names: Names, tls: Callable[[], ssl.SSLContext], proxy: Proxy | None, direct: Collection[str]
    ) -> None:
        self._names, self._tls, self._proxy, self._direct = names, tls, proxy, frozenset(direct)

    def proxy_for(self, endpoint: Endpoint) -> Proxy | None:
        """The proxy that leads there."""
        return None if endpoint.local or endpoint.host in self._direct else self._proxy

    async def dial(self, endpoint: Endpoint, within: float, make: Callable[[], Connection]) -> Connection:
        """A connection on which a request can be sent. Raises Unreachable or one of its kinds, or Malformed."""
        proxy = self.proxy_for(endpoint)
        leg = Leg(authority(endpoint.host, endpoint.port))
        try:
            async with asyncio.timeout(within):
                if proxy is None:
                    return await self._straight(endpoint, make, leg)
                return await self._through(proxy, endpoint, make, leg)
        except TimeoutError as cause:
            raise leg.error(f"{leg.whom} did not take the connection in {within:g} s", fault=leg.silent) from cause
        except ssl.SSLError as cause:
            raise Untrusted(f"{leg.whom}: TLS failed: {distrust(cause)}") from cause
        except ConnectionRefusedError as cause:
            raise leg.error(f"{leg.whom} refused the connection", fault="connect-refused") from cause
        except OSError as cause:
            why = cause.strerror or str(cause) or "the connection broke"
            raise leg.error(f"{leg.whom} can't be reached: {why}", fault="connect-refused") from cause

    async def _straight(self, endpoint: Endpoint, make: Callable[[], Connection], leg: Leg) -> Connection:
        host, secure = endpoint.host, endpoint.secure
        addresses = await self._names.addresses(host, endpoint.port, private_allowed=endpoint.local)
        leg.silent = "tls-stalled" if secure else "connect-timeout"
        context = self._tls() if secure else None

        async def connect(address: Address) -> Connection:
            return (await _open(make, address, context, host))[1]

        return await race(addresses, connect, Connection.abort)

    async def _through(self, proxy: Proxy, endpoint: Endpoint, make: Callable[[], Connection], leg: Leg) -> Connection:
        host, port, whom = endpoint.host, endpoint.port, leg.whom
        await self._names.check(host, port)
        leg.whom, leg.error = repr(proxy), ProxyUnreachable
        transport, reply = await self._to(proxy, leg)
        try:
            leg.whom, leg.silent, leg.error = f"{whom} through {proxy!r}", "connect-timeout", Unreachable
            await proxy.tunnel(transport, reply, host, port)
            leg.silent = "tls-stalled"
            connection = make()
            inner = await asyncio.get_running_loop().start_tls(transport, connection, self._tls(), server_hostname=host)
            if inner is None:
                raise ConnectionResetError("the connection broke")
            connection.connection_made(inner)
            return connection
        except BaseException:
            transport.abort()
            raise

    async def _to(self, proxy: Proxy, leg: Leg) -> tuple[asyncio.Transport, Reply]:
        try:
            addresses = await self._names.addresses(proxy.host, proxy.port, private_allowed=True)
        except Unreachable as cause:
            raise ProxyUnreachable(f"{proxy!r}: its name is not found", fault="dns-not-found") from cause
        leg.silent = "tls-stalled" if proxy.secure else "connect-timeout"
        context = self._tls() if proxy.secure else None

        async def connect(address: Address) -> tuple[asyncio.Transport, Reply]:
            return await _open(Reply, address, context, proxy.host)

        return await race(addresses, connect, lambda made: made[0].abort())


async def _open(
    make: Callable[[], Spoken], address: Address, context: ssl.SSLContext | None, name: str
) -> tuple[asyncio.Transport, Spoken]:
    """A connection to one address that was checked; with a context, TLS in the name's name."""
    family, host, port = address
    transport, spoken = await asyncio.get_running_loop().create_connection(
        make, host, port, family=family, ssl=context, server_hostname=name if context is not None else None
    )
    return transport, spoken
