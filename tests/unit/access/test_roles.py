"""The table of rights: every act × every role, owners for their own processes alone, and grants within one's own."""

from __future__ import annotations

import itertools

import pytest

from switchover.access.roles import RULES, exceeds, first_role, role_for
from switchover.domain.people import Actor, Role

# As the specification has it: who may do what changes something. P: for their own processes alone.
MAY = {
    #                  admin  operator  owner  auditor
    "keys create":    ("yes", "yes",    "P",   "no"),
    "keys rotate":    ("yes", "yes",    "P",   "no"),
    "keys revoke":    ("yes", "yes",    "P",   "no"),
    "propose-grader": ("yes", "yes",    "P",   "no"),
    "rehearse":       ("yes", "yes",    "P",   "no"),
    "label":          ("yes", "yes",    "P",   "no"),
    "adapt":          ("yes", "yes",    "P",   "no"),
    "watch run":      ("yes", "yes",    "P",   "no"),
    "drill":          ("yes", "yes",    "P",   "no"),
    "accept":         ("yes", "no",     "P",   "no"),
    "decide":         ("yes", "no",     "P",   "no"),
    "cut":            ("yes", "yes",    "no",  "no"),
    "restore":        ("yes", "yes",    "no",  "no"),
    "erase":          ("yes", "yes",    "no",  "no"),
    "import":         ("yes", "yes",    "no",  "no"),
    "costs assume":   ("yes", "yes",    "P",   "no"),
    "report issue":   ("yes", "yes",    "no",  "no"),
    "costs reconcile": ("yes", "yes",   "no",  "no"),
    "alerts test":    ("yes", "yes",    "no",  "no"),
    "costs import-invoice": ("yes", "yes", "no", "no"),
    "archive run":    ("yes", "yes",    "no",  "no"),
    "archive adopt":  ("yes", "yes",    "no",  "no"),
    "archive open":   ("yes", "yes",    "no",  "no"),
    "retention":      ("yes", "yes",    "no",  "no"),
    "store backup":   ("yes", "yes",    "no",  "no"),
    "store restore":  ("yes", "no",     "no",  "no"),
    "store rebuild":  ("yes", "no",     "no",  "no"),
    "keyring rotate": ("yes", "no",     "no",  "no"),
    "keyring backup": ("yes", "no",     "no",  "no"),
    "keyring restore": ("yes", "no",    "no",  "no"),
    "keyring seal":   ("yes", "yes",    "no",  "no"),
    "bodies":         ("yes", "yes",    "P",   "no"),
    "settings":       ("yes", "yes",    "no",  "yes"),
    "exchanges show": ("yes", "yes",    "P",   "yes"),
    "compare":        ("yes", "yes",    "P",   "yes"),
    "access add":     ("yes", "no",     "P",   "no"),
    "access revoke":  ("yes", "no",     "no",  "no"),
    "access rotate":  ("yes", "yes",    "P",   "yes"),
    "approve":        ("yes", "yes",    "P",   "no"),
    "decline":        ("yes", "yes",    "P",   "no"),
}  # fmt: skip


def actor(*roles, processes=("claims",)):
    return Actor(id="p-1", name="x", roles=frozenset(roles), processes=frozenset(processes))


@pytest.mark.parametrize(("act", "role"), list(itertools.product(RULES, Role)), ids=str)
def test_each_role_may_what_the_specification_says_and_no_more(act, role):
    wanted = dict(zip(Role, MAY[act], strict=True))[role] if act in MAY else "yes"
    who = actor(role)
    if act not in MAY:
        assert RULES[act].keyless, f"{act} changes something, and no row here says who may"
    if wanted == "no":
        assert first_role(who, act) is None
        assert role_for(who, act, "claims") is None
    elif wanted == "P" or role is Role.OWNER:
        assert role_for(who, act, "claims") is Role.OWNER
        assert role_for(who, act, "sales") is None
        assert role_for(who, act, None) is None
    else:
        assert role_for(who, act, "claims") is role_for(who, act, None) is role


@pytest.mark.parametrize("role", Role)
def test_an_act_without_a_row_is_nobodys(role):
    assert first_role(actor(role), "format disk") is None
    assert role_for(actor(role), "format disk", "claims") is None


def test_somebody_without_a_role_may_nothing():
    assert all(first_role(actor(), act) is None for act in RULES)


GRANTS = [(), *((role,) for role in Role), *itertools.combinations(Role, 2)]


@pytest.mark.parametrize(("granter", "given"), list(itertools.product(GRANTS, GRANTS)))
def test_what_is_given_is_never_more_than_the_giver_has(granter, given):
    giver, taker = actor(*granter, processes=["claims"]), actor(*given, processes=["claims", "sales"])
    beyond = exceeds(giver, given, taker.processes)
    more = [
        (act, process)
        for act, process in itertools.product(RULES, (None, "claims", "sales"))
        if role_for(taker, act, process) and not role_for(giver, act, process)
    ]
    assert (beyond is not None) == bool(more)


def test_an_owner_shares_the_own_process_and_no_other():
    owner = actor(Role.OWNER)
    assert exceeds(owner, [Role.OWNER], ["claims"]) is None
    assert "of sales" in exceeds(owner, [Role.OWNER], ["claims", "sales"])
    assert exceeds(owner, [Role.AUDITOR], []) is not None
