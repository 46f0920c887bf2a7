"""Time-stamps (RFC 3161) on checkpoints: the keeper or a command asks, the authority's certificate checks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from cryptography import x509

from switchover.domain.process import Settings
from switchover.egress import Client
from switchover.errors import OperatorError, UpstreamError
from switchover.evidence.timestamp import check_signature
from switchover.evidence.verify import Check
from switchover.log import Log, OncePerChange
from switchover.processes.stamping import ASK_S, LOOK_S, Ask, Stamping, take

from .evidence import log_of, sign
from .parts import CLOCK, outbound

MAX_ANSWER_BYTES = 65_536
HEADERS = {"content-type": "application/timestamp-query", "accept": "application/timestamp-reply"}


def asking(client: Client, url: str) -> Ask:
    """Asks the authority at an address. Its answer raises ValueError unless the status is 200."""

    async def ask(question: bytes) -> bytes | None:
        # The operator's own word: it may have a private address. Plain http but for loopback was refused with the file.
        answer = await client.request("POST", url, HEADERS, question, answer_timeout=ASK_S, local=True)
        if answer.status != 200:
            answer.close()
            raise ValueError(f"the authority answers with status {answer.status}")
        return await answer.whole(MAX_ANSWER_BYTES)

    return ask


async def follow(current: Callable[[], Settings], log: Log) -> None:
    """Has checkpoints time-stamped for as long as this runs, by the authority that is configured at the moment."""
    stamping, client = Stamping(log_of(current()), CLOCK, OncePerChange(log)), None
    while True:
        await CLOCK.sleep(LOOK_S)
        url = current().timestamp
        if url is not None:
            client = client or outbound(current())
            await stamping.look(asking(client, url))


def stamp_now(settings: Settings) -> tuple[int, float]:
    """Signs, and has that time-stamped: how many entries, and the moment. Raises OperatorError."""
    url = settings.timestamp
    if url is None:
        raise OperatorError("no time-stamp authority is configured", mend="name one under evidence.timestamp")
    signed = sign(settings)

    async def run() -> float:
        client = outbound(settings)
        try:
            return await take(log_of(settings), signed, asking(client, url))
        finally:
            await client.close()

    try:
        return signed.size, asyncio.run(run())
    except (UpstreamError, TimeoutError, ValueError) as cause:
        raise OperatorError(
            f"no time-stamp from {url}: {cause or type(cause).__name__}",
            mend="see that evidence.timestamp is an RFC 3161 authority that can be reached from here",
        ) from cause


def check_stamps(check: Check, certificates: Path) -> tuple[list[str], list[str]]:
    """What is wrong with the signatures of a log's time-stamps, and what can be said of them.

    Raises OperatorError when the certificates can't be read.
    """
    try:
        trusted = x509.load_pem_x509_certificates(certificates.read_bytes())
    except (OSError, ValueError) as cause:
        raise OperatorError(
            f"{certificates}: {cause}", mend="give a PEM file of the authority's certificates"
        ) from cause
    wrong: list[str] = []
    signers: dict[str, int] = {}
    for path, _ in check.stamps:
        try:
            name = check_signature(path.read_bytes(), trusted).subject.rfc4514_string()
            signers[name] = signers.get(name, 0) + 1
        except (OSError, ValueError) as error:
            wrong.append(f"{path.relative_to(check.folder)}: {error}")
    return wrong, [f"time-stamps signed by {name}: {count}" for name, count in signers.items()]
