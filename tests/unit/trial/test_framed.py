"""A record's frames by name: names, dates and documents make no other, another instruction does."""

from __future__ import annotations

import random

import pytest

from switchover.trial import framed as module
from switchover.trial.framed import framed
from switchover.trial.frames import pieces

PROMPT = (
    "You are the assistant of an insurer's inbox. Read the customer's message and say which desk handles it. Answer "
    "with one label and nothing else. Never promise a payment. If in doubt, say general."
)
OTHER = (
    "You write replies for the insurer's customers. Use at most three sentences, a friendly tone, and end with the "
    "name of the desk. Quote the policy's number when the customer gave it."
)
THIRD = (
    "Translate the letter below into plain Dutch that a customer of any age can read aloud. Keep every amount and "
    "every date as it stands, and leave out the greeting as well as the signature."
)
HOUSE = "Acme insures houses, cars and travel in four countries. Be kind, be short and never guess at a policy's terms."
NAMES = ["Anna", "Bert", "Chloe", "Dirk", "Els", "Fatima", "Guus", "Hanna", "Ivo", "Jan", "Kim", "Lotte", "Mo", "Nina"]
RNG = random.Random(11)
DOCS = [" ".join("".join(RNG.choices("bdfklmnrst", k=RNG.randint(3, 9))) for _ in range(60)) for _ in range(20)]


def asked(text, **more):
    return pieces({"messages": [{"role": "system", "content": text}, {"role": "user", "content": "hello"}], **more})


def named(text, rng):
    return f"You help {rng.choice(NAMES)} {rng.choice(NAMES)}. Today is {rng.randint(1, 28)} March 2026. {text}"


def quoting(text, rng):
    """Three of forty documents; some are in a tenth of the requests."""
    return f"{text}\nContext:\n" + "\n".join(rng.choices(DOCS, weights=range(3, 23), k=3))


def unique(text, rng):
    return f"{text}\nThe letter:\n" + " ".join("".join(rng.choices("bdfklmnrst", k=6)) for _ in range(80))


def sizes(names):
    return sorted(names.count(name) for name in set(names))


@pytest.mark.parametrize("way", [named, quoting, unique])
def test_a_prompt_is_one_frame_whatever_is_written_into_it(way):
    rng = random.Random(7)
    names = framed([asked(way(PROMPT, rng)) for _ in range(400)])
    assert sizes(names) == [400]
    assert len(names[0]) == 16


def changed(way, after, many):
    """The names before and after the last ``many`` of a thousand requests came with another prompt."""
    rng = random.Random(7)
    names = framed([asked(way(PROMPT if n < 1000 - many else after, rng)) for n in range(1000)])
    return names[:-many], names[-many:]


@pytest.mark.parametrize("way", [named, quoting, unique])
@pytest.mark.parametrize("after", [OTHER, PROMPT[: len(PROMPT) // 2]])
@pytest.mark.parametrize("many", [40, 200])
def test_another_instruction_or_half_of_it_is_another_frame(way, after, many):
    before, since = changed(way, after, many)
    assert len(set(before)) == 1
    assert not set(before) & set(since)


@pytest.mark.parametrize("way", [named, unique])
def test_an_instruction_that_was_added_for_a_fifth_of_the_record_is_another_frame(way):
    before, since = changed(way, f"{PROMPT} {OTHER}", 200)
    assert len(set(before)) == len(set(since)) == 1
    assert before[0] != since[0]


def test_tasks_below_the_same_house_rules_are_frames_of_their_own():
    rng = random.Random(7)
    tasks = [PROMPT, OTHER, THIRD]
    names = framed([asked(named(f"{HOUSE} {tasks[n % 3]}", rng)) for n in range(300)])
    assert sizes(names) == [100, 100, 100]
    assert all(name == names[n % 3] for n, name in enumerate(names))


def test_a_word_more_or_another_number_makes_no_other_frame_and_tools_and_a_form_do():
    changed = [PROMPT, PROMPT.replace("general", "other"), f"{PROMPT} Since 3 May.", f"{PROMPT} Since 17 May."]
    assert sizes(framed([asked(changed[n % 4]) for n in range(200)])) == [200]
    tool = {"type": "function", "function": {"name": "transfer_call", "parameters": {"desk": {"type": "string"}}}}
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"desk": {"enum": ["a", "b"]}}}}
    ways = [{}, {"tools": [tool]}, {"response_format": form}]
    names = framed([asked("Help the customer.", **ways[n % 3]) for n in range(300)])
    assert sizes(names) == [100, 100, 100]


def test_without_a_frame_the_name_is_empty_and_no_other_is():
    bare = pieces({"messages": [{"role": "user", "content": PROMPT}]})
    assert framed([bare] * 3) == [""] * 3
    assert framed([]) == []
    names = framed([bare, asked("Hi."), asked(PROMPT)])
    assert names[0] == ""
    assert "" not in names[1:]


def test_a_frame_keeps_its_name_while_the_record_moves_on():
    rng = random.Random(7)
    record = [asked(named(PROMPT if n % 4 else OTHER, rng)) for n in range(900)]
    first, later = framed(record[:600]), framed(record[300:])
    assert first[300:] == later[:300]
    assert len(set(later)) == 2


def test_of_a_record_too_large_to_be_held_a_part_of_the_pieces_tells_the_frames_apart(monkeypatch):
    rng = random.Random(7)
    record = [asked(unique(PROMPT if n < 400 else OTHER, rng)) for n in range(500)]
    monkeypatch.setattr(module, "MOST", sum(map(len, record)) // 3)
    names = framed(record)
    assert sizes(names) == [100, 400]
    assert len(set(names[:400])) == 1
