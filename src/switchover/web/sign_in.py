"""Signing in with a person's key, and out again."""

from __future__ import annotations

import re

from starlette.responses import RedirectResponse, Response

from switchover.domain.secret import Secret
from switchover.errors import Forbidden
from switchover.evidence import events
from switchover.store.people import anybody

from .session import TooMany
from .visit import Visit

# Where to go on: a page of ours, by its path.
ONWARD = re.compile(r"/(?:[A-Za-z0-9_][A-Za-z0-9._:/-]*)?(?:\?[A-Za-z0-9._:=&-]*)?")
MOST_KEY = 128


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


def ask(visit: Visit) -> Response:
    """In the place of a page that asks who comes: the form, and from there back to the page."""
    return visit.see(f"/sign-in?next={_onward(visit.path)}")


def take(visit: Visit) -> Response:
    """Takes a key."""
    onward = _onward(visit.form.get("next", "/"))
    peer = visit.peer
    try:
        actor, cookie = visit.sources.sessions.sign_in(visit.store, Secret(visit.form.get("key", "").strip()), peer)
    except TooMany as error:
        return _form(visit, onward, 429, str(error).partition("\n")[0])
    except Forbidden:
        return _form(visit, onward, 403, "This key is nobody's: it is unknown, expired or revoked.")
    if visit.visitor.signed_in:
        visit.sources.sessions.sign_out(visit.store, visit.visitor.cookie)
    with visit.sources.noting(visit.settings, actor) as note:
        note(events.signed_in())
    return SignedIn(onward, cookie)


def leave(visit: Visit) -> Response:
    """Signs out."""
    if visit.visitor.signed_in:
        visit.sources.sessions.sign_out(visit.store, visit.visitor.cookie)
    return visit.see("/sign-in")


def _form(visit: Visit, onward: str, status: int = 200, wrong: str = "") -> Response:
    return visit.page("sign_in.html", status, onward=onward, wrong=wrong, nobody=not anybody(visit.store))


def _onward(path: str) -> str:
    return path if ONWARD.fullmatch(path) and not path.startswith("//") else "/"
