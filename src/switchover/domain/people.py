"""People who act on Switchover, their keys, and what two of them agreed on."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

# In entries and rows this stands for whoever acts without a key of a person.
LOCAL = "local"


class Role(StrEnum):
    """What a person is here to do; the most that a role may comes first."""

    ADMIN = "admin"
    OPERATOR = "operator"
    OWNER = "process-owner"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who acts: a login or the title of a role. ``processes`` are those that a process owner owns."""

    id: str
    name: str
    roles: tuple[Role, ...]
    processes: tuple[str, ...]
    made_at: float
    made_by: str
    revoked_at: float | None = None
    revoked_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonKey:
    """A person's key: its id and the HMAC-SHA256 of its secret under the pepper (hex); ``made_by``: who saw it first.

    ``revoked_at`` may lie ahead: a key that was replaced goes on for a while.
    """

    id: str
    person: str
    mac: str
    made_at: float
    made_by: str
    expires_at: float | None = None
    revoked_at: float | None = None
    revoked_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody signed in to the pages with the ``key`` of that id; ``mac`` is the HMAC-SHA256 of the cookie (hex)."""

    id: str
    mac: str
    key: str
    made_at: float
    seen_at: float
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts, and the role that lets them."""

    id: str
    name: str
    roles: frozenset[Role]
    processes: frozenset[str] = field(default_factory=frozenset)
    role: Role | None = None
    key: str | None = None

    @classmethod
    def local(cls, user: str, roles: frozenset[Role] = frozenset(Role)) -> Actor:
        """The machine's user: before there are people they may do everything, afterwards what asks no key."""
        return cls(id=LOCAL, name=user, roles=roles)

    @classmethod
    def of(cls, person: Person, key: PersonKey) -> Actor:
        """A person, known by one of their keys."""
        roles, processes = frozenset(person.roles), frozenset(person.processes)
        return cls(id=person.id, name=person.name, roles=roles, processes=processes, key=key.id)

    @property
    def is_person(self) -> bool:
        """False for the machine's user."""
        return self.id != LOCAL

    @property
    def recorded(self) -> str:
        """How rows of the store name who did something: a person by id, the machine's user by name."""
        return self.id if self.is_person else f"{LOCAL} user {self.name}"


class ApprovalState(StrEnum):
    """Where an approval stands."""

    ASKED = "asked"
    APPROVED = "approved"
    DECLINED = "declined"
    USED = "used"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """An act that one person asks for and another agrees to, so that it is carried out once.

    ``parameters`` is the SHA-256 of everything else that was asked for. ``proposed_key`` is the key that the person who
    asks was known by. Persons are named by id.
    """

    id: str
    act: str
    target: str
    process: str | None
    parameters: str
    reason: str
    proposed_by: str
    proposed_key: str
    proposed_at: float
    expires_at: float
    decision: ApprovalState | None = None
    decided_by: str | None = None
    decided_at: float | None = None
    used_by: str | None = None
    used_at: float | None = None

    def state(self, now: float) -> ApprovalState:
        """Where it stands at ``now``."""
        if self.used_at is not None:
            return ApprovalState.USED
        if self.decision is ApprovalState.DECLINED:
            return ApprovalState.DECLINED
        if now >= self.expires_at:
            return ApprovalState.EXPIRED
        return self.decision or ApprovalState.ASKED
