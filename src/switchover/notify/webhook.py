"""A webhook: JSON by POST, signed so that a receiver can tell that it is ours and of the moment.

Signed as Standard Webhooks has it (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md), so that
its libraries verify it: ``webhook-id`` is the same at each try.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac

import msgspec

from switchover.domain.alert import Alert
from switchover.domain.budget import USD
from switchover.domain.secret import Secret
from switchover.egress import Client
from switchover.errors import Undelivered, UpstreamError

from .channel import CONNECT_S, SEND_S

# A secret that begins so is base64, as the standard writes it; any other counts as it stands.
ENCODED = "whsec_"


class WebhookChannel:
    """Sends to one address with a client that may call no other."""

    def __init__(self, url: str, secret: Secret, client: Client) -> None:
        self._url, self._secret, self._client = url, secret, client

    async def send(self, alert: Alert, at: float) -> None:
        """See :class:`~switchover.notify.channel.Channel`. No redirect is followed; what is answered is not read."""
        body = payload(alert)
        headers = {"content-type": "application/json", **signature(self._secret, alert.id, int(at), body)}
        # The operator's own word: it may have a private address, but plain http goes to this machine alone.
        near = self._url.startswith("https://")
        try:
            async with asyncio.timeout(SEND_S):
                answer = await self._client.request(
                    "POST", self._url, headers, body, connect_timeout=CONNECT_S, answer_timeout=SEND_S, local=near
                )
                status = answer.status
                answer.close()
        except TimeoutError:
            raise Undelivered(f"no answer within {SEND_S:.0f} s") from None
        except UpstreamError as cause:
            # No cause and no words of it: an address may be a secret itself.
            raise Undelivered(f"not reached: {cause.fault}") from None
        if not 200 <= status < 300:
            raise Undelivered(f"answered with status {status}")


def payload(alert: Alert) -> bytes:
    """An alert as receivers get it; amounts in USD as text, so that no digit is lost."""
    told = {
        "id": alert.id,
        "kind": alert.kind.value,
        "about": alert.about,
        "period": alert.period or None,
        "percent": alert.percent or None,
        "at": alert.at,
        "ends_at": alert.ends_at,
        "amount_usd": _usd(alert.amount) if alert.amount else None,
        "settled_usd": _usd(alert.settled) if alert.amount else None,
        "unknown_usd": _usd(alert.unknown) if alert.unknown else None,
        "headline": alert.headline,
        "text": alert.said,
    }
    return msgspec.json.encode({name: value for name, value in told.items() if value is not None})


def signature(secret: Secret, name: str, at: int, body: bytes) -> dict[str, str]:
    """The headers that sign a body; ``at`` is in whole Unix seconds."""
    signed = hmac.digest(_key(secret), f"{name}.{at}.".encode() + body, "sha256")
    return {
        "webhook-id": name,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }


def _key(secret: Secret) -> bytes:
    text = secret.reveal()
    if not text.startswith(ENCODED):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(ENCODED), validate=True)
    except binascii.Error:
        raise Undelivered(f"the secret begins with {ENCODED} and is no base64") from None


def _usd(micro: int) -> str:
    sign, micro = ("-" if micro < 0 else ""), abs(micro)
    return f"{sign}{micro // USD}.{micro % USD:06d}"
