"""What people are told of before it is too late, and by which channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

WEBHOOK, MAIL = "webhook", "mail"
# Between the headline of what an alert says and the rest; no name has it.
BREAK = "; "


class AlertKind(StrEnum):
    """What it is that people are told of."""

    REACHED = "budget-reached"
    WILL_NOT_LAST = "budget-will-not-last"
    INVOICE = "invoice-differs"
    NO_PRICE = "price-missing"
    TRY_OUT = "try-out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something people are told of once: kind, what it is about, period, ``amount`` and ``percent`` make it that.

    ``about`` is a budget (``process:claims``), a provider or an upstream. ``amount`` is the cap, or what an invoice
    bills; with ``settled`` and ``unknown`` in micro-USD. ``percent`` of the cap was reached (0: no mark). ``ends_at``:
    when a budget is used up at this rate. ``said`` begins with a headline; it holds no body, key or personal data.
    """

    id: str
    kind: AlertKind
    about: str
    period: str
    at: float
    said: str
    amount: int = 0
    percent: int = 0
    settled: int = 0
    unknown: int = 0
    ends_at: float | None = None

    @property
    def headline(self) -> str:
        """What it says in a few words."""
        return self.said.partition(BREAK)[0]


class DeliveryState(StrEnum):
    """Where the delivery of an alert to one channel stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An alert's way to one channel. ``trouble`` is what kept it from it the last time, "" where nothing did."""

    alert: str
    channel: str
    state: DeliveryState
    tries: int
    not_before: float
    done_at: float | None
    trouble: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An address that takes alerts as JSON. ``url`` may be a reference, as ``secret`` is."""

    url: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail server and whom it is to reach. ``login`` is a reference to ``user:password``; None: it asks for none."""

    server: str
    port: int
    security: Literal["starttls", "tls", "none"]
    sender: str
    to: tuple[str, ...]
    login: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """Where alerts go, beside the log."""

    webhooks: Mapping[str, Webhook] = field(default_factory=dict)
    mails: Mapping[str, Mail] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Every channel: ``webhook:NAME``, ``mail:NAME``."""
        return (*(f"{WEBHOOK}:{name}" for name in self.webhooks), *(f"{MAIL}:{name}" for name in self.mails))
