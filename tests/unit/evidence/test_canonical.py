"""One way to write an entry, and no other is read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.evidence.canonical import decode, encode, figure, moment, text

words = st.text(st.characters(exclude_categories=["Cs"]))
names = st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(names, values, max_size=5))
def test_what_was_written_is_read_and_written_again_alike(value: dict[str, object]) -> None:
    assert decode(encode(value)) == value
    assert encode(decode(encode(value))) == encode(value)


def test_strings_are_as_rfc_8785_writes_them() -> None:
    # Section 3.2.2.2 and its example: escapes where there is a short one, \u00xx for other controls, else UTF-8.
    told = encode({"s": '\u20ac$\u000f\nA\'B"\\\\"/\u007f\b\t\f\r'})
    assert told == '{"s":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\u007f\\b\\t\\f\\r"}'.encode()


def test_names_are_sorted_and_nothing_stands_between() -> None:
    assert encode({"b": [1, True, None], "a": {"d": "x", "c": -2}}) == b'{"a":{"c":-2,"d":"x"},"b":[1,true,null]}'


@pytest.mark.parametrize(
    "value", [{"a": 0.5}, {"a": 2**53}, {"A": 1}, {"a-b": 1}, {"a": {"é": 1}}, {"a": b"x"}, {"a": "\ud800"}], ids=repr
)
def test_what_could_be_written_in_two_ways_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # UnicodeEncodeError is one, with words of its own
        encode(value)


@pytest.mark.parametrize("data", [b'{"a": 1}', b'{"b":1,"a":2}', b'{"a":1,"a":1}', b"[1]", b'{"a":1}\n', b"\x00" * 9,
                                  b'{"a":"\\u0041"}', b'{"a":1e0}', b"\xff"])  # fmt: skip
def test_bytes_that_merely_mean_the_same_are_not_read(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # those of json and of UTF-8 are among them
        decode(data)


def test_figures_moments_and_names_are_strings_that_lose_nothing_that_matters() -> None:
    assert moment(1_780_000_000.25) == "2026-05-28T20:26:40.250000Z"
    assert [figure(x) for x in (0.1, 3, float("-inf"), None)] == ["0.1", "3.0", "-inf", None]
    assert json.loads(encode({"t": text("a\ud800" + "b" * 300)}))["t"] == "a?" + "b" * 198
