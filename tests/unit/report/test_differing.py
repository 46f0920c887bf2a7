"""Two answers word by word: nothing is lost, and what is said to differ differs."""

from __future__ import annotations

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


def test_what_both_say_at_length_is_cut_between_differences_and_at_the_ends():
    same = "as both of them say at some length " * 20
    found = shortened(differences(f"{same}paid {same}today {same}", f"{same}refused {same}later {same}"), around=30)
    both = [piece.text for piece in found if piece.mark is Mark.BOTH]
    assert [len(text) < 80 for text in both] == [True, True, True]
    assert both[0].startswith(" … ")
    assert " … " in both[1]
    assert both[2].endswith(" … ")
    assert [piece.text for piece in found if piece.mark is Mark.LEFT] == ["paid ", "today "]
