"""What carries alerts out of here."""

from __future__ import annotations

from typing import Protocol

from switchover.domain.alert import Alert

# How long one delivery may take in all.
SEND_S = 20.0
CONNECT_S = 5.0


class Channel(Protocol):
    """Carries one alert at a time."""

    async def send(self, alert: Alert, at: float) -> None:
        """Sends it at a moment (Unix seconds). Raises Undelivered, within :data:`SEND_S`, where it may not be there."""
        ...
