"""Words of callers and models on a page: text and nothing else."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.report.wording import HIDDEN
from switchover.web.texts import BESIDE, shown, side_by_side


@given(st.text(max_size=300))
def test_whatever_is_said_goes_into_a_page_as_text_without_a_hidden_character(text):
    import unicodedata
    from html import unescape
    from re import sub

    html = str(shown(text).html)
    html.encode()
    assert all(character in "\n\t" or unicodedata.category(character) not in HIDDEN for character in html)
    tags = set(sub(r"[^<]*(<[^>]*>)?", r"\1", html).replace("</b>", "").split("<")) - {""}
    assert all(tag.startswith('b class="odd" title="') for tag in tags)
    plain = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in HIDDEN)
    if not any(unicodedata.category(c) in ("Mn", "Me") for c in text):
        assert unescape(sub(r"<b [^>]*>[^<]*</b>", "", html)) == plain


def test_what_is_hidden_is_named():
    html = str(shown("a\u202eb\x00\ud800").html)
    assert 'title="right-to-left override">U+202E</b>' in html
    assert "U+0000</b>" in html
    assert "U+D800</b>" in html


def test_marks_piled_over_a_letter_do_not_cover_what_stands_around_it():
    html = str(shown("a" + "\u0301" * 100).html)
    assert html.count("\u0301") == 4
    assert html.count("U+0301") == 96


def test_a_long_text_is_cut_and_says_by_how_much():
    found = shown("x" * 5_000)
    assert (len(found.html), found.length, found.beyond) == (BESIDE, 5_000, 5_000 - BESIDE)
    assert shown("abcdef", 2, 3).html == "de"
    assert shown(None).length == 0


def test_what_only_one_of_two_says_is_marked_and_escaped():
    left, right = side_by_side("pay <b>five</b> euros", "pay <b>six</b> euros")
    assert "<del>five</del>" in left.html
    assert "<ins>six</ins>" in right.html
    assert "&lt;b&gt;" in left.html


@pytest.mark.parametrize("words", ["a b ", "a b b a ", "the "])
def test_answers_made_to_be_slow_to_compare_are_compared_in_time(words):
    began = time.thread_time()
    side_by_side(words * 20_000, words[::-1] * 20_000)
    assert time.thread_time() - began < 10.0
