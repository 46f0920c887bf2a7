"""Two answers word by word: nothing is lost, and what is said to differ differs."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from switchover.report.differing import MOST_WORDS, Mark, Piece, differences, shortened

law = settings(deadline=None, max_examples=30, derandomize=True)
texts = st.lists(st.sampled_from(["paid", "refused", " ", "  ", "\n", ",", "10", "é", "_", "."]), max_size=25).map(
    "".join
)


def side(pieces, mark):
    return "".join(piece.text for piece in pieces if piece.mark in (Mark.BOTH, mark))


@law
@given(texts, texts)
def test_both_texts_can_be_read_from_the_pieces(left, right):
    pieces = differences(left, right)
    assert (side(pieces, Mark.LEFT), side(pieces, Mark.RIGHT)) == (left, right)
    assert all(piece.text for piece in pieces)


@law
@given(texts)
def test_the_same_text_has_no_difference(text):
    assert {piece.mark for piece in differences(text, text)} <= {Mark.BOTH}


def test_one_word_is_one_difference():
    assert differences("it is paid today", "it is refused today") == (
        Piece(Mark.BOTH, "it is "),
        Piece(Mark.LEFT, "paid "),
        Piece(Mark.RIGHT, "refused "),
        Piece(Mark.BOTH, "today"),
    )


def test_a_very_long_text_keeps_its_rest_in_one_piece():
    long = "word " * (MOST_WORDS + 10)
    pieces = differences(long + "left", long + "right")
    assert (side(pieces, Mark.LEFT), side(pieces, Mark.RIGHT)) == (long + "left", long + "right")
    assert pieces[-1].mark is Mark.RIGHT


@law
@given(st.lists(st.sampled_from("abc"), min_size=35, max_size=90), st.lists(st.sampled_from("abcd"), max_size=90))
def test_both_texts_can_be_read_from_the_pieces_where_no_word_comes_once(left, right):
    left, right = " ".join(left), " ".join(right)
    pieces = differences(left, right)
    assert (side(pieces, Mark.LEFT), side(pieces, Mark.RIGHT)) == (left, right)


def test_a_word_in_a_long_text_is_one_difference_wherever_it_stands():
    words = [f"word{number % 400}" for number in range(1_000)]
    for at in (0, 500, 999):
        changed = [*words[:at], "changed", *words[at + 1 :]]
        marks = [piece.mark for piece in differences(" ".join(words), " ".join(changed))]
        assert (marks.count(Mark.LEFT), marks.count(Mark.RIGHT)) == (1, 1)
    moved = differences(" ".join(words), " ".join([*words[:300], "new", *words[300:600], "newer", *words[601:]]))
    assert [piece.mark for piece in moved] == [
        Mark.BOTH, Mark.RIGHT, Mark.BOTH, Mark.LEFT, Mark.RIGHT, Mark.BOTH,
    ]  # fmt: skip


def test_texts_made_to_be_slow_to_compare_are_compared_in_no_time():
    begun = time.thread_time()
    many = MOST_WORDS // 2
    pieces = differences("a " * MOST_WORDS, " ".join(f"a x{number}" for number in range(many)))
    assert side(pieces, Mark.LEFT) == "a " * MOST_WORDS
    differences(" ".join(f"a y{number}" for number in range(many)), " ".join(f"a x{number}" for number in range(many)))
    # All words against all took a minute.
    assert time.thread_time() - begun < 20.0


def test_what_both_say_at_length_is_cut_between_differences_and_at_the_ends():
    same = "as both of them say at some length " * 20
    found = shortened(differences(f"{same}paid {same}today {same}", f"{same}refused {same}later {same}"), around=30)
    both = [piece.text for piece in found if piece.mark is Mark.BOTH]
    assert [len(text) < 80 for text in both] == [True, True, True]
    assert both[0].startswith(" … ")
    assert " … " in both[1]
    assert both[2].endswith(" … ")
    assert [piece.text for piece in found if piece.mark is Mark.LEFT] == ["paid ", "today "]
