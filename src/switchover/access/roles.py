"""Who may do what: a table of acts and roles. What is not in it nobody may. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from switchover.domain.people import Actor, Role

EVERYONE = frozenset(Role)
RUN = frozenset([Role.ADMIN, Role.OPERATOR])
# Owners of a process, for that process alone.
OWN = RUN | {Role.OWNER}
ADMIN = frozenset([Role.ADMIN])


@dataclass(frozen=True, slots=True)
class Rule:
    """The roles that may. ``keyless``: it changes nothing and shows no body, so a command on the machine asks no key:

    whoever can run one there can read the figures in the data folder.
    """

    roles: frozenset[Role]
    keyless: bool = False


READS = Rule(EVERYONE, keyless=True)

# Command by command. "bodies" is asked before anything shows what was said: `exchanges show`, `compare`, exports;
# "settings" is asked by pages alone.
RULES: Mapping[str, Rule] = {
    "demo": READS,
    "init": READS,
    "check": READS,
    "up": READS,
    "doctor": READS,
    "weights fetch": READS,
    "weights check": READS,
    "explain": READS,
    "verdicts": READS,
    "watch status": READS,
    "watch run": Rule(OWN),
    "report": READS,
    "report list": READS,
    "report save": READS,
    "report issue": Rule(RUN),
    "budget": READS,
    "alerts": READS,
    "alerts test": Rule(RUN),
    "costs": READS,
    "costs reconcile": Rule(RUN),
    "costs import-invoice": Rule(RUN),
    "costs project": READS,
    "costs own-price": READS,
    "costs assumptions": READS,
    # Owners say what is said of their own process; what is said of all is no one owner's.
    "costs assume": Rule(OWN),
    "evidence log": READS,
    "evidence checkpoint": READS,
    "evidence stamp": READS,
    "evidence key": READS,
    "evidence prove": READS,
    "evidence verify": READS,
    "export evidence": READS,
    "export focus": READS,
    "exchanges list": READS,
    "exchanges show": Rule(EVERYONE),
    "compare": Rule(EVERYONE),
    "bodies": Rule(OWN),
    # On the pages: the whole configuration as it was read, what a doctor finds, and when people were last there.
    "settings": Rule(RUN | {Role.AUDITOR}),
    "keys list": READS,
    "keys create": Rule(OWN),
    "keys rotate": Rule(OWN),
    "keys revoke": Rule(OWN),
    # Shows labels and fields out of recorded answers.
    "propose-grader": Rule(OWN),
    "rehearse": Rule(OWN),
    "label": Rule(OWN),
    "adapt": Rule(OWN),
    "drill": Rule(OWN),
    # Of the owner alone; an admin answers for what nobody owns. Who runs things does not take risks for others.
    "accept": Rule(ADMIN | {Role.OWNER}),
    "placement": READS,
    # The same for where a process is placed.
    "decide": Rule(ADMIN | {Role.OWNER}),
    "cut": Rule(RUN),
    "restore": Rule(RUN),
    "import": Rule(RUN),
    "archive list": READS,
    "archive verify": READS,
    "archive run": Rule(RUN),
    "archive adopt": Rule(RUN),
    "archive open": Rule(RUN),
    "retention": Rule(RUN),
    "store check": READS,
    "store backup": Rule(RUN),
    "store restore": Rule(ADMIN),
    "store rebuild": Rule(ADMIN),
    "erase": Rule(RUN),
    "keyring list": READS,
    "keyring rotate": Rule(ADMIN),
    "keyring backup": Rule(ADMIN),
    "keyring restore": Rule(ADMIN),
    "keyring seal": Rule(RUN),
    "access init": READS,
    "access list": READS,
    "access add": Rule(ADMIN | {Role.OWNER}),
    "access revoke": Rule(ADMIN),
    "access rotate": Rule(EVERYONE),
    "approvals list": READS,
    "approvals show": READS,
    # Beyond this the table's row for the act that is decided on has to let them.
    "approve": Rule(OWN),
    "decline": Rule(OWN),
}
NONE = Rule(frozenset())


def role_for(actor: Actor, act: str, process: str | None) -> Role | None:
    """The role by which somebody may do this to a process; None: they may not. ``process`` None: to more than one."""
    return next((role for role in _roles(actor, act) if role is not Role.OWNER or process in actor.processes), None)


def first_role(actor: Actor, act: str) -> Role | None:
    """The role by which somebody may do this to some process at least."""
    return next(iter(_roles(actor, act)), None)


def _roles(actor: Actor, act: str) -> Iterator[Role]:
    allowed = RULES.get(act, NONE).roles
    return (role for role in Role if role in allowed and role in actor.roles)


def exceeds(granter: Actor, roles: Iterable[Role], processes: Iterable[str]) -> str | None:
    """What somebody with these roles could do that the granter can not; None when a grant stays within its granter's.

    So nobody gives what they have not.
    """
    asked = Actor(id="", name="", roles=frozenset(roles), processes=frozenset(processes))
    for act in RULES:
        for process in (None, *sorted(asked.processes)):
            if role_for(asked, act, process) is not None and role_for(granter, act, process) is None:
                return f"{act}{f' of {process}' if process else ''}"
    return None
