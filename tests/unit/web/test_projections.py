"""The projection that is kept: drawn once for the same inputs, and never waited for longer than a page may."""

from __future__ import annotations

import threading

import pytest

from switchover.costs.ahead import Inputs, Terms
from switchover.costs.options import Known
from switchover.testing.builders import NOW, make_settings
from switchover.testing.sample_costs import usage
from switchover.web import projections
from switchover.web.projections import Projections


def inputs(**changes):
    given = {"settings": SETTINGS, "usage": {"claims": usage()}, "known": Known(), "begins": 0.0, "gaps": ()}
    return Inputs(terms=Terms(), **given | changes)


SETTINGS = make_settings()


@pytest.fixture
def drawn(monkeypatch):
    """What was drawn so far; each is drawn when ``go`` is set."""
    found, go = [], threading.Event()

    def draw(given):
        assert go.wait(60)
        found.append(given)
        return f"drawing {len(found)}"

    monkeypatch.setattr(projections, "weighed", draw)
    found_go = (found, go)
    yield found_go
    go.set()


def test_the_same_inputs_are_drawn_once_and_others_anew(drawn):
    found, go = drawn
    go.set()
    kept = Projections()
    first = kept.of(inputs(), NOW)
    assert (first.outlook, first.at) == ("drawing 1", NOW)
    assert kept.of(inputs(), NOW + 60) == first
    later = kept.of(inputs(gaps=("4 records",)), NOW + 60)
    assert (later.outlook, later.at, len(found)) == ("drawing 2", NOW + 60, 2)


def test_whoever_comes_while_it_is_drawn_is_told_so_and_does_not_draw_it_again(drawn):
    found, go = drawn
    kept = Projections(patience_s=0.01)
    assert kept.of(inputs(), NOW) is None
    assert kept.of(inputs(), NOW) is None
    assert kept.of(inputs(begins=86_400.0), NOW) is None
    go.set()
    patient = kept
    patient._patience_s = 10.0
    assert patient.of(inputs(), NOW).outlook == "drawing 1"
    assert len(found) == 1


def test_what_fails_is_raised_and_tried_again_the_next_time(monkeypatch):
    tries = []

    def draw(given):
        tries.append(given)
        if len(tries) == 1:
            raise ValueError("a slip")
        return "drawn"

    monkeypatch.setattr(projections, "weighed", draw)
    kept = Projections()
    with pytest.raises(ValueError, match="a slip"):
        kept.of(inputs(), NOW)
    assert kept.of(inputs(), NOW).outlook == "drawn"
