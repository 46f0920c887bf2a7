"""Our own HTTP/1.1 client: a pool of connections per origin, and nothing that a switch does not need."""

from __future__ import annotations

import asyncio
import math
import ssl
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import urlsplit

from switchover import __version__
from switchover.clock import Clock
from switchover.domain.ports import Answer
from switchover.errors import AddressRefused, Crossed, Reset, TooSlow

from .addresses import is_loopback
from .connection import Connection
from .dial import Dialer
from .echo import HEADER, Echoes
from .endpoint import Endpoint, Origin, frozen
from .names import Lookup, Names, system_lookup
from .proxy import Proxy
from .tls import trusting

# Below the 60 s after which common load balancers drop an idle connection.
KEEP_IDLE_S = 45.0
MAX_IDLE = 512


class Client:
    """Calls origins; follows no redirect; verifies TLS always.

    ``allow`` names the origins ("https://host:port") that may be called; None allows every origin that passes the
    address check. ``tls`` says whom to trust; None trusts the system's authorities. ``proxy`` carries what goes
    elsewhere, but for the hosts in ``direct``; the environment names no proxy. Use from one event loop.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        allow: Iterable[str] | None = None,
        tls: ssl.SSLContext | None = None,
        proxy: Proxy | None = None,
        direct: Collection[str] = (),
        lookup: Lookup = system_lookup,
    ) -> None:
        self._clock = clock
        self._allow = None if allow is None else frozenset(_origin(url) for url in allow)
        self._tls = tls
        self._dialer = Dialer(Names(clock, lookup), self._context, proxy, direct)
        self._idle: dict[Origin, deque[Connection]] = {}
        self._open: set[Connection] = set()
        self._echoes = Echoes()

    def prepare(self, method: str, url: str, headers: Mapping[str, str], *, local: bool = False) -> Endpoint:
        """An endpoint to send many requests to.

        Plain http is only for a local engine or a loopback address. Raises AddressRefused, also for an origin outside
        the allow-list, and ConfigError when the login of the proxy that leads there can't be read.
        """
        parts = urlsplit(url)
        host, secure = parts.hostname or "", parts.scheme == "https"
        near = local or is_loopback(host)
        if self._allow is not None and _origin(url) not in self._allow:
            raise AddressRefused(f"{parts.scheme}://{parts.netloc} is not an origin of the configuration")
        if not host or parts.scheme not in ("http", "https") or (not secure and not near):
            raise AddressRefused(f"{parts.scheme}://{parts.netloc}: want https, or http to a loopback address")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        fixed = {
            "host": parts.netloc.rpartition("@")[2],
            "user-agent": f"switchover/{__version__}",
            "accept-encoding": "identity",
        }
        head = f"{method} {path} HTTP/1.1\r\n".encode("ascii") + frozen(fixed) + frozen(headers) + b"content-length: "
        endpoint = Endpoint((secure, host, parts.port or (443 if secure else 80)), near, head)
        proxy = self._dialer.proxy_for(endpoint)
        if proxy is not None:
            proxy.head()
        return endpoint

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        connect_timeout: float = 3.0,
        answer_timeout: float = 600.0,
        local: bool = False,
    ) -> Answer:
        """One request; returns at the response head. See :meth:`send` for the errors."""
        endpoint = self.prepare(method, url, headers, local=local)
        return await self.send(endpoint, body, connect_timeout=connect_timeout, answer_timeout=answer_timeout)

    async def send(
        self,
        endpoint: Endpoint,
        body: bytes,
        *,
        extra: Mapping[str, str] | None = None,
        name: str = "",
        connect_timeout: float = 3.0,
        answer_timeout: float = 600.0,
    ) -> Answer:
        """Sends a request; returns at the response head. ``name``: see :class:`~switchover.egress.echo.Echoes`.

        ``connect_timeout`` covers name, connection and TLS; ``answer_timeout`` the wait for the head (inf: the caller
        of this method keeps the time). Raises Unreachable, AddressRefused, Reset, TooSlow, Malformed, Crossed. A pooled
        connection that closes before any byte of an answer is replaced by a fresh one, once. Cancelling closes the
        connection.
        """
        lines = frozen(extra) if extra else b""
        named = name.encode("latin-1")
        if named:
            lines = b"%b%b: %b\r\n" % (lines, HEADER, named)
        data = b"%b%d\r\n%b\r\n%b" % (endpoint.head, len(body), lines, body)
        connection = self._take(endpoint)
        pooled = connection is not None
        while True:
            if connection is None:
                connection = await self._connect(endpoint, connect_timeout)
            answer = connection.send(data)
            timer = None
            if answer_timeout != math.inf:
                late = TooSlow("no answer in time")
                timer = connection.loop.call_later(answer_timeout, answer.fail, late)
            try:
                await answer.news()
            except BaseException:
                answer.close()
                raise
            finally:
                if timer is not None:
                    timer.cancel()
            if answer.status:
                if named and answer.status < 300 and self._echoes.is_crossed(endpoint.origin, named, answer.head):
                    answer.close()
                    raise Crossed(f"{endpoint.host} sent the answer to another request")
                return answer
            failure = answer.error or Reset("the upstream closed the connection without an answer")
            answer.close()
            if not pooled or connection.began or not isinstance(failure, Reset):
                raise failure
            connection, pooled = None, False

    def _take(self, endpoint: Endpoint) -> Connection | None:
        idle = self._idle.get(endpoint.origin)
        while idle:
            connection = idle.pop()
            if not connection.closed and self._clock.monotonic() - connection.idle_since < KEEP_IDLE_S:
                return connection
            connection.close()
        return None

    async def _connect(self, endpoint: Endpoint, within: float) -> Connection:
        key = endpoint.origin
        connection = await self._dialer.dial(
            endpoint, within, lambda: Connection(lambda freed: self._release(key, freed))
        )
        self._open = {c for c in self._open if not c.closed} if len(self._open) > 4 * MAX_IDLE else self._open
        self._open.add(connection)
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = trusting()
        return self._tls

    def _release(self, key: Origin, connection: Connection) -> None:
        idle = self._idle.setdefault(key, deque())
        if len(idle) >= MAX_IDLE:
            connection.close()
            return
        connection.idle_since = self._clock.monotonic()
        idle.append(connection)

    async def close(self) -> None:
        """Closes every connection, answers in progress too."""
        for connection in self._open:
            connection.abort()
        self._open.clear()
        self._idle.clear()
        await asyncio.sleep(0)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
