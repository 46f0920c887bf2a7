"""Where a candidate falls behind: the slices and topics in which it does so most, and its worst cases."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from switchover.domain.candidate import ScoredCase
from switchover.domain.exchange import Exchange
from switchover.errors import CallerError
from switchover.prompts import answer_text, ask_text, chat_request
from switchover.store import Store
from switchover.store.exchanges import find_exchanges

# Graders whose reasons a model or a function wrote, and so may say what the request or an answer says.
IN_OWN_WORDS = ("rubric", "hook")
FEWEST = 5
SPOTS = 5
READ = 40  # requests of a topic that are read to find a typical one
_word = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakSpot:
    """A slice or topic in which the candidate is behind: mean(d) over its graded cases, below 0.

    ``example`` is a typical request of a topic, as it was written: never trusted; ``exchange`` its id. Both are None
    where it is not shown.
    """

    kind: Literal["slice", "topic"]
    name: str
    cases: int
    mean_difference: float
    exchange: str | None = None
    example: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCase:
    """A case in which the candidate fell behind, as people read it: texts, never trusted, may be long or hostile.

    ``baseline`` is the recorded answer. Scores are 0–1, ``difference`` is candidate less baseline. Texts are None where
    they were erased, are not kept or may not be shown; ``candidate`` also where it gave no answer, as ``reason`` says.
    """

    exchange: str
    slices: tuple[str, ...]
    topic: int
    asked: str | None
    baseline: str | None
    candidate: str | None
    difference: float
    reason: str


def reason_of(row: ScoredCase, grader: str, *, words: bool) -> str:
    """Why a case scored as it did by the grader of this id; without ``words`` only where it quotes none."""
    return row.reason if words or grader.partition(":")[0] not in IN_OWN_WORDS else ""


def worst_cases(
    store: Store, rows: Iterable[ScoredCase], most: int, grader: str, *, words: bool
) -> tuple[WorstCase, ...]:
    """At most so many cases with d below 0, worst first; among equals one of each topic before a second of any."""
    behind = sorted((row for row in rows if difference(row) < 0), key=lambda row: (difference(row), -row.graded_at))
    turns: Counter[tuple[float, int]] = Counter()
    ranked = []
    for row in behind:
        place = (difference(row), row.topic)
        ranked.append((difference(row), turns[place], -row.graded_at, row.exchange_id, row))
        turns[place] += 1
    chosen = [row for *_, row in sorted(ranked, key=lambda one: one[:4])[:most]]
    known = find_exchanges(store, [row.exchange_id for row in chosen]) if words else {}
    return tuple(_told(row, known.get(row.exchange_id), reason_of(row, grader, words=words), words) for row in chosen)


def difference(row: ScoredCase) -> float:
    """d of a case; 0 where it is ungraded."""
    return 0.0 if row.candidate is None or row.baseline is None else row.candidate - row.baseline


def _told(row: ScoredCase, exchange: Exchange | None, reason: str, words: bool) -> WorstCase:
    return WorstCase(
        exchange=row.exchange_id,
        slices=row.slices,
        topic=row.topic,
        asked=asked(exchange),
        baseline=answered(exchange),
        # Erased text is kept as nothing; with it went the request, so that an empty answer is told from it.
        candidate=row.answer if words and exchange is not None and (row.answer or exchange.request) else None,
        difference=difference(row),
        reason=reason,
    )


def asked(exchange: Exchange | None) -> str | None:
    """The last user message of a recorded request; None where it is not there or can't be read."""
    if exchange is None or not exchange.request:
        return None
    try:
        return ask_text(chat_request(exchange)) or None
    except (msgspec.MsgspecError, CallerError, KeyError, TypeError, ValueError):
        return None


def answered(exchange: Exchange | None) -> str | None:
    """The text of a recorded answer; None where it has none or can't be read."""
    if exchange is None or not exchange.answer:
        return None
    try:
        return answer_text(exchange.dialect, exchange.stream, exchange.answer)
    except (msgspec.MsgspecError, CallerError, KeyError, TypeError, ValueError):
        return None


def weak_spots(store: Store, rows: Sequence[ScoredCase], *, words: bool) -> tuple[WeakSpot, ...]:
    """The slices and topics with the lowest mean(d), of at least five graded cases each, worst first."""
    graded = [row for row in rows if row.candidate is not None and row.baseline is not None]
    slices = _means(graded, lambda row: row.slices)
    topics = _means(graded, lambda row: (row.topic,) if row.topic >= 0 else ())
    found = [("slice", name, *figures) for name, figures in slices.items()]
    found += [("topic", name, *figures) for name, figures in topics.items()]
    worst = sorted(found, key=lambda one: (one[3], -one[2], one[0], str(one[1])))[:SPOTS]
    spots = []
    for kind, name, cases, mean in worst:
        exchange, example = _typical(store, graded, name) if words and isinstance(name, int) else (None, None)
        spots.append(
            WeakSpot(
                kind="slice" if kind == "slice" else "topic",
                name=str(name),
                cases=cases,
                mean_difference=mean,
                exchange=exchange,
                example=example,
            )
        )
    return tuple(spots)


def _means(
    rows: Iterable[ScoredCase], parts: Callable[[ScoredCase], Iterable[str | int]]
) -> Mapping[str | int, tuple[int, float]]:
    """Cases and mean(d) of each part that has enough cases and is behind."""
    found: dict[str | int, list[float]] = {}
    for row in rows:
        for part in parts(row):
            found.setdefault(part, []).append(difference(row))
    means = {part: (len(seen), sum(seen) / len(seen)) for part, seen in found.items() if len(seen) >= FEWEST}
    return {part: figures for part, figures in means.items() if figures[1] < 0}


def _typical(store: Store, graded: Iterable[ScoredCase], topic: int) -> tuple[str | None, str | None]:
    """The request of a topic whose words occur in most others of it, with its exchange; nothing where none is left."""
    ids = [row.exchange_id for row in graded if row.topic == topic][:READ]
    texts = {name: text for name, exchange in find_exchanges(store, ids).items() if (text := asked(exchange))}
    if not texts:
        return None, None
    used = {name: frozenset(_word.findall(text.lower())) for name, text in texts.items()}
    shared = Counter(word for words in used.values() for word in words)

    def typical(name: str) -> tuple[float, int, str]:
        # Per word, so that the longest is not the most typical; three more, so that a single word is not either.
        return sum(shared[word] for word in used[name]) / (len(used[name]) + 3), -len(texts[name]), name

    chosen = max(texts, key=typical)
    return chosen, texts[chosen]
