"""Texts made alike and told apart: the quick ways say what the plain ones do."""

import random
import re
import unicodedata

import numpy as np

from switchover.trial.copies import _A, _B, BANDS, LONGEST, ROWS, SHINGLE, hashes, normalise, signature

ALPHABET = [chr(point) for point in range(128)] + list("éßﬁⅧ²٣日🙂\u00a0\u2028_")


def texts(count=400):
    rng = random.Random(3)
    for _ in range(count):
        letters = ALPHABET[:128] if rng.random() < 0.5 else ALPHABET
        yield "".join(rng.choices(letters, k=rng.randrange(60)))


def test_a_text_of_ascii_alone_is_normalised_as_any_other():
    for text in texts():
        folded = unicodedata.normalize("NFKC", text).casefold()
        assert normalise(text) == re.sub(r"\d", "0", re.sub(r"[\W_]+", " ", folded)).strip()


def test_a_signature_holds_the_least_of_each_permutation_of_the_shingles():
    long = " ".join(f"word{number}" for number in range(3_000))
    for normal in ("", "a", "abcde", "a text of some words", "again " * 400, long):
        shingles = np.unique(hashes(normal[:LONGEST], SHINGLE))
        least = (shingles * _A + _B).min(axis=1)
        assert least.shape == (BANDS * ROWS,)
        assert (signature(normal) == least).all()
