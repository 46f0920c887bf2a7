"""A student: a small classifier distilled from recorded baseline answers, for processes with a closed set of answers.

Features: hashed character 2–5-grams within words (tf-idf) beside the static embedding; on them a logistic regression
(scikit-learn). Answers that the rest of the record contradicts are left out of the lesson: a teacher that is wrong now
and then would else be learned by heart. Chosen by measurement, see ``docs/design/students.md``. A student inherits its
teacher's habitual errors.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .embeddings import DIMENSIONS, embed

FORMAT = 1
HASHED = 1 << 15
STRENGTH = 5.0
EMBEDDING_WEIGHT = 0.5
# A recorded answer is left out when the rest of the record gives it less than this and another answer more than that.
DOUBTED, PREFERRED = 0.1, 0.5
FOLDS = 3
FEWEST_TO_DOUBT = 60
# Points up to which their products are held at once: 2,000 take 32 MB.
MOST_TURNED = 2000
# 200 labels; a student for more is no closed set.
MOST_BYTES = 200 * (HASHED + DIMENSIONS) * 4 + (1 << 20)


@dataclass(frozen=True, slots=True, eq=False)
class Student:
    """A trained student: ``coefficients`` has shape (labels, HASHED + DIMENSIONS), ``idf`` shape (HASHED,)."""

    labels: tuple[str, ...]
    coefficients: npt.NDArray[np.float32]
    intercept: npt.NDArray[np.float32]
    idf: npt.NDArray[np.float32]
    about: Mapping[str, object] = field(default_factory=dict)

    def predict(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """(label, probability of it) per text."""
        scores = features(texts, self.idf) @ self.coefficients.T + self.intercept
        scores = scores - scores.max(axis=1, keepdims=True)
        chances = np.exp(scores)
        chances /= chances.sum(axis=1, keepdims=True)
        best = chances.argmax(axis=1)
        return [(self.labels[label], float(chances[row, label])) for row, label in enumerate(best)]

    def to_bytes(self) -> bytes:
        """An ``.npz`` without pickles; the same student gives the same bytes."""
        about = json.dumps({"format": FORMAT, "labels": self.labels, **self.about}, sort_keys=True)
        sink = io.BytesIO()
        np.savez_compressed(
            sink,
            about=np.frombuffer(about.encode(), dtype=np.uint8),
            coefficients=self.coefficients,
            intercept=self.intercept,
            idf=self.idf,
        )
        return sink.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Student:
        """Reads :meth:`to_bytes`. Raises ValueError when it is anything else, before unpacking what is too big."""
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                    raise ValueError("a student that is too big")
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                about = json.loads(arrays["about"].tobytes())
                coefficients, intercept, idf = arrays["coefficients"], arrays["intercept"], arrays["idf"]
        except (zipfile.BadZipFile, KeyError, OSError, UnicodeDecodeError) as cause:
            raise ValueError("not a student") from cause
        labels = tuple(about.pop("labels"))
        shapes = (coefficients.shape, intercept.shape, idf.shape)
        if about.pop("format") != FORMAT or shapes != ((len(labels), HASHED + DIMENSIONS), (len(labels),), (HASHED,)):
            raise ValueError("a student of another format")
        return cls(labels, coefficients, intercept, idf, about)


def train(texts: Sequence[str], answers: Sequence[str], *, seed: int) -> Student:
    """A student of these (text, answer) pairs; the same pairs in the same order and seed give the same student.

    Raises ValueError with fewer than two different answers.
    """
    if len(set(answers)) < 2:
        raise ValueError("a student needs two different answers at least")
    counts = _counts(texts)
    present = np.asarray((counts > 0).sum(axis=0)).ravel()
    idf = (np.log((1 + len(texts)) / (1 + present)) + 1).astype(np.float32)
    matrix, given = features(texts, idf), np.asarray(answers)
    turned, back = _turned(matrix) if len(texts) <= MOST_TURNED else (matrix, None)
    kept = _uncontradicted(turned, given, seed)
    model = _fit(turned[kept], given[kept], seed)
    labels = tuple(str(label) for label in model.classes_)
    coefficients, intercept = model.coef_, model.intercept_
    if back is not None:
        coefficients = np.asarray(matrix.T @ (back @ coefficients.T)).T
    if len(labels) == 2:
        # Of two labels scikit-learn keeps one row; half of it for each side gives the same chances.
        coefficients, intercept = np.vstack([-coefficients, coefficients]) / 2, np.hstack([-intercept, intercept]) / 2
    return Student(
        labels=labels,
        coefficients=coefficients.astype(np.float32),
        intercept=intercept.astype(np.float32),
        idf=idf,
        about={"pairs": len(texts), "left_out": int((~kept).sum()), "seed": seed},
    )


def _fit(points: Any, answers: npt.NDArray[np.str_], seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=STRENGTH, max_iter=1000, random_state=seed).fit(points, answers)


def _uncontradicted(points: Any, answers: npt.NDArray[np.str_], seed: int) -> npt.NDArray[np.bool_]:
    """Which answers to learn from, shape (points,): those that a model of the other folds does not contradict.

    Source: pruning by out-of-sample confidence, Northcutt, Jiang, Chuang, "Confident Learning", arXiv 1911.00068. Every
    label stays; with few answers there is no telling, and all are kept.
    """
    everything = np.ones(len(answers), dtype=bool)
    if len(answers) < FEWEST_TO_DOUBT:
        return everything
    labels = np.unique(answers)
    chances = np.zeros((len(answers), len(labels)))
    fold = np.random.default_rng(seed).permutation(len(answers)) % FOLDS
    for one in range(FOLDS):
        rest = fold != one
        if len(np.unique(answers[rest])) < len(labels):
            return everything
        chances[~rest] = _fit(points[rest], answers[rest], seed).predict_proba(points[~rest])
    own = chances[np.arange(len(answers)), np.searchsorted(labels, answers)]
    kept = ~((chances.max(axis=1) > PREFERRED) & (own < DOUBTED))
    return kept if len(np.unique(answers[kept])) == len(labels) else everything


def _turned(matrix: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The same points in a space of as many dimensions as there are points, and the way back for coefficients.

    A regression with a quadratic penalty has the same optimum in both, since that lies in the span of the points; with
    640 points it is found in a fraction of the time. Source: Hastie, Tibshirani, Friedman, ESL, section 18.3.5.
    """
    values, vectors = np.linalg.eigh((matrix @ matrix.T).toarray().astype(np.float64))
    kept = values > 1e-9 * values[-1]
    roots = np.sqrt(values[kept])
    return vectors[:, kept] * roots, vectors[:, kept] / roots


def features(texts: Sequence[str], idf: npt.NDArray[np.float32]) -> Any:
    """A sparse matrix, shape (texts, HASHED + DIMENSIONS), float32."""
    from scipy.sparse import csr_matrix, hstack  # type: ignore[import-untyped]  # scipy ships no types
    from sklearn.preprocessing import normalize

    counts = _counts(texts)
    # Sublinear: the tenth occurrence says little that the first did not.
    counts.data = np.log(counts.data) + 1
    weighted = normalize(counts.multiply(idf).tocsr())
    return hstack([weighted, csr_matrix(embed(texts) * EMBEDDING_WEIGHT)]).tocsr().astype(np.float32)


def _counts(texts: Sequence[str]) -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer

    hashed = HashingVectorizer(
        analyzer="char_wb", ngram_range=(2, 5), n_features=HASHED, alternate_sign=False, norm=None, dtype=np.float32
    )
    return hashed.transform(texts)
