"""Static embeddings: many texts at once have the vectors that each has by itself."""

import random

import numpy as np
import pytest

from switchover.upstreams import embeddings
from switchover.upstreams.embeddings import embed, tokens

WORDS = [
    "where",
    "is",
    "my",
    "claim",
    "Straße",
    "日本",
    "x,y",
    "<s>",
    "</s>",
    "a<s>b",
    "▁",
    "a▁b",
    "🙂",
    "line\nbreak",
    "",
]


@pytest.fixture(scope="module")
def texts():
    rng = random.Random(4)
    return [" ".join(rng.choices(WORDS, k=rng.randrange(1, 12))) for _ in range(300)]


def test_words_read_one_by_one_have_the_tokens_of_the_whole_text(texts):
    tokenizer, words = embeddings._loaded().tokenizer, {}
    for text in texts:
        assert tokens(tokenizer, text, words) == tokenizer.encode(text, add_special_tokens=False).ids
    assert words


def test_no_token_reaches_over_a_space_between_words():
    for token in embeddings._loaded().tokenizer.get_vocab():
        assert "▁" not in token.lstrip("▁")


def test_a_text_has_the_same_vector_alone_and_among_others(texts):
    together = embed(texts)
    for row, text in enumerate(texts):
        assert (embed([text])[0] == together[row]).all()


def test_a_text_longer_than_is_added_up_at_once_has_the_mean_of_its_tokens():
    text = " ".join(f"item {number}" for number in range(3_000))
    model = embeddings._loaded()
    found = tokens(model.tokenizer, text, None)
    assert len(found) > embeddings._AT_ONCE
    mean = model.embedding.take(found, axis=0).sum(axis=0) / np.float32(len(found))
    assert (embed([text])[0] == mean / np.linalg.norm(mean)).all()


def test_a_text_without_words_is_near_to_nothing():
    assert not embed(["", "  ", "\n"]).any()
