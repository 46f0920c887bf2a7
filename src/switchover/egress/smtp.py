"""Mail out: one message to one configured server over TLS that is verified, within a time.

Plain text goes to this machine alone. The server's own words are not told on: they may quote whom a message was for.
"""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Literal

from switchover.domain.secret import Secret
from switchover.errors import AddressRefused, TooSlow, Unreachable, Untrusted, UpstreamError

from .addresses import is_loopback
from .tls import distrust, trusting

Security = Literal["starttls", "tls", "none"]


class MailServer:
    """A server of the configuration. ``tls()`` says whom to trust; ``login()`` gives ``user:password``, if it asks."""

    def __init__(
        self,
        host: str,
        port: int,
        security: Security,
        *,
        tls: Callable[[], ssl.SSLContext] = trusting,
        login: Callable[[], Secret] | None = None,
    ) -> None:
        if security == "none" and not is_loopback(host):
            raise AddressRefused(f"{host}: want TLS, or a mail server on this machine")
        self._host, self._port, self._security, self._tls, self._login = host, port, security, tls, login

    async def send(
        self, sender: str, to: Sequence[str], message: bytes, *, connect_s: float = 5.0, within: float = 20.0
    ) -> None:
        """Hands a message over for all of ``to``, or for nobody. Raises an UpstreamError, within so many seconds."""
        link = _Link(sender.rpartition("@")[2], connect_s)
        try:
            async with asyncio.timeout(within):
                await asyncio.to_thread(self._hand_over, link, sender, to, message)
        except TimeoutError:
            raise TooSlow(f"the mail server was not done within {within:.0f} s") from None
        finally:
            # Whoever drips its answers would hold on to the thread that reads them.
            link.cut()

    def _hand_over(self, link: _Link, sender: str, to: Sequence[str], message: bytes) -> None:
        try:
            link.open(self._host, self._port, self._tls() if self._security == "tls" else None)
            link.ehlo_or_helo_if_needed()
            if self._security == "starttls":
                link.starttls(context=self._tls())
                link.ehlo()
            if self._login is not None:
                user, _, password = self._login().reveal().partition(":")
                link.login(user, password)
            link.all_or_nobody(sender, to, message)
            with contextlib.suppress(smtplib.SMTPException, OSError):
                link.quit()
        except UpstreamError:
            raise
        except smtplib.SMTPException as cause:
            raise _said(cause) from None
        except ssl.SSLError as cause:
            raise Untrusted(f"the mail server's TLS: {distrust(cause)}") from cause
        except (OSError, ValueError) as cause:
            why = getattr(cause, "strerror", None) or "the connection broke"
            raise Unreachable(f"the mail server can't be reached: {why}") from cause


class _Link(smtplib.SMTP):
    """One conversation, which can be ended from outside while a thread waits in it."""

    def __init__(self, name: str, timeout: float) -> None:
        # As the sender's domain: our own name would have to be looked up, and is nobody's business.
        super().__init__(timeout=timeout, local_hostname=name)
        self._handle: socket.socket | None = None
        self._over = False

    def open(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        """Connects, with TLS from the first byte where a context is given, and hears the greeting."""
        plain = socket.create_connection((host, port), self.timeout)
        # Of its own: TLS takes the other one over.
        self._handle = plain.dup()
        if self._over:
            plain.close()
            raise ConnectionAbortedError
        self._host = host
        self.sock = context.wrap_socket(plain, server_hostname=host) if context is not None else plain
        code, _ = self.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, b"")

    def all_or_nobody(self, sender: str, to: Sequence[str], message: bytes) -> None:
        """One message for all; a recipient who is refused is a failure, so that nobody is left out unnoticed."""
        code, _ = self.mail(sender)
        if code != 250:
            raise Unreachable(f"the mail server refuses the sender ({code})")
        for one in to:
            code, _ = self.rcpt(one)
            if code not in (250, 251):
                raise Unreachable(f"the mail server refuses a recipient ({code})")
        code, _ = self.data(message)
        if code != 250:
            raise Unreachable(f"the mail server refuses the message ({code})")

    def cut(self) -> None:
        """Ends the connection, whoever waits on it."""
        self._over = True
        if self._handle is not None:
            with contextlib.suppress(OSError):
                self._handle.shutdown(socket.SHUT_RDWR)
            self._handle.close()
        self.close()


def _said(cause: smtplib.SMTPException) -> UpstreamError:
    """Our error for what a server answered, by its code alone."""
    if isinstance(cause, smtplib.SMTPNotSupportedError):
        return Untrusted("the mail server offers no STARTTLS, or no login that is known here")
    if isinstance(cause, smtplib.SMTPAuthenticationError):
        return Unreachable(f"the mail server refuses the login ({cause.smtp_code})")
    if isinstance(cause, smtplib.SMTPResponseException):
        return Unreachable(f"the mail server refuses ({cause.smtp_code})")
    return Unreachable("the mail server broke off")
