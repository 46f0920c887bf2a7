"""The laws of joining a rest to the beginning of an answer, for any cut and under any split."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from switchover.dialects.seam import SHORTEST_OVERLAP, Join, overlap

# Few letters, so that beginnings and ends are often alike; one beyond the first plane, one that combines.
LETTERS = st.text(alphabet="ab \n🏠e\u0301", max_size=60)
ANSWERS = st.one_of(LETTERS, st.text(max_size=60), st.text(alphabet="ab", min_size=20, max_size=80))
STOPS = st.lists(st.text(alphabet="ab \n", min_size=1, max_size=4), max_size=2)


def joined(sent, pieces, stops=(), shown=None):
    join = Join(sent, sent if shown is None else shown, stops)
    told = [join.feed(piece) for piece in pieces]
    return "".join([*told, join.close()]), join


def split(text, places):
    cuts = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[a:b] for a, b in pairwise(cuts)]


@given(ANSWERS, st.integers(0, 80))
@example("a" * 30, 15)
def test_what_was_sent_and_its_exact_rest_make_the_answer_unless_the_rest_repeats_twelve_characters(answer, place):
    place = min(place, len(answer))
    sent, rest = answer[:place], answer[place:]
    told, _ = joined(sent, [rest])
    assert told == rest[overlap(sent, rest) :]
    if not any(sent.endswith(rest[:length]) for length in range(SHORTEST_OVERLAP, len(rest) + 1)):
        assert sent + told == answer


@given(ANSWERS, st.integers(0, 80), st.integers(SHORTEST_OVERLAP, 80))
def test_a_rest_that_repeats_the_end_tells_it_once(answer, place, repeated):
    place = min(place, len(answer))
    sent, rest = answer[:place], answer[max(place - repeated, 0) :]
    told, _ = joined(sent, [rest])
    common = min(place, repeated)
    if common < SHORTEST_OVERLAP:
        assert told == rest[overlap(sent, rest) :]
    else:
        # At least what was repeated is left out; more only where more of the rest is alike.
        assert len(told) <= len(rest) - common
        assert rest.endswith(told)


@given(ANSWERS, ANSWERS, STOPS, st.booleans(), st.lists(st.integers(0, 200), max_size=8))
def test_every_split_of_the_rest_tells_the_same(sent, rest, stops, stripped, places):
    shown = sent.rstrip() if stripped else sent
    whole, at_once = joined(sent, [rest], stops, shown)
    parts, split_up = joined(sent, split(rest, places), stops, shown)
    assert (parts, split_up.stopped) == (whole, at_once.stopped)


@given(ANSWERS, ANSWERS, st.lists(st.integers(0, 200), max_size=8))
def test_nothing_of_the_rest_is_lost_but_its_overlap_and_nothing_is_told_twice(sent, rest, places):
    told, _ = joined(sent, split(rest, places))
    left_out = len(rest) - len(told)
    assert rest[left_out:] == told
    assert left_out == 0 or (left_out >= SHORTEST_OVERLAP and sent.endswith(rest[:left_out]))


@given(st.text(alphabet="ab", max_size=11), st.text(alphabet=" \n", max_size=4), LETTERS, st.lists(st.integers(0, 99)))
def test_white_space_that_was_sent_but_not_shown_is_not_told_again(words, space, rest, places):
    told, _ = joined(words + space, split(space + rest, places), shown=words)
    assert told == rest


@given(LETTERS, LETTERS, st.integers(0, 60), st.lists(st.integers(0, 200), max_size=5))
def test_a_stop_sequence_across_the_seam_ends_the_answer_there(before, after, place, places):
    stop = "\nUser:"
    inside = 1 + place % (len(stop) - 1)
    sent, rest = before + "." + stop[:inside], stop[inside:] + after
    told, join = joined(sent, split(rest, places), [stop])
    assert (told, join.stopped) == ("", stop)


@given(ANSWERS, ANSWERS)
def test_a_rest_without_the_other_half_of_a_stop_sequence_is_told_whole(sent, rest):
    stop = "<|end|>"
    told, join = joined(sent + "<|e", [rest, ""], [stop])
    if not rest.startswith("nd|>"):
        assert join.stopped is None
        assert told == rest[overlap(sent + "<|e", rest) :]
