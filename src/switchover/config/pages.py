"""Where the pages are: the section checked, so that no key of a person goes over a network in clear."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from switchover.domain.process import PagesAt

from .document import Document
from .sections.machine import PagesSection


def pages_of(document: Document, section: PagesSection) -> PagesAt:
    """The section as the domain knows it. Raises ConfigError."""
    if section.address is not None:
        _check_address(document, section.address)
    elif section.serve and not is_loopback(section.host):
        raise document.error(
            ("pages", "host"),
            got=f"{section.host}, which others can reach, and no pages.address",
            want="127.0.0.1; or the address of what speaks TLS in front, as pages.address: https://…",
        )
    return PagesAt(
        serve=section.serve,
        host=section.host,
        port=section.port,
        address=section.address.rstrip("/") if section.address is not None else None,
        note=section.note or "",
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_address(document: Document, address: str) -> None:
    at, want = ("pages", "address"), "https://NAME, or http:// to this machine, without a path"
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        raise document.error(at, got="no address", want=want) from None
    if parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment or not parts.hostname:
        raise document.error(at, got="an address with more than a name and a port", want=want)
    if parts.scheme != "https" and not is_loopback(parts.hostname):
        raise document.error(at, got="plain http, over which keys could be read", want=want)
