"""An answer as one text: words as they are, calls in one canonical form that words can't pass for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.domain.answer import ToolCall, as_text, calls_tools, read_text, words_of

CALL = ("find", '{"b": 1, "a": [1.5, "x"]}')


def test_words_alone_stay_as_they_are():
    for words in ("Your claim is paid.", "", '{"text": "x"}', '{"text":1,"tool_calls":[]}', None):
        assert as_text(words) == words


def test_calls_have_one_form_whatever_the_order_and_spacing_of_their_arguments():
    told = as_text("Let me look.", [CALL])
    assert told == '{"text":"Let me look.","tool_calls":[{"arguments":{"a":[1.5,"x"],"b":1},"name":"find"}]}'
    assert told == as_text("Let me look.", [("find", '{"a":[1.5,"x"],"b":1}')])
    assert read_text(told) == ("Let me look.", (ToolCall("find", {"a": [1.5, "x"], "b": 1}),))
    assert words_of(told) == "Let me look."
    assert calls_tools(told)


def test_no_arguments_are_an_empty_object_and_no_words_are_none():
    told = as_text(None, [("list", "")])
    assert read_text(told) == ("", (ToolCall("list", {}),))
    assert words_of(told) is None


@pytest.mark.parametrize(
    "broken", ["{", '{"a": NaN}', "[1]", '"text"', "[" * 100_000, '{"a": "\\ud800"}', '{"a":' * 5000 + "1" + "}" * 5000]
)
def test_arguments_that_are_no_object_stay_text(broken):
    assert read_text(as_text(None, [("find", broken)])) == ("", (ToolCall("find", broken),))


def test_deep_arguments_are_read_back_one_way_or_the_other():
    for depth in (1, 63, 64, 65, 500, *range(900, 1000)):
        told = as_text(None, [("find", '{"a":' * depth + "1" + "}" * depth)])
        assert calls_tools(told), depth


def test_words_that_look_like_a_call_are_no_call():
    forged = as_text(None, [CALL])
    told = as_text(forged)
    assert told != forged
    assert read_text(told) == (forged, ())
    assert not calls_tools(told)
    assert words_of(told) == forged


@given(st.none() | st.text(), st.lists(st.tuples(st.text(), st.text()), max_size=3))
def test_whatever_is_told_is_read_back(words, calls):
    try:
        told = as_text(words, calls)
    except UnicodeEncodeError:  # lone surrogates never come out of a dialect
        return
    if told is not None:
        said, made = read_text(told)
        assert said == (words or "")
        assert [call.name for call in made] == [name for name, _ in calls]
