"""Where alerts go."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..values import (
    HOST,
    MAIL_ADDRESS,
    NAME,
    URL_OR_REFERENCE,
    KeyReference,
)
from .base import Section


class WebhookSection(Section):
    """An address that takes alerts as signed JSON by POST."""

    url: str = Field(
        pattern=URL_OR_REFERENCE,
        description="The address, https, or plain http to this machine. One that is a secret itself stands elsewhere: "
        "`env:NAME` or `file:PATH`.",
    )
    secret: KeyReference = Field(
        description="`env:NAME` or `file:PATH` that holds what requests are signed with (HMAC-SHA256 as Standard "
        "Webhooks has it), never itself."
    )


class MailSection(Section):
    """A mail server, and whom it is to reach. Its certificate is always verified."""

    server: str = Field(pattern=HOST, description="The server's name, such as `smtp.example.net`.")
    port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="`starttls` goes over to TLS before anything is said, `tls` speaks it from the first byte (port "
        "465); `none` is for a server on this machine alone.",
    )
    login: KeyReference | None = Field(
        default=None, description="`env:NAME` or `file:PATH` that holds `user:password`, where the server asks for it."
    )
    from_: str = Field(alias="from", pattern=MAIL_ADDRESS, description="Whom alerts come from.")
    to: tuple[Annotated[str, Field(pattern=MAIL_ADDRESS)], ...] = Field(min_length=1, description="Whom they go to.")


class AlertsSection(Section):
    """Where alerts go, beside the log."""

    webhooks: dict[Annotated[str, Field(pattern=NAME)], WebhookSection] = Field(
        default_factory=dict, description="Addresses that take them as JSON."
    )
    mail: dict[Annotated[str, Field(pattern=NAME)], MailSection] = Field(
        default_factory=dict, description="Mail servers, and whom they are to reach."
    )
