"""One request for a page: who asks, what for, and what the answer is made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, quote, urlencode

from starlette.responses import HTMLResponse, RedirectResponse, Response

from switchover.access.roles import first_role, role_for
from switchover.domain.people import Actor
from switchover.domain.process import Process, Settings
from switchover.errors import Forbidden, NotFound
from switchover.evidence import events
from switchover.store import Store

from .rendering import page_of
from .session import Visitor
from .sources import Sources

MOST_FIELDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request that may be answered: the act of its page is one that the role of who asks allows.

    ``parts`` come from the path, ``asked`` from what follows it, ``form`` from a form's fields; ``peer`` is the
    address that asks.
    """

    sources: Sources
    settings: Settings
    store: Store
    visitor: Visitor
    path: str
    peer: str
    now: float
    parts: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        """Who asks. Raises Forbidden where that is nobody."""
        if self.visitor.actor is None:
            raise Forbidden("this asks who you are", mend="sign in")
        return self.visitor.actor

    @property
    def form_token(self) -> str:
        """For each form of the page."""
        return self.sources.sessions.form_token(self.visitor.cookie)

    def may(self, act: str, process: str | None) -> bool:
        """Whether who asks may do this to a process."""
        return role_for(self.actor, act, process) is not None

    def may_some(self, act: str) -> bool:
        """Whether who asks may do this to some process at least."""
        return self.visitor.actor is not None and first_role(self.visitor.actor, act) is not None

    def check(self, act: str, process: str | None) -> Actor:
        """Who asks, with the role that lets them. Raises Forbidden; that is noted."""
        role = role_for(self.actor, act, process)
        if role is None:
            raise self._refused(act, process)
        return replace(self.actor, role=role)

    def check_some(self, act: str) -> None:
        """Raises Forbidden for whoever may not do this to any process; that is noted."""
        if first_role(self.actor, act) is None:
            raise self._refused(act, None)

    def process(self) -> Process:
        """The process that the path names. Raises NotFound."""
        name = self.parts["process"]
        if name not in self.settings.processes:
            raise NotFound(f"there is no process {name!r}", mend="see the list of processes")
        return self.settings.processes[name]

    def number(self, name: str) -> int:
        """A number that is asked for; 0 where there is none."""
        given = self.asked.get(name, "")
        return int(given) if given.isascii() and given.isdecimal() and len(given) < 12 else 0

    def start(self, total: int) -> int:
        """From which place on a list of so many is asked for; its beginning for one that lies beyond its end."""
        given = self.number("from")
        return given if given < total else 0

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        """A page from its template."""
        return HTMLResponse(page_of(template, visit=self, **values), status)

    def see(self, path: str) -> Response:
        """Sends the browser to another page of ours."""
        return RedirectResponse(quote(path, safe="/:?=&#"), 303)

    def _refused(self, act: str, process: str | None) -> Forbidden:
        if self.actor.is_person:
            with self.sources.noting(self.settings, self.actor) as note:
                note(events.refused(act, process, self.actor.id))
        roles = ", ".join(sorted(self.actor.roles))
        of = f" of {process}" if process else ""
        return Forbidden(
            f"{self.actor.name!r} ({roles}) has not the right to: {act}{of}",
            mend="ask somebody whose role has it, or an admin",
        )


def in_address(text: str) -> str:
    """A text as a part of an address may have it."""
    return quote(text, safe="")


def in_query(text: str) -> str:
    """A text as what follows an address may have it, a path as it is."""
    return quote(text, safe="/:")


def address(path: str, asked: Mapping[str, str]) -> str:
    """A path of ours with what is asked there."""
    return f"{path}?{urlencode(dict(asked))}" if asked else path


def fields_of(text: bytes) -> dict[str, str]:
    """The fields of a form or of a query; of one that comes twice the last. Raises ValueError for too many.

    A form ends its lines with CR LF (HTML Standard, 4.10.21.7); what was typed has one character there.
    """
    found = parse_qsl(
        text.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="replace"
    )
    return {name: value.replace("\r\n", "\n") for name, value in found}
