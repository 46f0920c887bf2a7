"""Frames: a changed prompt is told from a new question, a name, a date or a quoted document."""

from __future__ import annotations

import random

import pytest

from switchover.trial.frames import pieces, unknown

PROMPT = (
    "You are the assistant of an insurer's inbox. Read the customer's message and say which desk handles it. Answer "
    "with one label and nothing else. Never promise a payment. If in doubt, say general."
)
OTHER = (
    "You write replies for the insurer's customers. Use at most three sentences, a friendly tone, and end with the "
    "name of the desk. Quote the policy's number when the customer gave it."
)
NAMES = ["Anna", "Bert", "Chloe", "Dirk", "Els", "Fatima", "Guus", "Hanna", "Ivo", "Jan", "Kim", "Lotte", "Mo", "Nina"]


def doc(rng, size=60):
    return " ".join("".join(rng.choices("bdfklmnrst", k=rng.randint(3, 9))) for _ in range(size))


def plain(text, rng, docs):
    return text


def named(text, rng, docs):
    return f"You help {rng.choice(NAMES)} {rng.choice(NAMES)}, customer since {rng.randint(1990, 2025)}. {text}"


def quoting(text, rng, docs):
    return f"{text}\nContext:\n" + "\n".join(rng.sample(docs, 3))


def asked(text, **more):
    return pieces({"messages": [{"role": "system", "content": text}, {"role": "user", "content": "hello"}], **more})


@pytest.fixture
def rng():
    return random.Random(7)


@pytest.mark.parametrize("way", [plain, named, quoting])
def test_the_same_prompt_is_known_whatever_is_written_into_it(way, rng):
    docs = [doc(rng) for _ in range(80)]
    known = [asked(way(PROMPT, rng, docs)) for _ in range(100)]
    assert sum(unknown([asked(way(PROMPT, rng, docs)) for _ in range(20)], known)) <= 4


@pytest.mark.parametrize("way", [plain, named, quoting])
@pytest.mark.parametrize("after", [OTHER, PROMPT[: len(PROMPT) // 2]])
def test_another_prompt_or_half_of_it_is_seen(way, after, rng):
    docs = [doc(rng) for _ in range(80)]
    known = [asked(way(PROMPT, rng, docs)) for _ in range(100)]
    assert all(unknown([asked(way(after, rng, docs)) for _ in range(20)], known))


def test_a_word_more_makes_no_other_frame():
    assert not any(unknown([asked(PROMPT.replace("general", "other"))] * 20, [asked(PROMPT)] * 60))


def test_tools_and_the_form_of_the_answer_belong_to_the_frame():
    tool = {"type": "function", "function": {"name": "transfer_call", "parameters": {"desk": {"type": "string"}}}}
    assert all(unknown([asked("Help.", tools=[tool])] * 20, [asked("Help.")] * 60))
    assert all(unknown([asked("Help.", response_format={"type": "json_schema", "a": "b"})] * 20, [asked("Help.")] * 60))


def test_without_a_frame_there_is_nothing_to_change():
    bare = pieces({"messages": [{"role": "user", "content": PROMPT}]})
    assert bare == frozenset()
    assert not any(unknown([bare] * 20, [bare] * 60))
    assert all(unknown([asked(PROMPT)] * 20, [bare] * 60))


def test_one_frame_of_several_is_known_and_a_new_one_beside_them_is_not():
    known = [asked(PROMPT)] * 57 + [asked("Translate the letter into plain Dutch for the customer to read.")] * 3
    newest = [asked(PROMPT)] * 16 + [asked("Translate the letter into plain Dutch for the customer to read.")]
    assert not any(unknown(newest, known))
    assert unknown([*newest, *[asked(OTHER)] * 4] * 5, known) == [*[False] * 17, *[True] * 4] * 5


def test_messages_in_parts_and_nonsense_are_read_as_far_as_they_go():
    parts = {"messages": [{"role": "developer", "content": [{"type": "text", "text": PROMPT}, {"type": "image"}]}, 3]}
    assert pieces(parts) == asked(PROMPT)
    assert pieces({}) == frozenset()
