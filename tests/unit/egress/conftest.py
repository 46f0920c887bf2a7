"""What egress is tested with: a certificate authority of our own, a resolver, both kinds of event loop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme
import uvloop

from switchover.egress import trusting


class Authority:
    """Issues certificates; ``bundle`` is its own, in a PEM file."""

    def __init__(self, folder):
        self._ca = trustme.CA()
        self.bundle = str(folder / "ca.pem")
        self._ca.cert_pem.write_to_path(self.bundle)

    def server(self, *names, expired=False):
        """A server's side, for these names."""
        past = datetime.now(UTC) - timedelta(days=2)
        times = {"not_before": past - timedelta(days=1), "not_after": past} if expired else {}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*names, **times).configure_cert(context)
        return context

    def trusted(self):
        """A client's side, as `egress.tls_ca` makes it."""
        return trusting(self.bundle)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def table():
    """A lookup of the names given alone, and of loopback addresses; an error given is raised."""

    def make(names):
        async def lookup(host, port):
            written = [host] if host in ("::1", "127.0.0.1") else None
            found = written or names.get(host, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
            if isinstance(found, Exception):
                raise found
            return [(socket.AF_INET6 if ":" in one else socket.AF_INET, one, port) for one in found]

        return lookup

    return make


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    """Runs a coroutine on a loop of each kind, in a time limit."""

    def go(work):
        async def limited():
            return await asyncio.wait_for(work, 60)

        factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(limited())

    return go
