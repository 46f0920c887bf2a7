"""Embeddings and counts of tokens are on record, and nothing that is learned or proven rests on them."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from switchover.adaptation.demonstrations import anchor, in_split
from switchover.capacity.measure import measured
from switchover.domain.exchange import Usage
from switchover.domain.process import Price, RehearsalTerms, SlicePredicate
from switchover.drill.observe import counts
from switchover.report.tally import Tally
from switchover.store.exchanges import count_exchanges, each_exchange, iter_exchanges, list_exchanges
from switchover.store.indexing import save_exchanges
from switchover.testing.builders import make_exchange, make_process, make_settings, make_upstream, make_upstreams
from switchover.trial.cases import cases_of

PRICE = Price(input_mtok="1", output_mtok="1", source="a quote", checked="2026-11-01")
SIDE = ("openai_embeddings", "anthropic_count_tokens")


def side(dialect, **changes):
    """A side request that would make a fine case, were its dialect the chat's."""
    words = {"input": "My roof leaks"} if dialect == "openai_embeddings" else {}
    said = [{"role": "user", "content": "My roof leaks"}]
    request = {"model": "customer-messages", "messages": said, **words}
    return replace(make_exchange(), dialect=dialect, request=json.dumps(request).encode(), **changes)


@pytest.mark.parametrize("dialect", SIDE)
def test_a_side_request_is_listed_and_becomes_no_case(store, dialect):
    save_exchanges(store, [make_exchange(id="answer"), side(dialect, id="side")])
    assert {one.id for one in list_exchanges(store)} == {"answer", "side"}
    assert count_exchanges(store) == 2
    assert [one.id for one in each_exchange(store)] == ["answer", "side"]
    assert [one.id for one in iter_exchanges(store, "customer-messages")] == ["answer"]


@pytest.mark.parametrize("dialect", SIDE)
def test_even_where_somebody_hands_one_in_it_is_no_case(dialect):
    slices = (SlicePredicate(name="s", path="metadata.kind", equals="x"),)
    found = cases_of([make_exchange(id="answer"), side(dialect, id="side")], slices)
    assert [case.exchange.id for case in found] == ["answer"]


@pytest.mark.parametrize("dialect", SIDE)
def test_no_demonstration_student_or_anchor_is_made_of_one(store, dialect):
    process = make_process(rehearse=RehearsalTerms(grader="label", settings={"labels": ["new_claim", "x"]}))
    save_exchanges(store, [side(dialect) for _ in range(30)])
    parts = in_split(process, iter_exchanges(store, process.name))
    assert not any(parts.values())
    assert anchor(process, iter_exchanges(store, process.name))(make_exchange()) is None


@pytest.mark.parametrize("dialect", SIDE)
def test_an_own_engine_is_sized_for_answers_alone(store, dialect):
    save_exchanges(store, [make_exchange(), *(side(dialect) for _ in range(9))])
    assert measured(store, "customer-messages", make_upstreams()["student"]).load.requests == 1


def test_a_drill_is_judged_by_embeddings_and_not_by_counts():
    assert counts(make_exchange())
    assert counts(side("openai_embeddings"))
    assert not counts(side("anthropic_count_tokens"))


def test_the_report_pays_for_embeddings_and_leaves_counts_out():
    settings = make_settings(
        upstreams={**make_upstreams(), "vendor": make_upstream(price=PRICE)}, processes={"p": make_process()}
    )
    tally = Tally(make_process(), settings)
    tally.take(
        [
            make_exchange(usage=Usage(input=1000)),
            side("openai_embeddings", usage=Usage(input=1000)),
            side("anthropic_count_tokens", usage=None),
        ]
    )
    traffic, spend = tally.traffic(), tally.spend(())
    assert (traffic.exchanges, traffic.embeddings, traffic.peak_minute) == (2, 1, 1)
    assert (spend.spent, spend.priced, spend.gaps) == (Decimal("0.002"), 2, ())
