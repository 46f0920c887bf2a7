"""AWS Signature Version 4 for S3, as object stores take it; pure. Source: AWS, "Authenticating Requests (SigV4)"."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from switchover.domain.secret import Secret

ALGORITHM = "AWS4-HMAC-SHA256"


def encoded(text: str, *, path: bool = False) -> str:
    """As S3 wants a path or a part of a query: all but letters, digits and ``-._~`` as %XX."""
    return quote(text, safe="/-._~" if path else "-._~")


def query_of(parameters: Mapping[str, str]) -> str:
    """A query as it is signed and sent: sorted by name."""
    return "&".join(f"{encoded(name)}={encoded(value)}" for name, value in sorted(parameters.items()))


def signed(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    key_id: str,
    secret: Secret,
    region: str,
    at: float,
) -> dict[str, str]:
    """The headers of a request with those that sign it; ``url`` is encoded already. ``host`` is signed, not given."""
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    sent = {name.lower(): value for name, value in headers.items()}
    sent |= {"x-amz-content-sha256": digest, "x-amz-date": moment}
    parts = urlsplit(url)
    all_of_them = sorted((sent | {"host": parts.netloc}).items())
    names = ";".join(name for name, _ in all_of_them)
    lines = "".join(f"{name}:{' '.join(value.split())}\n" for name, value in all_of_them)
    canonical = "\n".join((method, parts.path or "/", parts.query, lines, names, digest))
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    told = "\n".join((ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{secret.reveal()}".encode()
    for part in (moment[:8], region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, told.encode(), "sha256").hex()
    authorization = f"{ALGORITHM} Credential={key_id}/{scope},SignedHeaders={names},Signature={signature}"
    return sent | {"authorization": authorization}
