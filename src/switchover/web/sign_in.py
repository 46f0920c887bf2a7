"""Signing in with a person's key, and out again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from starlette.responses import HTMLResponse, RedirectResponse, Response

from switchover.domain.people import Actor
from switchover.domain.secret import Secret
from switchover.errors import Forbidden
from switchover.evidence import events
from switchover.store.people import anybody

from .rendering import page_of
from .session import TooMany, Visitor
from .visit import Visit, in_query

# Where to go on: a page of ours, by its path.
ONWARD = re.compile(r"/(?:[A-Za-z0-9_][A-Za-z0-9._:/-]*)?(?:\?[A-Za-z0-9._:=&-]*)?")
MOST_KEY = 128


# Fields of a form that was sent too late travel through the sign-in under their names with this before them.
KEPT = "kept-"
LAPSED = "Your session has ended, and nothing was done. Sign in, and you find the form as you filled it in."


class GoneOn(HTMLResponse):
    """A page for somebody who is known by another cookie from here on."""

    def __init__(self, page: str, cookie: str) -> None:
        super().__init__(page)
        self.cookie = cookie


class SignedIn(RedirectResponse):
    """Onward, known by another cookie from here on."""

    def __init__(self, path: str, cookie: str) -> None:
        super().__init__(path, 303)
        self.cookie = cookie


def show(visit: Visit) -> Response:
    """The form; whoever is known already goes on."""
    if visit.visitor.actor is not None:
        return visit.see(_onward(visit.asked.get("next", "/")))
    return _form(visit, _onward(visit.asked.get("next", "/")))


def ask(visit: Visit, kept: Mapping[str, str]) -> Response:
    """In the place of a page that asks who comes: the form, and from there back to the page.

    What was ``kept`` of a form that was sent too late goes with it, and is never acted upon unseen.
    """
    if kept:
        return _form(visit, _onward(visit.path), 401, LAPSED, kept)
    asked = "&".join(f"{name}={value}" for name, value in visit.asked.items())
    onward = _onward(f"{visit.path}?{asked}" if asked else visit.path)
    return RedirectResponse(f"/sign-in?next={in_query(onward)}", 303)


def take(visit: Visit) -> Response:
    """Takes a key."""
    onward = _onward(visit.form.get("next", "/"))
    peer = visit.peer
    kept = {name.removeprefix(KEPT): value for name, value in visit.form.items() if name.startswith(KEPT)}
    try:
        actor, cookie = visit.sources.sessions.sign_in(visit.store, Secret(visit.form.get("key", "").strip()), peer)
    except TooMany as error:
        return _form(visit, onward, 429, str(error).partition("\n")[0], kept)
    except Forbidden:
        return _form(visit, onward, 403, "This key is nobody's: it is unknown, expired or revoked.", kept)
    if visit.visitor.signed_in:
        visit.sources.sessions.sign_out(visit.store, visit.visitor.cookie)
    with visit.sources.noting(visit.settings, actor) as note:
        note(events.signed_in())
    if kept:
        return GoneOn(_resumed(visit, actor, cookie, onward, kept), cookie)
    return SignedIn(onward, cookie)


def _resumed(visit: Visit, actor: Actor, cookie: str, onward: str, kept: Mapping[str, str]) -> str:
    """The page from which somebody goes on with the form that they had filled in."""
    visitor = Visitor(actor, cookie, is_new=False, signed_in=True)
    return page_of("resume.html", visit=replace(visit, visitor=visitor), onward=onward, kept=kept)


def leave(visit: Visit) -> Response:
    """Signs out."""
    if visit.visitor.signed_in:
        visit.sources.sessions.sign_out(visit.store, visit.visitor.cookie)
    return visit.see("/sign-in")


def _form(
    visit: Visit, onward: str, status: int = 200, wrong: str = "", kept: Mapping[str, str] | None = None
) -> Response:
    told = {"onward": onward, "wrong": wrong, "kept": kept or {}, "prefix": KEPT, "nobody": not anybody(visit.store)}
    return visit.page("sign_in.html", status, **told)


def _onward(path: str) -> str:
    """The page to go on to: without what it is asked where that is not plain, and the first one in place of no page."""
    page = path.partition("?")[0]
    found = next((one for one in (path, page) if ONWARD.fullmatch(one)), "/")
    return "/" if found.startswith("//") else found
