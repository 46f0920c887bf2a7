"""An object store that speaks S3, through our own client: the configured endpoint is called and nothing else."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from switchover.clock import Clock
from switchover.domain.secret import Secret
from switchover.errors import StoreUnavailable, UpstreamError

from .client import Client
from .signing import encoded, query_of, signed

# The largest answer that is read: a part is well below, and the client itself takes no more.
MOST_BYTES = 64 << 20
ANSWER_S = 120.0
# Of a listing. What comes from elsewhere is searched, not parsed: no entity or nesting is ever expanded.
KEY, NEXT = (re.compile(f"<{name}>([^<]*)</{name}>") for name in ("Key", "NextContinuationToken"))
CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")
MENDS = {
    301: "name the bucket's own region and endpoint",
    307: "name the bucket's own region and endpoint",
    403: "see that archive.key may read, write, list and delete there, and that the clock is right",
    404: "make the bucket, or correct its name under archive.to",
}


class Bucket:
    """Files under a prefix of a bucket; a :class:`~switchover.store.archive.target.Target`.

    ``client`` makes the client when there is something to ask, in an event loop of its own. ``key`` gives ``ID:SECRET``
    at each request, so that a key that was renewed is taken up. Use from one thread at a time.
    """

    def __init__(
        self,
        endpoint: str,
        bucket: str,
        prefix: str,
        *,
        region: str,
        key: Callable[[], Secret],
        client: Callable[[], Client],
        clock: Clock,
    ) -> None:
        self.root = f"{endpoint}/{encoded(bucket)}"
        self.prefix = f"{prefix}/" if prefix else ""
        self.where = f"s3://{bucket}/{prefix}"
        self._region, self._key, self._make, self._clock = region, key, client, clock

    def put(self, path: str, data: bytes) -> None:
        """Writes a file: whole, or not at all."""
        self._ask("PUT", path, body=data)

    def get(self, path: str) -> bytes | None:
        """A file, or None when there is none."""
        return self._ask("GET", path, none=(404,))

    def remove(self, path: str) -> None:
        """Removes a file; one that is not there is removed already."""
        self._ask("DELETE", path, none=(404,))

    def paths(self) -> list[str]:
        """Every file under the prefix, sorted."""
        found: list[str] = []
        token = ""
        while True:
            query = {"list-type": "2", "prefix": self.prefix} | ({"continuation-token": token} if token else {})
            told = (self._ask("GET", None, query=query) or b"").decode("utf-8", "replace")
            found += [html.unescape(key) for key in KEY.findall(told)]
            following = NEXT.search(told)
            if following is None:
                return sorted(key[len(self.prefix) :] for key in found if key.startswith(self.prefix))
            token = html.unescape(following[1])

    def _ask(
        self,
        method: str,
        path: str | None,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        none: tuple[int, ...] = (),
    ) -> bytes | None:
        """The body of a 2xx; None for a status in ``none``. Raises StoreUnavailable for anything else."""
        url = self.root if path is None else f"{self.root}/{encoded(self.prefix + path, path=True)}"
        if query:
            url += f"?{query_of(query)}"
        try:
            status, data = asyncio.run(self._send(method, url, body))
        except UpstreamError as cause:
            raise StoreUnavailable(
                f"the archive at {self.where} can't be reached: {cause}",
                mend="see that archive.endpoint is right and up",
            ) from cause
        if status in none:
            return None
        if not 200 <= status < 300:
            code = CODE.search(data or b"")
            said = f" {code[1].decode()}" if code else ""
            raise StoreUnavailable(
                f"the archive at {self.where} answered {method} with {status}{said}",
                mend=MENDS.get(status, "see what the object store's own log says"),
            )
        if data is None:
            raise StoreUnavailable(
                f"the archive at {self.where} sent more than {MOST_BYTES} bytes",
                mend="see what lies there: no file that we wrote is so large",
            )
        return data

    async def _send(self, method: str, url: str, body: bytes) -> tuple[int, bytes | None]:
        key_id, _, secret = self._key().reveal().partition(":")
        sent = signed(
            method,
            url,
            {},
            body,
            key_id=key_id,
            secret=Secret(secret),
            region=self._region,
            at=self._clock.now(),
        )
        client = self._make()
        try:
            answer = await client.request(method, url, sent, body, connect_timeout=10.0, answer_timeout=ANSWER_S)
            return answer.status, await answer.whole(MOST_BYTES)
        finally:
            await client.close()


def origin(url: str) -> str:
    """Scheme, host and port of an address: what a client may be bound to."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
