"""Entries in words: every kind that is ever noted has its sentence, and says what it is about."""

from __future__ import annotations

import ast
import inspect

import pytest

from switchover.evidence import events
from switchover.evidence.telling import APART, FIELD, IDS, OPTIONAL, WORDS, about, names, sentence


def noted() -> set[str]:
    """Every kind of entry: by the tables of ``events.py``, and by what its functions say themselves."""
    tree = ast.parse(inspect.getsource(events))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_event"]
    said = [call.args[0] for call in calls]
    branches = [arm for node in said if isinstance(node, ast.IfExp) for arm in (node.body, node.orelse)]
    words = {node.value for node in (*said, *branches) if isinstance(node, ast.Constant)}
    spoken = {f"due order {became}" for became in ("opened", "done", "given up")}
    stored = {f"store {what}" for what in ("backed up", "restored")}
    own = {events.ARCHIVED, events.ARCHIVE_REMOVED, events.DELETED, "failover", "log began", "log recovered"}
    return words | spoken | stored | own | {*events.SAVED.values(), *events.ENDED.values()}


def test_every_kind_of_entry_has_words():
    assert noted() - set(WORDS) == set()


def test_what_an_entry_lacks_is_left_out_of_its_sentence():
    whole = {
        "n": 7, "at": "2026-11-26T03:00:00.000000Z", "event": "drill", "id": "drill-1", "sha256": "ab" * 32,
        "process": "claims", "target": "provider:acme", "fault": "vanished", "state": "done", "result": "passed",
        "requests": 61, "failed": 0, "rto": "0.4215", "rto_promised": "300.0",
    }  # fmt: skip
    assert sentence(whole) == (
        "A drill of claims that loses provider:acme by vanished is done: passed; 61 requests, 0 failed, "
        "recovered in 0.4215 s of 300 s"
    )
    planned = {name: whole[name] for name in ("event", "process", "target", "fault")} | {"state": "planned"}
    assert sentence(planned) == "A drill of claims that loses provider:acme by vanished is planned"


@pytest.mark.parametrize("event", sorted(WORDS))
def test_no_sentence_has_a_hole_in_it(event):
    """Of the least that an entry of its kind has, and of all of it."""
    needed = dict.fromkeys(FIELD.findall(OPTIONAL.sub("", WORDS[event])), "something")
    every = dict.fromkeys(FIELD.findall(WORDS[event]), "something")
    for fields in (needed, every):
        said = sentence({"event": event, **fields})
        assert not set(said) & set("{}[]")
        assert "nobody" not in said
        assert "  " not in said


def test_moments_and_figures_are_said_as_a_person_would():
    entry = {
        "event": "verdict saved", "id": "v-1", "process": "claims", "target": "other", "state": "READY",
        "difference": "-0.004123456", "lower": "-0.0471", "margin": "0.05", "expires": "2026-12-07T03:04:05.123456Z",
    }  # fmt: skip
    assert sentence(entry) == (
        "other for claims is READY, difference −0.004123 (at least −0.0471, accepted −0.05); "
        "holds until 2026-12-07 03:04"
    )


def test_a_kind_that_nobody_gave_words_is_said_by_its_fields():
    assert sentence({"n": 3, "event": "new thing", "process": "claims", "by": "p-1"}) == "new thing: process claims"


def test_an_end_by_expiry_and_what_was_found_later_are_said_so():
    assert sentence({"event": "cut-off lifted", "target": "upstream:vendor", "lapsed": True}).endswith("by its expiry")
    assert sentence({"event": "key revoked", "process": "a", "late": True}).endswith("(found in the store later)")


def test_an_entry_is_about_what_it_names():
    entry = {"event": "cut-off placed", "id": "d-1-cut", "drill": "d-1", "target": "upstream:vendor", "process": "a"}
    assert list(about(entry)) == [("cut-off", "d-1-cut"), ("process", "a"), ("drill", "d-1")]
    assert names(entry, "d-1")
    assert not names({**entry, "by": "p-1"}, "p-1")
    assert set(IDS) <= set(WORDS)
    assert "sha256" in APART


def test_a_large_sum_is_said_without_a_power_of_ten():
    entry = {"event": "invoice imported", "provider": "acme", "month": "2026-10", "amount_usd": "18234.61"}
    assert sentence(entry).endswith("was imported: 18,235 USD")
