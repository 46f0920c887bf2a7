"""Who comes: signed in with a person's key, or the machine's user while nobody is known."""

from __future__ import annotations

import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from switchover.access.keys import TOKEN, mac, new_id
from switchover.access.known import by_key, by_token
from switchover.clock import Clock
from switchover.domain.people import Actor, Session
from switchover.domain.secret import Secret
from switchover.errors import Forbidden
from switchover.store import Store
from switchover.store import sessions as rows
from switchover.store.people import anybody

# However long somebody works, and when nobody has come for a while.
LONGEST_S = 12 * 3600.0
IDLE_S = 3600.0
# So often it is written down that somebody came.
TOUCH_S = 60.0
COOKIE = re.compile(r"([a-z0-9]{16})\.[A-Za-z0-9_-]{43}")

# A person types a key once a day; a program that guesses has 2^256 to go through.
TRIES, TRIES_PER_KEY, WINDOW_S = 30, 5, 60.0
MOST_TELLERS = 10_000


class TooMany(Forbidden):
    """Too many keys were tried that are nobody's."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who comes. ``actor`` None: nobody that is known; ``cookie`` is what to be known by next time.

    ``is_new``: the browser has not that cookie yet. ``signed_in``: by a key, and not as the machine's user.
    """

    actor: Actor | None
    cookie: str
    is_new: bool
    signed_in: bool = False


class Sessions:
    """Signs in and out, and says who comes."""

    def __init__(self, pepper: bytes, clock: Clock) -> None:
        self._pepper, self._clock = pepper, clock
        self._tries: OrderedDict[str, list[float]] = OrderedDict()

    def visitor(
        self, store: Store, cookie: str | None, is_local: Callable[[], Actor | None], *, came: bool = True
    ) -> Visitor:
        """Who comes with this cookie. While there are no people it is the machine's user where ``is_local`` says so.

        ``came`` False: a page asks by itself, which does not count as somebody's coming.
        """
        found = self._found(store, cookie, came)
        if found is not None and cookie is not None:
            return Visitor(found, cookie, is_new=False, signed_in=True)
        known = cookie is not None and COOKIE.fullmatch(cookie) is not None
        own = cookie if known and cookie is not None else _cookie()
        return Visitor(None if anybody(store) else is_local(), own, is_new=not known)

    def sign_in(self, store: Store, key: Secret, peer: str) -> tuple[Actor, str]:
        """The person whose key it is, and a new cookie. Raises Forbidden; TooMany after many keys that are nobody's."""
        now = self._clock.now()
        shape = TOKEN.fullmatch(key.reveal())
        tellers = {f"from {peer}": TRIES, f"from {peer}, key {shape[2] if shape else ''}": TRIES_PER_KEY}
        for teller, most in tellers.items():
            self._check(teller, most, now)
        try:
            actor = by_token(store, key, self._pepper, now)
        except Forbidden:
            for teller in tellers:
                self._tries.setdefault(teller, []).append(now)
                self._tries.move_to_end(teller)
            while len(self._tries) > MOST_TELLERS:
                self._tries.popitem(last=False)
            raise
        cookie = _cookie()
        name = cookie.partition(".")[0]
        row = Session(
            id=name,
            mac=mac(cookie, self._pepper),
            key=actor.key or "",
            made_at=now,
            seen_at=now,
            expires_at=now + LONGEST_S,
        )
        rows.save_session(store, row)
        return actor, cookie

    def sign_out(self, store: Store, cookie: str) -> None:
        """Ends the session of this cookie."""
        rows.end_session(store, cookie.partition(".")[0])

    def form_token(self, cookie: str) -> str:
        """What a form has to bring that was shown to whoever has this cookie."""
        return hmac.digest(self._pepper, f"form {cookie}".encode(), "sha256").hex()

    def is_form_of(self, cookie: str, token: str) -> bool:
        """Whether a form was shown to whoever has this cookie."""
        return hmac.compare_digest(self.form_token(cookie), token.encode("ascii", "replace").decode())

    def _found(self, store: Store, cookie: str | None, came: bool) -> Actor | None:
        """The person of a session that goes on; their key may have ended since."""
        shape = COOKIE.fullmatch(cookie) if cookie is not None else None
        if shape is None or cookie is None:
            return None
        session, now = rows.session(store, shape[1]), self._clock.now()
        if session is None or not hmac.compare_digest(mac(cookie, self._pepper), session.mac):
            return None
        if now >= min(session.expires_at, session.seen_at + IDLE_S):
            rows.end_session(store, session.id)
            return None
        try:
            actor = by_key(store, session.key, now)
        except Forbidden:
            rows.end_session(store, session.id)
            return None
        if came and now - session.seen_at > TOUCH_S:
            rows.touch_session(store, session.id, now)
        return replace(actor, role=None)

    def _check(self, teller: str, most: int, now: float) -> None:
        tried = [at for at in self._tries.get(teller, ()) if now - at < WINDOW_S]
        if teller in self._tries:
            self._tries[teller] = tried
        if len(tried) >= most:
            raise TooMany("too many keys were tried that are nobody's", mend="wait a minute, then try again")


def _cookie() -> str:
    """A name to look a session up by, and 256 bits that nobody can guess."""
    return f"{new_id(16)}.{secrets.token_urlsafe(32)}"
