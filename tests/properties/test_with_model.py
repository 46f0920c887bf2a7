"""A request for another model: the model changes, and nothing else."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from switchover.dialects.openai_chat import OpenAIChat

CHAT = OpenAIChat()
WORDS = st.one_of(st.just("model"), st.just('"model"'), st.just('"model":"a"'), st.text(max_size=8))
VALUES = st.recursive(
    st.one_of(WORDS, st.integers(), st.none(), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=8,
)


def spelt(text: str, ways: list[bool]) -> str:
    """The key with some of its letters written as escapes."""
    return "".join(f"\\u{ord(letter):04x}" if way else letter for letter, way in zip(text, ways, strict=True))


@given(
    st.dictionaries(WORDS.filter(lambda word: word not in ("model", "messages")), VALUES, max_size=4),
    WORDS.filter(bool),
    st.one_of(st.just([False] * 5), st.lists(st.booleans(), min_size=5, max_size=5)),
    st.booleans(),
    st.sampled_from([None, 1]),
    st.integers(0, 4),
)
def test_only_the_model_changes(others, model, ways, ascii_only, indent, place):
    rows = [(json.dumps(key, ensure_ascii=ascii_only), value) for key, value in others.items()]
    rows.append(('"messages"', [{"role": "user", "content": model}]))
    rows.insert(place, ('"' + spelt("model", ways) + '"', model))
    dumped = [f"{key}: {json.dumps(value, ensure_ascii=ascii_only, indent=indent)}" for key, value in rows]
    body = ("{" + ", ".join(dumped) + "}").encode("utf-8", "surrogatepass")
    before = json.loads(body)
    assert json.loads(CHAT.with_model(body, 'b"1')) == {**before, "model": 'b"1'}


def test_a_key_that_is_written_with_an_escape_is_the_one_that_changes():
    body = rb'{"mod\u0065l": "a", "messages": [{"role": "user"}], "metadata": {"model": "mine"}}'
    after = json.loads(CHAT.with_model(body, "b"))
    assert (after["model"], after["metadata"]) == ("b", {"model": "mine"})
