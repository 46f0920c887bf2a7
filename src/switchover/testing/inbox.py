"""The insurer's inbox: messages and claim reports written for this project, each with its truth.

Only the fake vendor looks at the truth. What a candidate gets is the message, as any upstream would.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

DESKS = (
    "new_claim",
    "claim_status",
    "billing",
    "policy_change",
    "cancellation",
    "coverage",
    "documents",
    "account",
)

SORTING_PROMPT = (
    "You sort messages from customers of an insurer. Answer with exactly one desk and nothing else: "
    + ", ".join(DESKS)
    + "."
)

CLAIM_PROMPT = (
    "You take in claims for an insurer. Answer with one JSON object and nothing else. Its fields: "
    "policy (the policy number, or null), date_of_loss (YYYY-MM-DD), "
    "cause (water, fire, theft, collision, storm, glass, medical or other), "
    "item (what was damaged, stolen or affected, in the customer's words), "
    "amount (the estimated loss as a number, or null), injury (true if anyone was hurt, else false)."
)


@dataclass(frozen=True, slots=True)
class Message:
    """One customer message; ``desk`` is its truth, ``kind`` is "complaint" when it came by the complaint form."""

    id: str
    text: str
    desk: str
    kind: str
    language: str
    hard: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """One report of a loss; ``fields`` is its truth."""

    id: str
    text: str
    fields: Mapping[str, str | float | bool | None]
    language: str
    hard: bool


def _rows(folder: Traversable) -> Iterator[dict[str, object]]:
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".jsonl"):
            yield from map(json.loads, file.read_text(encoding="utf-8").splitlines())


def messages() -> list[Message]:
    """Every customer message, in the order of the files."""
    inbox = resources.files(__package__).joinpath("inbox")
    found = []
    for row in _rows(inbox.joinpath("messages")):
        row["desk"] = row.pop("label")
        found.append(Message(**row))  # type: ignore[arg-type]  # the files' shape is checked by a test
    return found


def claims() -> list[Claim]:
    """Every claim report, in the order of the file."""
    text = resources.files(__package__).joinpath("inbox", "claims.jsonl").read_text(encoding="utf-8")
    return [Claim(**json.loads(line)) for line in text.splitlines()]
