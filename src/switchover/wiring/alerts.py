"""Alerts put together: the channels of the configuration, who sends by them, and what became of each."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from switchover.config.alerts import REFERENCE, check_address
from switchover.domain.alert import WEBHOOK, Alert, Delivery, DeliveryState
from switchover.domain.budget import BudgetStanding, dollars
from switchover.domain.people import Actor
from switchover.domain.process import Settings
from switchover.egress.s3 import origin
from switchover.egress.smtp import MailServer
from switchover.egress.tls import trusting
from switchover.errors import NotFound, SwitchoverError, Undelivered
from switchover.log import Log
from switchover.notify import wording
from switchover.notify.channel import Channel
from switchover.notify.mail import MailChannel
from switchover.notify.webhook import WebhookChannel
from switchover.processes.delivering import Delivering
from switchover.store.alerts import alerts_of, newest_alerts

from . import access
from .parts import CLOCK, database, has_store, open_store, outbound, read_key, read_login

SHOWN = 20


async def send(settings: Settings, name: str, alert: Alert) -> None:
    """Sends an alert by a channel, whose secrets are read now. Raises Undelivered, ConfigError."""
    if name.startswith(f"{WEBHOOK}:"):
        await _post(settings, name, alert)
    else:
        await _mail(settings, name).send(alert, CLOCK.now())


async def _post(settings: Settings, name: str, alert: Alert) -> None:
    terms = settings.alerts.webhooks[name.partition(":")[2]]
    url = terms.url
    if url.startswith(REFERENCE):
        url = read_key(settings, url).reveal()
        wrong = check_address(url)
        if wrong is not None:
            raise Undelivered(f"{wrong} at {terms.url}")
    client = outbound(settings, allow=(origin(url),))
    try:
        await WebhookChannel(url, read_key(settings, terms.secret), client).send(alert, CLOCK.now())
    finally:
        await client.close()


def _mail(settings: Settings, name: str) -> Channel:
    terms = settings.alerts.mails[name.partition(":")[2]]
    login = None
    if terms.login is not None:
        at = f"alerts.mail.{name.partition(':')[2]}.login"
        login = functools.partial(read_login, settings, terms.login, at)
    # Loaded when it is needed: a bundle that was renewed is taken up.
    tls = functools.partial(trusting, settings.egress.tls_ca)
    return MailChannel(terms, MailServer(terms.server, terms.port, terms.security, tls=tls, login=login))


def delivering(current: Callable[[], Settings], log: Log) -> Delivering:
    """Who brings alerts to their channels, beside the keeper."""
    return Delivering(current, clock=CLOCK, log=log, send=send, open_store=database)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What became of a try-out on one channel; ``trouble`` "": it arrived."""

    channel: str
    trouble: str


def try_out(settings: Settings, actor: Actor | None) -> list[Tried]:
    """Sends a try-out by every channel at once. Raises Forbidden, NotFound where there is no channel."""
    access.check(settings, actor, "alerts test", None)
    names = settings.alerts.names
    if not names:
        raise NotFound(
            "alerts go to the log alone", mend="name a webhook or a mail server under alerts:; see the how-to page"
        )
    alert = wording.try_out(CLOCK.now())

    async def by(name: str) -> Tried:
        try:
            await send(settings, name, alert)
        except SwitchoverError as error:
            return Tried(channel=name, trouble=str(error).partition("\n")[0])
        return Tried(channel=name, trouble="")

    async def run() -> list[Tried]:
        return list(await asyncio.gather(*map(by, names)))

    return asyncio.run(run())


def newest(settings: Settings, most: int = SHOWN) -> Sequence[tuple[Alert, list[Delivery]]]:
    """The last alerts, the newest first, each with its deliveries."""
    with open_store(settings) as store:
        return newest_alerts(store, most)


def of_budgets(settings: Settings, found: Sequence[BudgetStanding]) -> dict[tuple[str, str], list[str]]:
    """What people were told of these budgets in the periods that are now, in words, by budget and period's name."""
    if not found or not has_store(settings):
        return {}
    with open_store(settings) as store:
        raised = alerts_of(store, sorted({one.name for one in found}))
    told: dict[tuple[str, str], list[str]] = {}
    for alert, ways in reversed(raised):
        late = [way for way in ways if way.state is not DeliveryState.DELIVERED]
        what = f"{alert.percent} %" if alert.percent else "that it will not last"
        state = f"; not delivered by {', '.join(way.channel for way in late)} yet" if late else ""
        line = f"alert at {what} of {dollars(alert.amount)}, {wording.moment(alert.at)}{state}"
        told.setdefault((alert.about, alert.period), []).append(line)
    return told
