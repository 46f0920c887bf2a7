"""Two people, really two, each once and in time: what an approval takes before it lets anything happen."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from switchover.access.approvals import OPEN_S, approve, decline, require_approval
from switchover.access.keys import make_person_key
from switchover.domain.people import Actor, Person, Role
from switchover.errors import ApprovalNeeded, Forbidden, NotFound, OperatorError
from switchover.store import Store
from switchover.store.approvals import approvals
from switchover.store.people import add_person, replace_person_keys, revoke_person

PEPPER = bytes(32)
NOW = 1_780_000_000.0


class Desk:
    """A store with four people who each made their own key, and what was noted."""

    def __init__(self, url="sqlite://"):
        self.store = Store.open(url)
        self.noted, self.made = [], 0
        self.people = {
            "ann": self.add("ann", Role.ADMIN),
            "ben": self.add("ben", Role.OPERATOR),
            "cas": self.add("cas", Role.AUDITOR),
            "dee": self.add("dee", Role.OWNER, processes=("claims",)),
        }

    def add(self, name, *roles, processes=(), made_by="local user root", keys_by=None):
        person = Person(id=f"p-{name}", name=name, roles=roles, processes=processes, made_at=NOW - 9, made_by=made_by)
        key, _ = make_person_key(person.id, PEPPER, NOW - 9, expires_at=None, made_by=keys_by or person.id)
        add_person(self.store, person, key)
        return Actor.of(person, key)

    def require(self, who="ben", target="provider:acme", *, at=NOW, store=None, process=None, **parameters):
        return require_approval(
            store or self.store, self.people[who], "drill", target, process=process,
            parameters={"share": 0.5, **parameters}, reason="Jane Roe wants it", now=at, note=self.noted.append,
        )  # fmt: skip

    def ask(self, who="ben", *words, **more):
        with pytest.raises(ApprovalNeeded, match="takes two people; ap-") as told:
            self.require(who, *words, **more)
        return str(told.value).partition("switchover approve ")[2].partition("`")[0]

    def approve(self, who, name, at=NOW):
        return approve(self.store, self.people[who], name, now=at, note=self.noted.append)


@pytest.fixture
def desk():
    with (found := Desk()).store:
        yield found


def test_what_another_person_approved_is_carried_out_once(desk):
    name = desk.ask("ben")
    desk.approve("ann", name)
    used = desk.require("ben", at=NOW + 60)
    assert (used.id, used.proposed_by, used.decided_by, used.used_by) == (name, "p-ben", "p-ann", "p-ben")
    again = desk.ask("ben", at=NOW + 61)
    assert again != name
    assert [event["event"] for event in desk.noted] == ["approval asked", "approval", "approval", "approval asked"]
    assert [event.get("state") for event in desk.noted] == [None, "approved", "used", None]
    assert [event["by"] for event in desk.noted] == ["p-ben", "p-ann", "p-ben", "p-ben"]
    assert "Jane Roe" not in repr(desk.noted)


def test_the_one_who_approved_may_carry_it_out_too(desk):
    desk.approve("ann", desk.ask("ben"))
    assert desk.require("ann").decided_by == "p-ann"


def test_asking_again_asks_for_the_same(desk):
    assert desk.ask("ben") == desk.ask("ben", at=NOW + 5)
    assert len(approvals(desk.store)) == 1


def test_nobody_approves_what_they_asked_for_with_another_key_of_theirs_either(desk):
    name = desk.ask("ann")
    with pytest.raises(Forbidden, match="you asked for"):
        desk.approve("ann", name)
    second, _ = make_person_key("p-ann", PEPPER, NOW, expires_at=None, made_by="p-ann")
    replace_person_keys(desk.store, second, NOW + 3600)
    desk.people["ann"] = replace(desk.people["ann"], key=second.id)
    with pytest.raises(Forbidden, match="you asked for"):
        desk.approve("ann", name)
    desk.ask("ann")


def test_who_made_the_others_key_is_no_second_person_whichever_way_round(desk):
    eve = desk.people["eve"] = desk.add("eve", Role.OPERATOR, made_by="p-ann", keys_by="p-ann")
    by_ann = desk.ask("ann")
    with pytest.raises(Forbidden, match="your key was made by the other"):
        desk.approve("eve", by_ann)
    by_eve = desk.ask("eve", target="jurisdiction:US")
    with pytest.raises(Forbidden, match="the key that asked was made by the other"):
        desk.approve("ann", by_eve)
    desk.approve("ben", by_eve)
    own, _ = make_person_key("p-eve", PEPPER, NOW, expires_at=None, made_by="p-eve")
    replace_person_keys(desk.store, own, NOW)
    desk.people["eve"] = replace(eve, key=own.id)
    desk.approve("eve", by_ann)
    assert desk.require("ann").decided_by == "p-eve"


@pytest.mark.parametrize("who", ["cas", "dee"])
def test_who_could_not_do_it_neither_asks_nor_approves_nor_declines(desk, who):
    with pytest.raises(Forbidden):
        desk.require(who)
    name = desk.ask("ben")
    with pytest.raises(Forbidden):
        desk.approve(who, name)
    with pytest.raises(Forbidden):
        decline(desk.store, desk.people[who], name, now=NOW, note=desk.noted.append)
    desk.ask("ben")


def test_an_owner_approves_for_the_own_process(desk):
    desk.approve("dee", desk.ask("ben", process="claims"))
    assert desk.require("ben", process="claims").decided_by == "p-dee"


@pytest.mark.parametrize(
    "changed", [{"target": "provider:other"}, {"share": 1.0}, {"process": "claims"}, {"fault": "slow"}]
)
def test_an_approval_is_for_exactly_what_was_asked(desk, changed):
    desk.approve("ann", desk.ask("ben"))
    desk.ask("ben", **changed)


def test_it_expires_whether_approved_or_not(desk):
    asked, approved = desk.ask("ben"), desk.ask("ben", target="provider:b")
    desk.approve("ann", approved, at=NOW + OPEN_S - 1)
    with pytest.raises(OperatorError, match="is expired already"):
        desk.approve("ann", asked, at=NOW + OPEN_S)
    desk.ask("ben", target="provider:b", at=NOW + OPEN_S)
    assert desk.require("ben", "provider:b", at=NOW + OPEN_S - 0.5).id == approved


@pytest.mark.parametrize("gone", ["ann", "ben"])
def test_a_revoked_person_does_not_count_as_one_of_the_two(desk, gone):
    desk.people["fay"] = desk.add("fay", Role.ADMIN)
    first, second = desk.ask("ben"), desk.ask("ben", target="provider:b")
    desk.approve("ann", first)
    revoke_person(desk.store, f"p-{gone}", "p-fay", NOW + 1)
    with pytest.raises(ApprovalNeeded):
        desk.require("fay", at=NOW + 2)
    with pytest.raises(OperatorError, match="was revoked"):
        desk.approve("ann" if gone == "ann" else "fay", second, at=NOW + 2)


def test_what_was_declined_or_taken_back_is_not_approved_any_more(desk):
    for who in ("ann", "ben"):
        name = desk.ask("ben")
        decline(desk.store, desk.people[who], name, now=NOW, note=desk.noted.append)
        with pytest.raises(OperatorError, match="is declined already"):
            desk.approve("ann", name)
    with pytest.raises(NotFound):
        desk.approve("ann", "ap-none")


def test_what_is_to_be_erased_may_be_a_persons_and_is_in_no_entry(desk):
    def erase(who):
        return require_approval(
            desk.store, desk.people[who], "erase", "subject:jane.roe", process=None, parameters={"month": "2026-11"},
            reason="she asked", now=NOW, note=desk.noted.append,
        )  # fmt: skip

    for who in ("dee", "cas"):
        with pytest.raises(Forbidden, match="has not the right to erase"):
            erase(who)
    with pytest.raises(ApprovalNeeded):
        erase("ben")
    desk.approve("ann", approvals(desk.store)[0].id)
    assert erase("ben").target == "subject:jane.roe"
    assert "jane" not in repr(desk.noted)


def test_without_people_there_is_nobody_to_agree(desk):
    desk.people["root"] = Actor.local("root")
    with pytest.raises(Forbidden, match="switchover access init"):
        desk.require("root")
    with pytest.raises(Forbidden, match="switchover access init"):
        desk.approve("root", desk.ask("ben"))


def test_of_many_who_try_at_once_exactly_one_gets_it(tmp_path):
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    with (desk := Desk(url)).store:
        desk.approve("ann", desk.ask("ben"))
        got, start = [], threading.Barrier(6)

        def carry_out(who):
            with Store.open(url, busy_seconds=60) as store:
                start.wait()
                try:
                    got.append(desk.require(who, at=NOW + 1, store=store).id)
                except ApprovalNeeded:
                    got.append(None)

        threads = [threading.Thread(target=carry_out, args=(who,)) for who in ("ben", "ann") * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert len(got) == 6
    assert sum(name is not None for name in got) == 1
