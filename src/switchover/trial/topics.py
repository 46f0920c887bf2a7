"""Topics: kinds of requests, as clusters of static embeddings; the unit of coverage, and where slices are found.

They are fitted once per epoch of the baseline and kept (``store/topics.py``): what a topic holds does not move as the
record grows or loses its oldest part. No text is kept of them, only the ids of exchanges that are typical.
"""

from __future__ import annotations

import importlib.util
import math
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from switchover.errors import OperatorError

from .copies import hashes, normalise

WORDLLAMA, NGRAMS = "wordllama", "n-grams"
WIDTH = 512
GRAMS = (3, 4)
FITTED = 4_000  # texts that topics are fitted on
PER_TOPIC, MOST_TOPICS = 60, 24
# A smaller cluster could be covered by nobody, and its centre would come near to what somebody wrote.
FEWEST = 5
TYPICAL = 3
ROUNDS = 20
NOVEL = -1
_AT_ONCE = 1_000

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Topics:
    """``centres`` has shape (topics, width of the ``embedding``); topics are numbered from ``first``.

    A text less alike than ``least`` to every centre is novel. ``examples`` are, topic by topic, ids of exchanges whose
    texts are nearest to its centre.
    """

    embedding: str
    centres: Vectors
    least: float
    examples: tuple[tuple[str, ...], ...] = ()
    first: int = 0

    def of(self, texts: Sequence[str]) -> list[int]:
        """The topic of each text, or -1 for a novel one. Raises OperatorError where its embedding is not there."""
        distinct = list(dict.fromkeys(texts))
        if not len(self.centres):
            return [NOVEL] * len(texts)
        found: dict[str, int] = {}
        for at in range(0, len(distinct), _AT_ONCE):
            part = distinct[at : at + _AT_ONCE]
            alike = vectors(part, self.embedding) @ self.centres.T
            nearest, near = alike.argmax(axis=1), alike.max(axis=1) >= self.least
            found |= {
                text: self.first + int(topic) if is_near else NOVEL
                for text, topic, is_near in zip(part, nearest, near, strict=True)
            }
        return [found[text] for text in texts]

    @property
    def typical(self) -> dict[int, tuple[str, ...]]:
        """Ids of typical exchanges by the topic's number."""
        return {self.first + place: ids for place, ids in enumerate(self.examples)}


def embedding_here() -> str:
    """The best embedding that this installation has: wordllama comes with the extra ``local``."""
    return WORDLLAMA if importlib.util.find_spec("wordllama") is not None else NGRAMS


def vectors(texts: Sequence[str], embedding: str) -> Vectors:
    """Unit vectors of the texts; a text of which the embedding knows nothing is the zero vector."""
    if embedding == NGRAMS:
        return _ngrams(texts)
    if embedding_here() != WORDLLAMA:
        raise OperatorError(
            f"the topics of this process were fitted with {embedding}, which is not installed",
            mend="run `pip install switchover[local]`, or fit them anew: `switchover rehearse … --refit`",
        )
    from switchover.upstreams.embeddings import embed

    return embed([normalise(text) for text in texts])


def _ngrams(texts: Sequence[str]) -> Vectors:
    """Square roots of the counts of hashed character n-grams; shape (texts, 512)."""
    found = np.zeros((len(texts), WIDTH), dtype=np.float32)
    for row, text in enumerate(texts):
        plain = f" {normalise(text)} "
        for size in GRAMS:
            found[row] += np.bincount(hashes(plain, size) % WIDTH, minlength=WIDTH)
    found = np.sqrt(found)
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12), dtype=np.float32)


def fit(texts: Sequence[str], ids: Sequence[str], *, embedding: str | None = None, first: int = 0) -> Topics:
    """Clusters of the texts (spherical k-means from spread-out starts); the same texts give the same topics.

    ``ids`` are their exchanges'. At most 4,000 distinct texts are looked at: which ones follows from what they say.
    """
    embedding = embedding or embedding_here()
    by_text: dict[str, str] = {}
    for text, name in zip(texts, ids, strict=True):
        by_text.setdefault(normalise(text), name)
    chosen = sorted(by_text, key=lambda text: (zlib.crc32(text.encode()), text))[:FITTED]
    known = vectors(chosen, embedding)
    if not len(known):
        return Topics(embedding=embedding, centres=known, least=0.0, first=first)
    centres = _clusters(known)
    alike = known @ centres.T
    nearest = alike.argmax(axis=1)
    # One in 200 of what the topics were fitted on counts as novel.
    least = float(np.quantile(alike.max(axis=1), 0.005))
    examples = []
    for topic in range(len(centres)):
        rows = np.flatnonzero(nearest == topic)
        best = rows[np.argsort(-alike[rows, topic], kind="stable")[:TYPICAL]]
        examples.append(tuple(by_text[chosen[row]] for row in best))
    return Topics(embedding=embedding, centres=centres, least=least, examples=tuple(examples), first=first)


def typical_words(inside: Sequence[str], outside: Sequence[str], many: int = 5) -> list[str]:
    """The words that tell the texts ``inside`` from those ``outside`` best, at most ``many``.

    A word that fewer than five of them have in common is left out: it may be somebody's own.
    """
    here, there = _holding(inside), _holding(outside)
    common = {word: count for word, count in here.items() if count >= FEWEST}

    def tells(word: str) -> float:
        share = common[word] / len(inside)
        return share * math.log(share / ((there[word] + 1) / (len(outside) + 1)))

    return sorted((word for word in common if tells(word) > 0), key=lambda word: (-tells(word), word))[:many]


def _holding(texts: Sequence[str]) -> Counter[str]:
    """In how many different texts each word is; words of three letters and more, without digits."""
    distinct = {normalise(text) for text in texts}
    return Counter(word for text in distinct for word in set(text.split()) if len(word) > 2 and word.isalpha())


def _clusters(known: Vectors) -> Vectors:
    """Centres of clusters with enough members."""
    centres = _starts(known, min(max(len(known) // PER_TOPIC, 1), MOST_TOPICS))
    for _ in range(ROUNDS):
        nearest = (known @ centres.T).argmax(axis=1)
        sizes = np.bincount(nearest, minlength=len(centres))
        if len(centres) > 1 and sizes.min() < FEWEST:
            centres = np.delete(centres, sizes.argmin(), axis=0)
            continue
        sums = np.stack([known[nearest == topic].sum(axis=0) for topic in range(len(centres))])
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        moved = np.where(lengths > 0, sums / np.maximum(lengths, 1e-12), centres).astype(np.float32)
        if np.allclose(moved, centres, atol=1e-6):
            break
        centres = moved
    return centres


def _starts(known: Vectors, count: int) -> Vectors:
    """Seeded k-means++: each start is drawn by its distance from those before."""
    rng = np.random.default_rng(len(known))
    chosen = [int(rng.integers(len(known)))]
    apart = np.ones(len(known))
    for _ in range(count - 1):
        apart = np.minimum(apart, np.maximum(1.0 - known @ known[chosen[-1]], 0.0))
        odds = apart**2
        if odds.sum() <= 0:
            break
        chosen.append(int(rng.choice(len(known), p=odds / odds.sum())))
    return np.asarray(known[chosen])
