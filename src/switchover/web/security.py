"""What is turned away before any page sees it, and the headers that every answer carries. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# Nothing but what we serve ourselves: no script in a page, nothing from elsewhere, in nobody's frame.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not "no-referrer": with that, browsers send no Origin with a form, and it is checked.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}
# Names of processes, upstreams and rows need no more; so no two spellings of a path are one page.
PATH = re.compile(r"/|(?:/[A-Za-z0-9_][A-Za-z0-9._:-]*)+")
METHODS = frozenset(("GET", "HEAD", "POST"))
FORM = "application/x-www-form-urlencoded"
FORWARDED = frozenset(("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"))
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Turned(Exception):
    """A request that no page sees: ``status`` is the answer's."""

    def __init__(self, status: int, why: str) -> None:
        self.status = status
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Guard:
    """Which Host is ours, and so which Origin: ``hosts`` are names with their port, as browsers send them."""

    scheme: str
    hosts: frozenset[str]

    @classmethod
    def at(cls, address: str | None, host: str, port: int) -> Guard:
        """For an ``address``, or else for the host and port that are listened on."""
        if address is not None:
            scheme, _, name = address.partition("://")
            return cls(scheme, frozenset({_bare(name.lower(), scheme)}))
        names = {*LOOPBACK, f"[{host}]" if ":" in host else host.lower()}
        return cls("http", frozenset(_bare(f"{name}:{port}", "http") for name in names))

    def check(self, method: str, path: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Raises Turned for a request that is not ours to answer."""
        if method not in METHODS:
            raise Turned(405, "Pages take GET, HEAD and POST.")
        if not PATH.fullmatch(path):
            raise Turned(404, "There is no such page.")
        found: dict[str, list[str]] = {}
        for name, value in headers:
            found.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
        hosts = [one.lower() for one in found.get("host", [])]
        if len(hosts) != 1 or hosts[0] not in self.hosts:
            raise Turned(421, "This is no name of these pages. Use the address that `switchover up` prints.")
        origins = found.get("origin", [])
        if (origins or method == "POST") and origins != [f"{self.scheme}://{hosts[0]}"]:
            raise Turned(403, "This came from another page. Open the form here, and send it again.")
        _check_site(method, found)
        if "content-encoding" in found:
            raise Turned(415, "Forms are taken uncompressed.")
        if method == "POST" and found.get("content-type", [""])[0].partition(";")[0].strip().lower() != FORM:
            raise Turned(415, "This takes a form.")


def _check_site(method: str, found: Mapping[str, list[str]]) -> None:
    """Where the browser says so: from elsewhere nothing but a link may lead here."""
    site = found.get("sec-fetch-site", ["none"])[0]
    if site in ("same-origin", "none"):
        return
    followed = method != "POST" and found.get("sec-fetch-mode") == ["navigate"]
    if not followed or found.get("sec-fetch-dest", ["document"]) != ["document"]:
        raise Turned(403, "Pages elsewhere may link here, and nothing more.")


def _bare(name: str, scheme: str) -> str:
    """A name without the port that goes without saying."""
    return name.removesuffix(":443" if scheme == "https" else ":80")
