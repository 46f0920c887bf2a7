"""Which path is whose page, and whose right it takes. A path that is not listed does not exist."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from switchover.domain.people import Actor
from switchover.errors import Forbidden, NotFound, OperatorError, StoreUnavailable, SwitchoverError

from . import (
    assumptions,
    away,
    compare,
    configuration,
    costs,
    cut,
    dependence,
    drill,
    drilling,
    drills,
    evidence,
    exchange,
    label,
    lift,
    now,
    people,
    placement,
    portfolio,
    process,
    projection,
    report,
    sign_in,
    static,
    verdict,
)
from .peer import is_ours
from .rendering import bare_page
from .security import FORWARDED
from .session import TooMany
from .sources import Sources
from .visit import Visit, fields_of

# Two names: over TLS the browser keeps it to this very host.
COOKIES = {"http": "switchover", "https": "__Host-switchover"}
# Whoever comes, known or not.
OPEN = ""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """A page: where it is, the act of the table of rights (``access/roles.py``) that it takes, and who makes it.

    ``keeps`` names fields of its form that somebody who has to sign in again finds filled in afterwards.
    """

    path: str
    method: str
    act: str
    make: Callable[[Visit], Response]
    keeps: tuple[str, ...] = ()


PAGES: tuple[Page, ...] = (
    Page("/", "GET", "explain", now.show),
    Page("/cut", "GET", "explain", cut.show),
    Page("/cut", "POST", "cut", cut.take, keeps=cut.FIELDS),
    Page("/cut/lift", "GET", "explain", lift.show),
    Page("/cut/lift", "POST", "restore", lift.take),
    Page("/dependence", "GET", "report", dependence.show),
    Page("/dependence/{kind}/{name}", "GET", "report", dependence.show_node),
    Page("/processes", "GET", "verdicts", portfolio.show),
    Page("/processes/{process}", "GET", "verdicts", process.show),
    Page("/processes/{process}", "POST", "decide", placement.take),
    Page("/decisions", "GET", "placement", placement.show),
    Page("/verdicts/{verdict}", "GET", "verdicts", verdict.show),
    Page("/verdicts/{verdict}/cases/{exchange}", "GET", "exchanges show", verdict.show_case),
    Page("/compare/{process}", "GET", "verdicts", compare.show),
    Page("/costs", "GET", "costs", costs.show),
    Page("/costs/spent", "GET", "costs", costs.show_spent),
    Page("/costs/projection", "GET", "costs project", projection.show),
    Page("/costs/assumptions", "GET", "costs assumptions", assumptions.show),
    Page("/costs/assumptions/{assumption}", "GET", "costs assumptions", assumptions.show_one),
    Page("/costs/assumptions/{assumption}", "POST", "costs assume", assumptions.take),
    Page("/exchanges/{exchange}", "GET", "exchanges show", exchange.show),
    Page("/label/{process}/{candidate}", "GET", "label", label.show),
    Page("/label/{process}/{candidate}", "POST", "label", label.take),
    Page("/drills", "GET", "report", drills.show),
    Page("/drills", "POST", "drill", drilling.take),
    Page("/drills/{drill}", "GET", "report", drill.show),
    Page("/evidence", "GET", "evidence log", evidence.show),
    Page("/settings", "GET", "settings", configuration.show),
    Page("/settings/access", "GET", "access list", people.show),
    Page("/settings/approvals/{approval}/approve", "POST", "approve", people.approve),
    Page("/settings/approvals/{approval}/decline", "POST", "decline", people.decline),
    Page("/report", "GET", "report", report.show),
    Page("/report", "POST", "report issue", report.take),
    Page("/report/{report}", "GET", "report", report.show),
    Page("/report/{report}/page", "GET", "report save", report.save_page),
    Page("/report/{report}/pdf", "GET", "report save", report.save_pdf),
    Page("/sign-in", "GET", OPEN, sign_in.show),
    Page("/sign-in", "POST", OPEN, sign_in.take),
    Page("/sign-out", "POST", OPEN, sign_in.leave),
)


def application(sources: Sources, scheme: str) -> Starlette:
    """The pages as an ASGI application; ``scheme`` is what browsers reach them by."""
    cookie = COOKIES[scheme]
    routes = [
        Route(page.path, partial(_answer, sources, page, cookie, scheme), methods=[page.method]) for page in PAGES
    ]
    routes.append(Route("/static/{name}", static.show, methods=["GET"]))
    routes.append(Route("/livez", _alive, methods=["GET"]))
    return Starlette(routes=routes, exception_handlers={HTTPException: _nowhere})


async def _alive(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _nowhere(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    what = "There is no such page." if status == 404 else "This page does not take that."
    return bare_page(status, what, "Go back to the first page.")


async def _answer(sources: Sources, page: Page, cookie: str, scheme: str, request: Request) -> Response:
    """One page for one request; off the loop, as a page asks the store."""
    body = await request.body()
    return await run_in_threadpool(_made, sources, page, cookie, scheme, request, body)


def _made(sources: Sources, page: Page, cookie: str, scheme: str, request: Request, body: bytes) -> Response:
    try:
        form, asked = fields_of(body), fields_of(request.scope["query_string"])
    except ValueError:
        return bare_page(400, "These are more fields than any form here has.", "Open the page anew.")
    settings = sources.settings()
    try:
        store = sources.store()
        # A page that asks again by itself is nobody who comes: it keeps no session alive.
        came = asked.get("part") != now.LIVE
        local = partial(_local, sources, request)
        visitor = sources.sessions.visitor(store, request.cookies.get(cookie), local, came=came)
    except StoreUnavailable as error:
        return away.show(sources, settings, error)
    visit = Visit(
        sources=sources,
        settings=settings,
        store=store,
        visitor=visitor,
        path=request.scope["path"],
        peer=request.client.host if request.client is not None else "",
        now=sources.clock.now(),
        parts=request.path_params,
        asked=asked,
        form=form,
    )
    reply = _page(page, visit)
    own = visitor.cookie if visitor.is_new else None
    chosen = reply.cookie if isinstance(reply, sign_in.SignedIn | sign_in.GoneOn) else own
    if chosen is not None:
        reply.set_cookie(cookie, chosen, path="/", secure=scheme == "https", httponly=True, samesite="strict")
    return reply


def _page(page: Page, visit: Visit) -> Response:
    try:
        if page.method == "POST" and not visit.sources.sessions.is_form_of(
            visit.visitor.cookie, visit.form.get("token", "")
        ):
            return bare_page(
                403, "This form was not opened here, or long ago.", "Open the page anew, and send it again."
            )
        if page.act != OPEN:
            if visit.visitor.actor is None:
                return sign_in.ask(visit, {name: visit.form[name] for name in page.keeps if name in visit.form})
            visit.check_some(page.act)
        return page.make(visit)
    except StoreUnavailable as error:
        return away.show(visit.sources, visit.settings, error)
    except SwitchoverError as error:
        return _trouble(error)
    except Exception:
        log.exception("a page failed")
        return bare_page(500, "This page failed.", "The log of `switchover up` says why; what it shows is unharmed.")


def _trouble(error: SwitchoverError) -> Response:
    """What went wrong and how to mend it, as the command line says it."""
    kinds = ((TooMany, 429), (Forbidden, 403), (NotFound, 404), (OperatorError, 409))
    status = next((code for kind, code in kinds if isinstance(error, kind)), 400)
    what, _, _ = str(error).partition("\n")
    return bare_page(status, f"{what[:1].upper()}{what[1:]}.", getattr(error, "mend", ""))


def _local(sources: Sources, request: Request) -> Actor | None:
    """The machine's user, where it is theirs: straight from a program of theirs, through nobody else's hands."""
    at = sources.settings().pages
    if at.address is not None or any(name in request.headers for name in FORWARDED):
        return None
    peer, own = request.scope["client"], request.scope["server"]
    return sources.local() if is_ours(peer, own) else None
