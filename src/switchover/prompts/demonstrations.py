"""Demonstrations: recorded answers shown to a candidate, the nearest ones to each request."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from switchover.upstreams.embeddings import Vectors

# English runs at about four characters a token in the tokenizers we know, German and Dutch nearer three.
CHARACTERS_PER_TOKEN = 3
KEPT = 8


@dataclass(frozen=True, slots=True)
class Pair:
    """What was asked, and what the baseline answered."""

    ask: str
    answer: str


def to_bytes(pairs: Sequence[Pair]) -> bytes:
    """The artefact of these pairs: JSON, the same bytes for the same pairs."""
    return msgspec.json.encode({"pairs": [{"ask": pair.ask, "answer": pair.answer} for pair in pairs]})


def from_bytes(data: bytes) -> tuple[Pair, ...]:
    """The pairs of an artefact. Raises ValueError when it is anything else."""
    try:
        rows = msgspec.json.decode(data, type=dict[str, list[dict[str, str]]])["pairs"]
        return tuple(Pair(row["ask"], row["answer"]) for row in rows)
    except (msgspec.DecodeError, KeyError) as cause:
        raise ValueError("not a file of demonstrations") from cause


class Shown:
    """Pairs with their embeddings, ready to be searched."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        from switchover.upstreams.embeddings import embed

        self.pairs = tuple(pairs)
        self._vectors: Vectors = embed([pair.ask for pair in pairs])

    def nearest(self, ask: str, k: int) -> list[Pair]:
        """The ``k`` pairs nearest to ``ask``, nearest first."""
        from switchover.upstreams.embeddings import embed, nearest

        return [self.pairs[row] for row, _ in nearest(embed([ask])[0], self._vectors, k)]

    def vote(self, ask: str, k: int) -> str | None:
        """The answer most of the ``k`` nearest have; of equals the one nearest. The plain anchor, without any model."""
        counts: dict[str, int] = {}
        for pair in self.nearest(ask, k):
            counts[pair.answer] = counts.get(pair.answer, 0) + 1
        # max keeps the first of equals, and the nearest came first.
        return max(counts, key=lambda answer: counts[answer]) if counts else None


_shown: OrderedDict[str, Shown] = OrderedDict()


def shown(name: str, artefact: bytes) -> Shown:
    """The pairs of the artefact called ``name`` (its digest), embedded once and kept while they are in use."""
    found = _shown.get(name)
    if found is None:
        found = _shown[name] = Shown(from_bytes(artefact))
        if len(_shown) > KEPT:
            _shown.popitem(last=False)
    else:
        _shown.move_to_end(name)
    return found


def turns(pairs: Sequence[Pair], tokens: int) -> list[dict[str, Any]]:
    """User and assistant turns of ``pairs`` (nearest first) that fit in ``tokens``; the nearest comes last."""
    kept: list[Pair] = []
    for pair in pairs:
        tokens -= (len(pair.ask) + len(pair.answer)) // CHARACTERS_PER_TOKEN + 8
        if tokens < 0:
            break
        kept.append(pair)
    return [
        turn
        for pair in reversed(kept)
        for turn in ({"role": "user", "content": pair.ask}, {"role": "assistant", "content": pair.answer})
    ]


def number(parameters: Mapping[str, object], name: str, default: int) -> int:
    """A whole number among a prompt version's parameters."""
    value = parameters.get(name, default)
    return value if isinstance(value, int) else default
