"""An object store on loopback that speaks as much of S3 as an archive needs, and takes only what is signed right.

It checks signatures by its own reading of AWS's rules; a test holds it against AWS's own client, as pyarrow bundles it.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

KEY_ID, SECRET, REGION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "eu-west-1"


class ObjectStore:
    """What it holds (``files``: path → bytes, bucket first), what it was asked, and what it is to answer instead."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        # Statuses to answer with before anything else, first come.
        self.instead: list[int] = []
        # Files in one listing.
        self.page = 1000
        self.url = ""


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Serves one until the end of the block."""
    store = ObjectStore()

    class Handler(_Handler):
        held = store

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    store.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    held: ObjectStore
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = urlsplit(self.path)
        path, query = unquote(parts.path).lstrip("/"), dict(parse_qsl(parts.query, keep_blank_values=True))
        self.held.asked.append((self.command, self.path))
        if self.held.instead:
            self._answer(self.held.instead.pop(0), b"<Error><Code>SlowDown</Code></Error>")
        elif not self._is_signed(parts.path, parts.query, body):
            self._answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        elif self.command == "PUT":
            self.held.files[path] = body
            self._answer(200, b"")
        elif self.command == "DELETE":
            self.held.files.pop(path, None)
            self._answer(204, b"")
        elif "list-type" in query:
            self._list(path, query)
        elif path in self.held.files:
            self._send_file(self.held.files[path])
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    do_PUT = do_GET = do_DELETE = do_HEAD = _serve  # names that http.server looks for

    def _list(self, bucket: str, query: dict[str, str]) -> None:
        names = sorted(name.partition("/")[2] for name in self.held.files if name.startswith(f"{bucket.rstrip('/')}/"))
        wanted = [name for name in names if name.startswith(query.get("prefix", ""))]
        rest = [name for name in wanted if name > query.get("continuation-token", "")]
        page = rest[: self.held.page]
        more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if len(rest) > len(page) else ""
        rows = "".join(
            f"<Contents><Key>{escape(name)}</Key><Size>{len(self.held.files[f'{bucket}/{name}'])}</Size></Contents>"
            for name in page
        )
        told = f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{more}{rows}"
        self._answer(200, f"<ListBucketResult>{told}</ListBucketResult>".encode())

    def _send_file(self, data: bytes) -> None:
        """The file, or the part of it that is asked for ("bytes=0-9")."""
        first, dash, last = self.headers.get("range", "").removeprefix("bytes=").partition("-")
        if not dash:
            self._answer(200, data)
            return
        begin, end = int(first), min(int(last), len(data) - 1)
        self._answer(206, data[begin : end + 1], f"bytes {begin}-{end}/{len(data)}")

    def _answer(self, status: int, body: bytes, part: str = "") -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        if part:
            self.send_header("content-range", part)
        self.send_header("last-modified", "Wed, 25 Nov 2026 00:00:00 GMT")
        self.send_header("etag", f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _is_signed(self, path: str, query: str, body: bytes) -> bool:
        """AWS, "Create a signed AWS API request": canonical request, string to sign, key, signature."""
        told = self.headers.get("authorization", "")
        if not told.startswith("AWS4-HMAC-SHA256 "):
            return False
        fields = dict(part.strip().partition("=")[::2] for part in told[17:].split(","))
        scope = fields["Credential"].split("/")
        if scope[0] != KEY_ID or scope[2:] != [REGION, "s3", "aws4_request"]:
            return False
        digest = self.headers["x-amz-content-sha256"]
        if digest != "UNSIGNED-PAYLOAD" and digest != hashlib.sha256(body).hexdigest():
            return False
        names = fields["SignedHeaders"].split(";")
        if "host" not in names:
            return False
        pairs = sorted(tuple(part.partition("=")[::2]) for part in query.split("&")) if query else []
        canonical = [self.command, quote(unquote(path), safe="/-._~"), "&".join(f"{a}={b}" for a, b in pairs)]
        canonical += [f"{name}:{' '.join(self.headers[name].split())}" for name in names]
        text = "\n".join([*canonical, "", fields["SignedHeaders"], digest])
        date = self.headers["x-amz-date"]
        signing = "\n".join(["AWS4-HMAC-SHA256", date, "/".join(scope[1:]), hashlib.sha256(text.encode()).hexdigest()])
        key = ("AWS4" + SECRET).encode()
        for part in scope[1:]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return hmac.compare_digest(hmac.new(key, signing.encode(), hashlib.sha256).hexdigest(), fields["Signature"])
