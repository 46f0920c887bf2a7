"""The inbox is what it claims to be: varied, complete, and its truth literally in the texts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from switchover.testing.inbox import DESKS, claims, messages


def grams(text: str) -> frozenset[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return frozenset(zip(*(words[at:] for at in range(5)), strict=False)) or frozenset({tuple(words)})


def in_copy_groups(texts: list[str], least: float = 0.5) -> list[int]:
    """Numbers of the texts that share a group with another: word-5-gram Jaccard of at least ``least``."""
    sets = [grams(text) for text in texts]
    holders = defaultdict(list)
    for number, one in enumerate(sets):
        for gram in one:
            holders[gram].append(number)
    shared = Counter()
    for numbers in holders.values():
        for place, first in enumerate(numbers):
            for second in numbers[place + 1 :]:
                shared[first, second] += 1
    found = set()
    for (first, second), both in shared.items():
        if both / (len(sets[first]) + len(sets[second]) - both) >= least:
            found |= {first, second}
    return sorted(found)


def test_copies_are_found():
    copy = "please cancel my home policy from the first of next month because I have sold it"
    assert in_copy_groups([copy, copy + " now", "a wholly different message about a broken window pane"]) == [0, 1]


def test_there_are_messages_enough_for_every_desk():
    found = messages()
    by_desk = Counter(one.desk for one in found)
    assert len(found) >= 1200
    assert set(by_desk) == set(DESKS)
    assert min(by_desk.values()) >= 100


def test_complaints_and_claims_are_enough():
    assert sum(one.kind == "complaint" for one in messages()) >= 120
    assert len(claims()) >= 80


def test_few_messages_are_copies_of_one_another():
    found = messages()
    copies = in_copy_groups([one.text for one in found])
    assert len(copies) <= 0.05 * len(found), [found[number].id for number in copies]


def test_few_claims_are_copies_of_one_another():
    found = claims()
    copies = in_copy_groups([one.text for one in found])
    assert len(copies) <= 0.05 * len(found), [found[number].id for number in copies]


def test_ids_and_texts_are_unique():
    rows = [*messages(), *claims()]
    assert [name for name, count in Counter(one.id for one in rows).items() if count > 1] == []
    assert [text for text, count in Counter(one.text.strip() for one in rows).items() if count > 1] == []


def test_some_are_hard_and_some_are_dutch_or_german():
    found = messages()
    assert any(one.hard for one in found)
    assert {"en", "nl", "de"} >= {one.language for one in found} >= {"en", "nl", "de"}
    assert {one.kind for one in found} <= {"message", "complaint"}


def test_the_item_of_every_claim_stands_in_its_text():
    assert [one.id for one in claims() if str(one.fields["item"]) not in one.text] == []


def test_every_claim_has_every_field_in_its_form():
    for one in claims():
        assert set(one.fields) == {"policy", "date_of_loss", "cause", "item", "amount", "injury"}, one.id
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", str(one.fields["date_of_loss"])), one.id
        assert isinstance(one.fields["injury"], bool), one.id
        assert one.fields["amount"] is None or isinstance(one.fields["amount"], int | float), one.id
        assert one.fields["policy"] is None or str(one.fields["policy"]) in one.text, one.id
