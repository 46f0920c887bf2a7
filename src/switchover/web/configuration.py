"""The configuration as it was read: what is in force, what was refused and where, and what a doctor finds."""

from __future__ import annotations

import re

from markupsafe import Markup
from starlette.responses import Response

from switchover.config.showing import Shown, masked
from switchover.domain.personal import KINDS, Privacy
from switchover.errors import ConfigError, NotFound
from switchover.privacy.detect import Patterns

from .visit import Visit

HIDDEN = "***"
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
# Of a section that holds more by name than this, the names alone are shown; each has a page of its own.
MOST_WHOLE = 12
# Looks for keys alone: a configuration may name people and places.
KEYS = Patterns(Privacy(without=tuple(kind for kind in KINDS if kind != "key")))


def got_of(refused: ConfigError) -> str:
    """What stands where a file is wrong, without what may be secret of it."""
    return hidden(masked(refused.got))


def show(visit: Visit) -> Response:
    """The whole file as far as it says something, or one section of it with its defaults."""
    found = visit.sources.in_force()
    wanted = visit.asked.get("of", "")
    part = found.settings.find(wanted)
    if part is None:
        raise NotFound(f"there is no setting {wanted!r}", mend="see all settings")
    refused = found.refused
    return visit.page(
        "configuration.html",
        found=found,
        refused=refused,
        refused_got=got_of(refused) if refused is not None else "",
        part=part,
        whole=not wanted,
        most=MOST_WHOLE,
        hidden=hidden,
        described=described,
        trail=list(_trail(found.settings, wanted)),
        findings=[(one, *_apart(one.said)) for one in visit.sources.examined(visit.settings)] if not wanted else [],
    )


def hidden(text: str) -> str:
    """A text without keys in it, should somebody have written one where none belongs."""
    shown, at = [], 0
    for one in KEYS.find(text):
        shown += [text[at : one.start], HIDDEN]
        at = one.end
    return "".join((*shown, text[at:]))


def described(text: str) -> Markup:
    """A description as the reference has it, its code as code and its links as their words."""
    parts = LINK.sub(r"\1", text).split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part for place, part in enumerate(parts)
    )


def _trail(settings: Shown, wanted: str) -> list[Shown]:
    """The sections above the one that is wanted, which has a path of names and dots."""
    parts = wanted.split(".")
    above = (settings.find(".".join(parts[:length])) for length in range(1, len(parts)))
    return [one for one in above if one is not None]


def _apart(said: str) -> tuple[str, str]:
    """What was found, and how to mend it where that is said apart."""
    what, _, mend = said.partition("\n")
    return hidden(masked(what)), mend.strip().removeprefix("To mend it: ")
