"""The pages served on a socket, over a store with candidates at every state, and a browser's share of asking."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import threading
import time
from html import unescape
from urllib.parse import urlencode

import uvicorn

from switchover.access.approvals import require_approval
from switchover.config import load
from switchover.errors import ApprovalNeeded
from switchover.store.approvals import approvals
from switchover.testing.sample_candidates import CONFIGURATION, fill
from switchover.testing.sample_drills import fill_drills
from switchover.web.server import site_config
from switchover.web.sittings import Sittings
from switchover.wiring import access
from switchover.wiring.configured import Configured
from switchover.wiring.evidence import noting
from switchover.wiring.pages import Keeping, seat, site
from switchover.wiring.parts import CLOCK, open_store

# Seconds; it ends what hangs and measures nothing.
PATIENCE = 120.0


class Served:
    """The pages at ``port``: ``get`` and ``post`` as a browser asks, ``raw`` as anybody may."""

    def __init__(self, settings, verdicts) -> None:
        self.settings, self.verdicts = settings, verdicts
        self.keeping = Keeping(lambda: self.settings)
        self.sittings = Sittings(seat, noting, CLOCK)
        self.keys: dict[str, str] = {}
        self._known: dict[str, Visitor] = {}
        self._asker, self._number, self._configured = None, 0, None
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        made = site(settings, lambda: self.settings, self.keeping, self.port, self.sittings, self._in_force)
        self._server = uvicorn.Server(site_config(made))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the pages did not start"
            time.sleep(0.005)

    def _in_force(self):
        """The configuration as read from its file; settings that a test made by hand have none."""
        if self._configured is None:
            self._configured = Configured(self.settings.source, CLOCK)
        return self._configured.in_force()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        self.keeping.close()
        self._socket.close()

    def visitor(self) -> Visitor:
        return Visitor(self)

    def signed_in(self, key: str) -> Visitor:
        visitor = self.visitor()
        assert visitor.post("/sign-in", key=key, next="/").status == 303
        return visitor

    def known(self, role: str) -> Visitor:
        """Somebody of this role, signed in once for all tests of a file."""
        if role not in self._known:
            self._known[role] = self.signed_in(self.keys[role])
        return self._known[role]

    def asked(self, target: str = "provider:acme", process: str = "messages") -> str:
        """An approval that somebody asks for, whose key only they have seen; its id."""
        if self._asker is None:
            added = access.add(self.settings, self.admin, "asker", ["operator"], ())
            first = access.admit(self.settings, "access rotate", lambda: added.token)
            own = access.rotate(self.settings, first, None).token
            self.keys["asker"] = own.reveal()
            self._asker = access.admit(self.settings, "drill", lambda: own)
        self._number += 1
        with noting(self.settings, self._asker) as note, contextlib.suppress(ApprovalNeeded):
            require_approval(
                self.keeping(), self._asker, "drill", target, process=process, parameters={"n": self._number},
                reason="Who stands in answers within 300 s.", now=CLOCK.now(), note=note,
            )  # fmt: skip
        return approvals(self.keeping())[-1].id

    def raw(self, data: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as link:
            link.sendall(data)
            link.shutdown(socket.SHUT_WR)
            got = b""
            with contextlib.suppress(ConnectionError):
                while more := link.recv(65_536):
                    got += more
        return got


class Reply:
    def __init__(self, reply: http.client.HTTPResponse) -> None:
        self.status, self.headers = reply.status, reply.headers
        self.body = reply.read()

    @property
    def page(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def text(self) -> str:
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.page)).split())


class Visitor:
    """A browser's share of it: the cookie, the Origin, the token of the last form."""

    def __init__(self, served: Served) -> None:
        self.served, self.cookie, self.token = served, "", ""

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path: str, *, origin: str | None = None, token: str | None = None, **fields: str) -> Reply:
        if not self.token and token is None:
            self.get("/")
        if not self.token and token is None:
            self.get("/sign-in")
        form = urlencode({**fields, "token": self.token if token is None else token})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if origin != "":
            headers["Origin"] = origin or self.served.origin
        return self.ask("POST", path, form.encode(), headers)

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict | None = None) -> Reply:
        link = http.client.HTTPConnection("127.0.0.1", self.served.port, timeout=PATIENCE)
        try:
            cookie = {"Cookie": self.cookie} if self.cookie else {}
            link.request(method, path, body, {**cookie, **(headers or {})})
            reply = Reply(link.getresponse())
        finally:
            link.close()
        if told := reply.headers.get("Set-Cookie"):
            self.cookie = told.partition(";")[0]
            self.token = ""
        if found := re.search(r'name="token" value="([0-9a-f]+)"', reply.page if method == "GET" else ""):
            self.token = found[1]
        return reply


def served_in(folder, *, configuration=CONFIGURATION, drills=("lapsed",), **more) -> Served:
    path = folder / "switchover.yaml"
    path.write_text(configuration, encoding="utf-8")
    settings = load(str(path))
    with open_store(settings) as store:
        verdicts = fill(store, settings, CLOCK.now(), **more)
        with noting(settings) as note:
            fill_drills(store, CLOCK.now(), verdicts["messages other"], note, drills)
    made = Served(settings, verdicts)
    # Read while the file is as it should be: a test may spoil it before it looks.
    made._in_force()
    return made


def with_people(folder, **more) -> Served:
    """Pages of a Switchover with people: ``keys`` by role, the owner one of messages alone; ``admin`` acts."""
    made = served_in(folder, **more)
    first = access.init(made.settings, "boss")
    made.admin = access.admit(made.settings, "access add", lambda: first.token)
    made.keys["admin"] = first.token.reveal()
    for role, processes in (("operator", ()), ("auditor", ()), ("process-owner", ("messages",))):
        made.keys[role] = access.add(made.settings, made.admin, role, [role], processes).token.reveal()
    return made
