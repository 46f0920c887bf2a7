"""How upstreams elsewhere are reached: the section checked, with what it names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from switchover.domain.alert import Channels
from switchover.domain.process import Egress, UpstreamSpec

from .document import Document
from .secrets import absolute
from .sections.machine import EgressSection


def egress_of(
    document: Document,
    section: EgressSection,
    upstreams: Mapping[str, UpstreamSpec],
    channels: Channels,
    base: Path,
) -> Egress:
    """The section as the domain knows it. Raises ConfigError; never with a proxy's address, which may hold a login."""
    if section.proxy is not None:
        _check_proxy(document, section.proxy)
    elif section.proxy_login is not None or section.direct:
        name = "proxy_login" if section.proxy_login is not None else "direct"
        raise document.error(("egress", name), got="no proxy", want="the proxy it is about, as egress.proxy")
    hosts = {urlsplit(spec.base_url).hostname for spec in upstreams.values() if spec.base_url is not None}
    addresses = [one.url for one in channels.webhooks.values()]
    hosts |= {urlsplit(url).hostname for url in addresses}
    # Whose address stands elsewhere, nobody can tell yet.
    told = not any(url.startswith(("env:", "file:")) for url in addresses)
    for position, host in enumerate(section.direct):
        if host not in hosts and told:
            known = ", ".join(sorted(host for host in hosts if host)) or "none is configured"
            raise document.error(
                ("egress", "direct", position), got=host, want=f"the host of a base_url or a webhook ({known})"
            )
    tls_ca = None
    if section.tls_ca is not None:
        tls_ca = str((base / section.tls_ca).resolve())
        _check_bundle(document, section.tls_ca, tls_ca)
    return Egress(
        proxy=section.proxy, proxy_login=absolute(section.proxy_login, base), direct=section.direct, tls_ca=tls_ca
    )


def _check_proxy(document: Document, url: str) -> None:
    at, want = ("egress", "proxy"), "http://host:port or https://host:port; its login in egress.proxy_login"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # No cause: it holds the address.
        raise document.error(at, got="no address", want=want) from None
    if parts.username is not None or parts.password is not None:
        raise document.error(at, got="an address with a login in it", want=want)
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise document.error(at, got="another kind of address", want=want)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise document.error(at, got="an address with a path", want=want)


def _check_bundle(document: Document, given: str, path: str) -> None:
    # Loading TLS takes time, and most configurations name no bundle.
    from switchover.egress.tls import trusting

    at, want = ("egress", "tls_ca"), "a readable PEM file of certificate authorities"
    try:
        trusting(path)
    except OSError as cause:
        raise document.error(at, got=f"{given}: {cause.strerror}", want=want) from cause
    except ValueError as cause:
        raise document.error(at, got=f"{given}: {cause}", want=want) from cause
