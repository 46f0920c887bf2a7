"""Static embeddings of texts: the mean of fixed word vectors, without a network or a GPU, the same on every run.

``wordllama`` (MIT) carries 256 dimensions in its wheel; 0.06 ms a text on one core. It reads English.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

DIMENSIONS = 256
Vectors = npt.NDArray[np.float32]

_lock = threading.Lock()
_model: Any = None


def embed(texts: Sequence[str]) -> Vectors:
    """Unit vectors, shape (texts, 256). A text without a known word is the zero vector, near to nothing.

    One text at a time: in a batch, padding changes the last bits, and with them the order of near ties.
    """
    model = _loaded()
    found = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    for row, text in enumerate(texts):
        if text.strip():
            vector = cast(Vectors, model.embed(text))[0]
            length = float(np.linalg.norm(vector))
            if length > 0:
                found[row] = vector / length
    return found


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
