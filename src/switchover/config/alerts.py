"""Where alerts go, as the configuration states it."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

from switchover.domain.alert import Channels, Mail, Webhook

from .document import Document
from .secrets import absolute
from .sections.alerts import AlertsSection, MailSection, WebhookSection

REFERENCE = ("env:", "file:")


def channels_of(document: Document, section: AlertsSection, base: Path) -> Channels:
    """The channels. Raises ConfigError; never with the address of a webhook, which may be a secret."""
    return Channels(
        webhooks={name: _webhook(document, name, one, base) for name, one in section.webhooks.items()},
        mails={name: _mail(document, name, one, base) for name, one in section.mail.items()},
    )


def check_address(url: str) -> str | None:
    """What is wrong with the address of a webhook, without showing it; None: nothing."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "no address"
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or not url.isascii()
        or not url.isprintable()
        or " " in url
    ):
        return "no address"
    if parts.username is not None or parts.password is not None:
        return "an address with a credential in it"
    if parts.scheme == "http" and not _is_here(parts.hostname):
        return "plain http to another machine"
    return None


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _webhook(document: Document, name: str, section: WebhookSection, base: Path) -> Webhook:
    wrong = None if section.url.startswith(REFERENCE) else check_address(section.url)
    if wrong is not None:
        want = "https://host/path, or env:NAME or file:PATH that holds it; plain http goes to this machine only"
        raise document.error(("alerts", "webhooks", name, "url"), got=wrong, want=want)
    return Webhook(
        url=absolute(section.url, base) or section.url, secret=absolute(section.secret, base) or section.secret
    )


def _mail(document: Document, name: str, section: MailSection, base: Path) -> Mail:
    if section.security == "none" and not _is_here(section.server):
        raise document.error(
            ("alerts", "mail", name, "security"),
            got=f"none for {section.server}",
            want="starttls or tls: only a mail server on this machine is spoken to in the clear",
        )
    return Mail(
        server=section.server, port=section.port, security=section.security, sender=section.from_, to=section.to,
        login=absolute(section.login, base),
    )  # fmt: skip
