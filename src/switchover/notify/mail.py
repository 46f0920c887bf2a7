"""An alert as an e-mail: plain text, and headers that no name can break."""

from __future__ import annotations

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from switchover.domain.alert import BREAK, Alert, Mail
from switchover.egress.smtp import MailServer
from switchover.errors import Undelivered, UpstreamError

from .channel import CONNECT_S, SEND_S
from .wording import one_line

LONGEST_SUBJECT = 200


class MailChannel:
    """Sends by one mail server to everybody the channel is for, in one message."""

    def __init__(self, terms: Mail, server: MailServer) -> None:
        self._terms, self._server = terms, server

    async def send(self, alert: Alert, at: float) -> None:
        """See :class:`~switchover.notify.channel.Channel`."""
        try:
            await self._server.send(
                self._terms.sender, self._terms.to, message(alert, self._terms, at), connect_s=CONNECT_S, within=SEND_S
            )
        except UpstreamError as cause:
            raise Undelivered(str(cause)) from cause


def message(alert: Alert, terms: Mail, at: float) -> bytes:
    """The message. Its id is the same at each try, so that whoever gets it twice can tell."""
    made = EmailMessage(policy=SMTP)
    made["From"] = Address("Switchover", addr_spec=terms.sender)
    made["To"] = [Address(addr_spec=one) for one in terms.to]
    made["Subject"] = f"Switchover: {one_line(alert.headline, LONGEST_SUBJECT)}"
    made["Date"] = format_datetime(datetime.fromtimestamp(at, UTC))
    made["Message-ID"] = f"<{alert.id}@{terms.sender.rpartition('@')[2]}>"
    # So that no absence notice is sent in answer (RFC 3834, section 5).
    made["Auto-Submitted"] = "auto-generated"
    parts = [one_line(part, 1000) for part in alert.said.split(BREAK)]
    lines = [f"{part[:1].upper()}{part[1:]}." for part in parts]
    made.set_content("\n".join([*lines, "", f"Alert {alert.id}. All of them: switchover alerts", ""]))
    return made.as_bytes()
