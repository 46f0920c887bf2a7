"""CPU per score of each grader on typical answers; fails when one takes a millisecond.

Run with ``python benchmarks/graders.py``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from switchover.domain.answer import as_text
from switchover.domain.ports import Grader, Question
from switchover.domain.process import RehearsalTerms
from switchover.graders import grader

MOST_US = 1000.0
REPEATS = 300
LETTER = (
    "Dear Ms Jansen, thank you for your letter of 14 September. We are sorry that a pipe burst in your kitchen. The "
    'policy says "water damage from burst pipes is covered", so we pay 1,450.00 euro within ten days. '
) * 3
CLAIM = {
    "policy": "HM-1234567",
    "amount": 1450.0,
    "date": "2026-09-14",
    "injury": False,
    "lines": [{"sku": f"S{n}", "amount": 10.5 * n, "what": "kitchen cupboard"} for n in range(5)],
}
OTHER = {**CLAIM, "amount": 1455.0, "date": "14 September 2026", "lines": CLAIM["lines"][::-1]}
SCHEMA = {"type": "object", "properties": {"lines": {"items": {"required": ["sku"]}}}, "required": ["policy"]}
ALL_CHECKS = {
    "no_refusal": True,
    "language": "request",
    "length": {"most_words": 300},
    "pattern": "euro",
    "quotes_from_request": True,
}
CALLS = [("find_policy", '{"number": "HM-1234567"}'), ("open_claim", json.dumps(CLAIM))]
ROWS: tuple[tuple[str, str, dict[str, Any], str, str], ...] = (
    ("label", "one of 8 labels", {"labels": [f"label {n}" for n in range(8)]}, "The label is label 3.", "label 3"),
    ("exact", "a short answer", {}, "EUR 1,450.00", "eur 1450"),
    (
        "json_fields",
        "19 fields, a keyed list, other spellings",
        {"keys": {"lines": "sku"}, "tolerance": {"amount": 0.01}, "must_match": ["policy"]},
        json.dumps(OTHER),
        json.dumps(CLAIM),
    ),
    ("json_fields", "the same behind a schema", {"schema": SCHEMA}, json.dumps(CLAIM), json.dumps(CLAIM)),
    ("tool_calls", "two calls, 20 arguments", {}, str(as_text("", CALLS[::-1])), str(as_text("", CALLS))),
    ("text", "token F1, 130 words", {}, LETTER, LETTER.replace("kitchen", "bathroom")),
    ("text", "edit ratio, 130 words", {"measure": "edit"}, LETTER, LETTER.replace("kitchen", "bathroom")),
    ("checks", "five checks, 130 words", {"checks": ALL_CHECKS}, LETTER, LETTER),
)


def measure(by: Grader, answer: str, question: Question) -> float:
    """Microseconds of CPU per score, the least of five rounds."""

    async def repeat() -> float:
        begun = time.process_time()
        for _ in range(REPEATS):
            await by.score(answer, question)
        return (time.process_time() - begun) / REPEATS * 1e6

    return min(asyncio.run(repeat()) for _ in range(5))


def main() -> int:
    """Prints the table; 1 when a grader is too slow."""
    request = {"messages": [{"role": "user", "content": LETTER}]}
    worst = 0.0
    print("| Grader | Answer | CPU per score |\n|-|-|-:|")
    for name, what, settings, answer, reference in ROWS:
        taken = measure(grader(RehearsalTerms(grader=name, settings=settings)), answer, Question(reference, request))
        worst = max(worst, taken)
        print(f"| `{name}` | {what} | {taken:.0f} µs |")
    return int(worst >= MOST_US)


if __name__ == "__main__":
    sys.exit(main())
