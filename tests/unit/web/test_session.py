"""A session ends with its time, when nobody comes, with its key, or when somebody ends it; keys are not guessed."""

from __future__ import annotations

import pytest

from switchover.access.keys import make_person_key
from switchover.domain.people import Actor, Person, Role
from switchover.domain.secret import Secret
from switchover.errors import Forbidden
from switchover.store import Store
from switchover.store import people as rows
from switchover.store.copying import tables
from switchover.testing.clock import ManualClock
from switchover.web.session import IDLE_S, LONGEST_S, TOUCH_S, TRIES_PER_KEY, WINDOW_S, Sessions, TooMany

PEPPER = b"p" * 32
NOBODY = Secret("swo_aaaaaaaa_" + "b" * 43)


@pytest.fixture
def store(tmp_path):
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as opened:
        yield opened


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def key(store, clock):
    now = clock.now()
    person = Person(id="p-1", name="jane", roles=(Role.ADMIN,), processes=(), made_at=now, made_by="local")
    made, token = make_person_key("p-1", PEPPER, now, expires_at=now + 10 * LONGEST_S, made_by="local")
    rows.add_person(store, person, made)
    return token


@pytest.fixture
def sessions(clock):
    return Sessions(PEPPER, clock)


def who(sessions, store, cookie):
    return sessions.visitor(store, cookie, lambda: None).actor


def test_whoever_signs_in_is_known_by_the_cookie_and_the_store_keeps_no_secret_of_it(sessions, store, key):
    actor, cookie = sessions.sign_in(store, key, "peer")
    assert actor.name == "jane"
    assert who(sessions, store, cookie).id == "p-1"
    with store.read() as connection:
        kept = str(connection.exec_driver_sql("SELECT * FROM session").all())
    assert cookie.partition(".")[2] not in kept


def test_a_session_goes_on_while_somebody_comes_and_not_beyond_its_longest(sessions, store, key, clock):
    _, cookie = sessions.sign_in(store, key, "peer")
    came = 0.0
    while came + IDLE_S - 1 < LONGEST_S:
        clock.advance(IDLE_S - 1)
        came += IDLE_S - 1
        assert who(sessions, store, cookie) is not None
    clock.advance(LONGEST_S - came)
    assert who(sessions, store, cookie) is None


def test_a_session_to_which_nobody_comes_is_over_for_good(sessions, store, key, clock):
    _, cookie = sessions.sign_in(store, key, "peer")
    clock.advance(TOUCH_S - 1)
    assert who(sessions, store, cookie) is not None
    clock.advance(IDLE_S)
    assert who(sessions, store, cookie) is None
    clock.advance(-IDLE_S)
    assert who(sessions, store, cookie) is None


def test_a_session_ends_with_the_key_that_began_it(sessions, store, key, clock):
    _, cookie = sessions.sign_in(store, key, "peer")
    made, _ = make_person_key("p-1", PEPPER, clock.now(), expires_at=None, made_by="p-1")
    rows.replace_person_keys(store, made, clock.now())
    clock.advance(1)
    assert who(sessions, store, cookie) is None


@pytest.mark.parametrize("change", [lambda c: c[:-1] + ("A" if c[-1] != "A" else "B"), lambda c: c[1:], lambda c: ""])
def test_a_cookie_that_is_not_the_whole_one_is_nobodys(sessions, store, key, change):
    _, cookie = sessions.sign_in(store, key, "peer")
    visitor = sessions.visitor(store, change(cookie), lambda: None)
    assert visitor.actor is None
    assert not visitor.signed_in


def test_keys_that_are_nobodys_are_tried_so_often_and_then_not_at_all_for_a_while(sessions, store, key, clock):
    for _ in range(TRIES_PER_KEY):
        with pytest.raises(Forbidden):
            sessions.sign_in(store, NOBODY, "peer")
    with pytest.raises(TooMany):
        sessions.sign_in(store, NOBODY, "peer")
    # Somebody else, and somebody elsewhere, is not kept out by that.
    sessions.sign_in(store, key, "peer")
    with pytest.raises(Forbidden, match="nobody's: it is unknown"):
        sessions.sign_in(store, NOBODY, "elsewhere")
    clock.advance(WINDOW_S)
    with pytest.raises(Forbidden, match="nobody's: it is unknown"):
        sessions.sign_in(store, NOBODY, "peer")


def test_one_address_may_not_try_many_names_either(sessions, store):
    refused = []
    for number in range(40):
        with pytest.raises(Forbidden) as caught:
            sessions.sign_in(store, Secret(f"swo_{number:08d}_" + "b" * 43), "peer")
        refused.append(isinstance(caught.value, TooMany))
    assert refused == [False] * 30 + [True] * 10


def test_a_forms_token_is_good_for_whoever_it_was_shown_to_alone(sessions):
    mine, other = "a" * 16 + "." + "b" * 43, "a" * 16 + "." + "c" * 43
    assert sessions.is_form_of(mine, sessions.form_token(mine))
    assert not sessions.is_form_of(other, sessions.form_token(mine))
    assert not sessions.is_form_of(mine, "")
    assert not sessions.is_form_of(mine, "é")


def test_the_machines_user_comes_only_while_nobody_is_known(sessions, store, clock, request):
    local = Actor.local("me")
    assert sessions.visitor(store, None, lambda: local).actor is local
    request.getfixturevalue("key")
    assert sessions.visitor(store, None, lambda: local).actor is None


def test_no_backup_holds_a_session():
    assert "session" not in {table.name for table in tables()}
