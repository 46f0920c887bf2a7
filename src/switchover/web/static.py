"""Our own style sheet and script: all that a page ever fetches."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

KINDS = {
    "pages.css": "text/css; charset=utf-8",
    "placement.css": "text/css; charset=utf-8",
    "costs.css": "text/css; charset=utf-8",
    "dependence.css": "text/css; charset=utf-8",
    "report.css": "text/css; charset=utf-8",
    "label.js": "text/javascript; charset=utf-8",
    "ledgers.css": "text/css; charset=utf-8",
    "look-again.js": "text/javascript; charset=utf-8",
    "notices.css": "text/css; charset=utf-8",
    "now.css": "text/css; charset=utf-8",
    "now.js": "text/javascript; charset=utf-8",
    "mark.svg": "image/svg+xml",
}


async def show(request: Request) -> Response:
    """One of the files; under its digest it never changes, so it is kept."""
    name = request.path_params["name"]
    if name not in KINDS:
        return PlainTextResponse("There is no such file.\n", 404)
    kept = "private, max-age=31536000, immutable" if request.query_params.get("v") == _digest(name) else "no-cache"
    return Response(_content(name), media_type=KINDS[name], headers={"cache-control": kept})


def address_of(name: str) -> str:
    """Where a page fetches it."""
    return f"/static/{name}?v={_digest(name)}"


@cache
def _content(name: str) -> bytes:
    return resources.files("switchover.web").joinpath("assets", name).read_bytes()


@cache
def _digest(name: str) -> str:
    return hashlib.sha256(_content(name)).hexdigest()[:16]
