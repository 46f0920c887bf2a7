"""The demo's insurer: its processes, the mail that each gets, and who answers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from switchover.testing import inbox
from switchover.testing.inbox import CLAIM_PROMPT, SORTING_PROMPT, Claim, Message

Row = Message | Claim
MESSAGES, CLAIMS = "customer-messages", "claim-intake"
LETTERS, BROKERS = "policy-letters", "broker-mail"
MEDICAL, STAFF = "medical-claims", "staff-questions"
ABOUT_POLICIES = ("policy_change", "documents", "cancellation", "coverage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A process as its application sees it: its route, its mail, and how it asks.

    ``a_day`` is how many come on a working day; ``upstream`` answers them, as the configuration says.
    """

    process: str
    route: str
    prompt: str
    longest: int
    a_day: int
    upstream: str
    mail: Callable[[], Sequence[Row]]


def _about(*desks: str) -> Callable[[], Sequence[Row]]:
    return lambda: [one for one in inbox.messages() if one.desk in desks]


def _abroad() -> Sequence[Row]:
    return [one for one in inbox.messages() if one.language != "en"]


def _medical() -> Sequence[Row]:
    return [one for one in inbox.claims() if one.fields["cause"] == "medical"]


DESKS: dict[str, Desk] = {
    desk.process: desk
    for desk in (
        Desk(
            process=MESSAGES, route="messages", prompt=SORTING_PROMPT, longest=12, a_day=60, upstream="vendor",
            mail=inbox.messages,
        ),
        Desk(
            process=CLAIMS, route="claims", prompt=CLAIM_PROMPT, longest=100, a_day=30, upstream="vendor",
            mail=inbox.claims,
        ),
        Desk(
            process=LETTERS, route="letters", prompt=SORTING_PROMPT, longest=12, a_day=45, upstream="vendor",
            mail=_about(*ABOUT_POLICIES),
        ),
        Desk(
            process=BROKERS, route="brokers", prompt=SORTING_PROMPT, longest=12, a_day=15, upstream="vendor",
            mail=_abroad,
        ),
        Desk(
            process=MEDICAL, route="medical", prompt=CLAIM_PROMPT, longest=100, a_day=12, upstream="second",
            mail=_medical,
        ),
        Desk(
            process=STAFF, route="staff", prompt=SORTING_PROMPT, longest=12, a_day=6, upstream="own",
            mail=_about("account"),
        ),
    )
}  # fmt: skip
