"""A forward proxy: CONNECT (RFC 9110, section 9.3.6), after which it carries bytes that it can't read."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import urlsplit

from switchover import __version__
from switchover.domain.secret import Secret
from switchover.errors import Malformed, ProxyDenied, Unreachable

from .connection import MAX_HEADER_BYTES
from .endpoint import authority, frozen

PORTS = {"http": 80, "https": 443}
OFFERED = re.compile(rb"(?im)^proxy-authenticate:[ \t]*([a-z0-9-]+)")
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: [^\r\n]*)?\r\n")


class Proxy:
    """A forward proxy at ``url``; ``login`` reads ``user:password`` when it is first needed. Neither is ever shown."""

    def __init__(self, url: str, login: Callable[[], Secret] | None = None) -> None:
        parts = urlsplit(url)
        self.secure, self.host = parts.scheme == "https", parts.hostname or ""
        self.port = parts.port or PORTS[parts.scheme]
        self._login = login
        self._head: Secret | None = None

    def __repr__(self) -> str:
        return f"the proxy {authority(self.host, self.port)}"

    def head(self) -> str:
        """The header lines of a CONNECT. Raises what reading the login raises."""
        if self._head is None:
            fields = {"user-agent": f"switchover/{__version__}"}
            if self._login is not None:
                login = self._login().reveal().encode()
                fields["proxy-authorization"] = f"Basic {b64encode(login).decode()}"
            self._head = Secret(frozen(fields).decode())
        return self._head.reveal()

    async def tunnel(self, transport: asyncio.Transport, reply: Reply, host: str, port: int) -> None:
        """Asks for a way to an origin; returns when ``transport`` is that way.

        Raises ProxyDenied, Unreachable (the proxy can't reach the origin either), Malformed, or OSError.
        """
        where = authority(host, port)
        transport.write(f"CONNECT {where} HTTP/1.1\r\nhost: {where}\r\n{self.head()}\r\n".encode("latin-1"))
        status = await reply.status
        if 200 <= status < 300:
            return
        if status == 407:
            offered = [one.decode() for one in OFFERED.findall(reply.head)]
            basic = not offered or "basic" in map(str.lower, offered)
            other = "" if basic else f"; it takes {', '.join(offered)}, we send Basic"
            raise ProxyDenied(f"{self!r} wants another login than egress.proxy_login (407{other})", seen_status=status)
        if status >= 500:
            raise Unreachable(
                f"{self!r} could not reach {where} ({status})",
                fault="connect-timeout" if status == 504 else "connect-refused",
            )
        raise ProxyDenied(f"{self!r} does not let us through to {where} ({status})", seen_status=status)


class Reply(asyncio.Protocol):
    """What a proxy says to a CONNECT: ``head``, and ``status`` once that is whole. A refusal's body is not read."""

    def __init__(self) -> None:
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        # Nobody may be waiting when the proxy leaves.
        self.status.add_done_callback(lambda status: status.cancelled() or status.exception())
        self.head = b""

    def data_received(self, data: bytes) -> None:
        """Part of the head. Informational ones are passed over (RFC 9110, section 15.2)."""
        self.head += data
        while not self.status.done():
            end = self.head.find(b"\r\n\r\n")
            said = STATUS.match(self.head)
            if end < 0:
                if len(self.head) > MAX_HEADER_BYTES:
                    self._broken()
                return
            if said is None:
                self._broken()
            elif said[1] >= b"200":
                # A server speaks TLS after its client: what came already is from somebody else.
                if said[1] < b"300" and len(self.head) > end + 4:
                    self._broken()
                else:
                    self.status.set_result(int(said[1]))
            else:
                self.head = self.head[end + 4 :]

    def _broken(self) -> None:
        self.status.set_exception(Malformed("the proxy's answer is not HTTP/1.1", fault="header-flood"))

    def connection_lost(self, exc: Exception | None) -> None:
        """The proxy left before it answered."""
        if not self.status.done():
            self.status.set_exception(exc or ConnectionResetError("the proxy closed the connection"))
