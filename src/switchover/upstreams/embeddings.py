"""Static embeddings of texts: the mean of fixed word vectors, without a network or a GPU, the same on every run.

``wordllama`` (MIT) carries 256 dimensions in its wheel; 0.03 ms for a text of sixty words, of many. It reads English.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

DIMENSIONS = 256
Vectors = npt.NDArray[np.float32]

# How the vocabulary spells a space.
_SPACE = "▁"
_AT_ONCE = 4_096

_lock = threading.Lock()
_model: Any = None


def embed(texts: Sequence[str]) -> Vectors:
    """Unit vectors, shape (texts, 256). A text without a known word is the zero vector, near to nothing.

    Each text by itself: in a batch, padding changes the last bits, and with them the order of near ties.
    """
    model = _loaded()
    found = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    words: dict[str, list[int]] | None = {} if len(texts) > 1 else None
    for row, text in enumerate(texts):
        if text.strip():
            vector = _mean(model.embedding, tokens(model.tokenizer, text, words))
            length = float(np.linalg.norm(vector))
            if length > 0:
                found[row] = vector / length
    return found


def tokens(tokenizer: Any, text: str, words: dict[str, list[int]] | None) -> list[int]:
    """The text's tokens; with ``words``, which holds those met so far, a word that comes again is not read again.

    No token of the vocabulary reaches over the space between two words. What is spaced in another way, or may hold one
    of the vocabulary's special tokens or its sign for a space, is read as a whole.
    """
    parts = text.split(" ") if words is not None else []
    if words is None or "" in parts or "<" in text or _SPACE in text:
        return list(tokenizer.encode(text, add_special_tokens=False).ids)
    found: list[int] = []
    for word in parts:
        known = words.get(word)
        if known is None:
            known = words[word] = tokenizer.encode(word, add_special_tokens=False).ids
        found += known
    return found


def _mean(embedding: Vectors, found: Sequence[int]) -> Vectors:
    """Of the tokens' vectors, added up in their order; so many at a time that a long text needs no room."""
    total = embedding.take(found[:_AT_ONCE], axis=0).sum(axis=0)
    for at in range(_AT_ONCE, len(found), _AT_ONCE):
        total = np.concatenate([total[None], embedding.take(found[at : at + _AT_ONCE], axis=0)]).sum(axis=0)
    return np.asarray(total / np.float32(max(len(found), 1)))


def forget() -> None:
    """Gives back the 100 MB of the vectors; they are loaded again when they are next needed."""
    global _model
    with _lock:
        _model = None


def nearest(vector: Vectors, among: Vectors, k: int) -> list[tuple[int, float]]:
    """(row, cosine) of the ``k`` rows of ``among`` nearest to ``vector``, nearest first; ties in order of the rows."""
    cosines = among @ vector
    order = np.argsort(-cosines, kind="stable")[:k]
    return [(int(row), float(cosines[row])) for row in order]


def _loaded() -> Any:
    global _model
    with _lock:
        if _model is None:
            _model = _load()
        return _model


def _load() -> Any:
    # Importing wordllama configures the root logger, which is its application's business.
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        import wordllama
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    # Its own folder as the cache: the default one is empty, and then it would go to the network.
    return wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
