"""A changed prompt ends the proofs that were made with another; what is written into a prompt does not."""

from __future__ import annotations

import pytest

from switchover.domain.candidate import State
from switchover.domain.watching import ChangeKind, Why
from switchover.store.changes import changes, marks
from switchover.store.register import set_baseline_lost
from switchover.watch.prompts import PromptWatch, prompts

OTHER = "Write two friendly sentences to the customer, in the customer's language, and end with the name of the desk."


@pytest.fixture
def watch(desk):
    return PromptWatch(desk.store, desk.clock, desk.noted.append)


def look(desk, watch, **more):
    desk.clock.advance(1)
    return watch.look(desk.settings, desk.process, **more)


def test_half_of_the_newest_requests_with_another_prompt_end_the_proofs(desk, watch):
    (proof,) = desk.proofs
    desk.clock.advance(60)
    desk.record(5, OTHER)
    assert look(desk, watch) is None
    began = desk.clock.now()
    desk.record(10, OTHER)
    change = look(desk, watch)
    assert change.kind is ChangeKind.PROMPT
    assert change.since < began
    assert desk.proofs == []
    assert desk.verdict(proof).state is State.EXPIRED
    assert "the application's prompt changed on 2026-05-28" in desk.verdict(proof).evidence.reasons[0]
    assert desk.due() == [("other", Why.CHANGED)]
    assert marks(desk.store, "messages", "other").since == change.since
    assert look(desk, watch) is None
    desk.record(30)
    assert look(desk, watch) is None
    assert desk.proofs == []


def test_a_fifth_of_a_days_requests_with_another_prompt_ends_them_too(desk, watch):
    for _ in range(10):
        desk.clock.advance(60)
        desk.record(5, OTHER)
        desk.record(8)
    assert look(desk, watch) is None
    assert look(desk, watch, day=True).kind is ChangeKind.PROMPT


def test_a_word_more_and_a_prompt_known_to_the_cases_change_nothing(desk, watch):
    desk.clock.advance(60)
    desk.record(20, desk.prompt.replace("money", "payments"))
    assert look(desk, watch) is None
    assert len(desk.proofs) == 1


def test_while_the_baseline_is_lost_proofs_are_held_as_they_were(desk, watch):
    desk.clock.advance(60)
    set_baseline_lost(desk.store, "messages", desk.clock.now())
    desk.record(20, OTHER)
    assert look(desk, watch) is None
    assert len(desk.proofs) == 1


def test_a_round_tells_of_every_process(desk):
    desk.clock.advance(60)
    (known,) = desk.run(prompts)
    assert known.well
    desk.record(20, OTHER)
    (found,) = desk.run(prompts)
    assert not found.well
    assert "prompt changed" in found.said
    assert len(changes(desk.store)) == 1
