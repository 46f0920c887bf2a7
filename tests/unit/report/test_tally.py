"""What the report says was spent: as it was metered, or priced anew where it was not, to the same cent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

import pytest

from switchover.costs.ahead import Terms
from switchover.costs.metering import meter
from switchover.domain.exchange import UNDATED, AttemptRecord, Exchange, Intent, Length, Outcome, Usage
from switchover.domain.process import Price, Settings
from switchover.report import assemble as assembling
from switchover.report.assemble import assemble
from switchover.report.model import BoardReport, Spend
from switchover.report.tally import NOTHING_BILLED, Tally
from switchover.store.exchanges import each_counted
from switchover.store.indexing import save_exchanges, save_intents
from switchover.store.register import build_snapshot
from switchover.testing.builders import make_exchange, make_process, make_settings, make_upstream

HOUR = 3600.0
NOW = 1_794_000_000.0
BEGAN = NOW - 40 * HOUR
CONTRACT = Price(input_mtok="2", cached_mtok="0.30", output_mtok="8", source="contract 7", checked="2026-11-01")
# From a quarter past an hour on.
DEARER = replace(CONTRACT, input_mtok="3", since=BEGAN + 10.25 * HOUR)
UPSTREAMS = {
    "contract": make_upstream("contract", price=CONTRACT, later_prices=(DEARER,)),
    "listed": make_upstream("listed", model="gpt-4.1-mini", developer="openai", host="openai"),
    # Dearer in one call than in many.
    "tiered": make_upstream("tiered", model="gemini-2.5-pro", developer="google", host="google"),
    "cheaper": make_upstream(
        "cheaper", model="gpt-4.1-mini", host="openai",
        price=Price(priced_as="openai/gpt-4.1-mini", surcharge="10", discount="7.5", source="contract 8"),
    ),
    "paid": make_upstream(
        "paid", kind="local", model="open-1", price=Price(input_mtok="0.1", output_mtok="0.4", source="our machine")
    ),
    "own": make_upstream("own", kind="local", model="open-1"),
    "nobody": make_upstream("nobody", model="never-heard-of", host="beta"),
}  # fmt: skip


def settings(**changes: Price | None) -> Settings:
    """One process on all of these; ``changes`` are other prices."""
    upstreams = UPSTREAMS | {name: replace(UPSTREAMS[name], price=price) for name, price in changes.items()}
    process = make_process("p", baseline="contract", fallbacks=tuple(name for name in upstreams if name != "contract"))
    return make_settings(upstreams=upstreams, processes={"p": process})


def tried(name: str, fault: str | None = None, status: int | None = 200) -> AttemptRecord:
    model = UPSTREAMS[name].model if name in UPSTREAMS else "big-0"
    return AttemptRecord(upstream=name, model=model, fault=fault, status=status, elapsed_ms=1.0)


def answered(name: str, hour: float, **more: object) -> Exchange:
    fields = {
        "process": "p", "upstream": name, "attempts": (tried(name),), "started_at": BEGAN + hour * HOUR,
        "usage": Usage(input=123_457, cached_input=1_001, output=777),
    }  # fmt: skip
    return make_exchange(**fields | more)


def record() -> list[Exchange]:
    """Every way in which an exchange is billed, over forty hours of which some are silent."""
    cut = {"stream": True, "usage": None, "length": Length(asked=5_001, said=1_003)}
    found = [
        answered(name, hour, usage=Usage(input=1_000 * hour + 7, output=11 * hour))
        for hour in range(39)
        for name in ("contract", "listed", "tiered", "cheaper", "paid")
        if hour % 7
    ]
    found += [answered("contract", 10.24), answered("contract", 10.26)]
    found += [answered("tiered", 9.5, usage=Usage(input=300_000, cached_input=100_000, output=100))]
    late = tried("contract", "slow-first-token", None)
    # Estimated: broke off, was left, failed before another answered, told midway, cut by us at its limit.
    broke = {"outcome": Outcome.TRUNCATED, "attempts": (tried("contract", "reset-midway"),)}
    found += [
        answered("contract", 15.1, **cut | broke),
        answered("listed", 15.2, outcome=Outcome.ABANDONED, **cut),
        answered("listed", 15.3, attempts=(late, tried("listed")), length=Length(asked=900)),
        answered("contract", 15.4, **cut | broke | {"usage": Usage(input=900, output=1)}),
        answered("contract", 15.5, usage=Usage(input=900, output=30, estimated=True)),
    ]  # fmt: skip
    # Billed nothing.
    refused = (tried("contract", "overloaded", 529),)
    found += [
        answered("contract", 16.5, outcome=Outcome.FAILED, upstream=None, model=None, usage=None, attempts=refused)
    ]
    found += [answered("listed", 17.5, dialect="anthropic_count_tokens", usage=None)]
    found += [answered("listed", 17.6, dialect="openai_embeddings", usage=Usage(input=5_000))]
    # No price: our machine, a model nobody lists, an upstream that is gone, no usage and no length.
    found += [answered("own", hour) for hour in (20.1, 20.2, 22.3)]
    found += [answered("nobody", 22.4), answered("gone", 22.5), answered("contract", 22.6, usage=None, request=b"")]
    # One try of two has a price.
    found += [
        answered(
            "listed", 24.5, attempts=(tried("own", "slow-first-token", None), tried("listed")), length=Length(asked=900)
        )
    ]
    found += [answered("listed", 26.5, id="import-otel-1"), answered("listed", 26.6, id=f"{UNDATED}otel-2")]
    return found  # fmt: skip


def save(store, exchanges: Iterable[Exchange], known: Settings | None = None) -> None:
    upstreams = (known or settings()).upstreams
    save_exchanges(store, list(exchanges), lambda one: meter(one, upstreams))


def reported(store, known: Settings | None = None, since: float | None = None) -> BoardReport:
    known = known or settings()
    return assemble(store, known, build_snapshot(store, known, {}, NOW), NOW, since=since, terms=Terms(draws=50))


def anew(store, known: Settings, since: float | None = None) -> Tally:
    """Every exchange priced by itself."""
    tally = Tally(known.processes["p"], known)
    tally.take(each_counted(store, process="p", since=since))
    return tally


def same(report: BoardReport, tally: Tally) -> Spend:
    """The report's spend, which is that of the tally but for the order of equals."""
    (found,), told = report.spend, tally.spend(())
    for name in ("exchanges", "priced", "spent", "first", "last", "window", "monthly"):
        assert getattr(found, name) == getattr(told, name), name
    for name in ("sources", "gaps", "estimated"):
        assert sorted(getattr(found, name)) == sorted(getattr(told, name)), name
    return found


@pytest.mark.parametrize("since", [None, BEGAN + 10 * HOUR, BEGAN + 15.25 * HOUR, BEGAN + 22.45 * HOUR])
def test_what_was_metered_and_what_is_priced_anew_are_the_same_to_the_billionth(store, since):
    save(store, record())
    save_intents(
        store, [Intent(id="lost", process="p", route="p", dialect="openai_chat", started_at=BEGAN + 30 * HOUR)]
    )
    tally = anew(store, settings(), since)
    found = same(reported(store, since=since), tally)
    assert len(found.gaps) >= 4
    assert found.spent > 1


def test_traffic_is_the_same_either_way(store):
    save(store, record())
    tally, known = anew(store, settings()), settings()
    told = assembling._tally(store, known.processes["p"], known, None, {}).traffic()
    wanted = tally.traffic()
    for name in (
        "exchanges",
        "embeddings",
        "failed",
        "first",
        "last",
        "peak_minute",
        "p95_minute",
        "by_upstream",
        "asked",
    ):
        assert getattr(told, name) == getattr(wanted, name), name
    there = {one.id: one for one in record_of(store)}
    examples = [there[name] for name in told.examples]
    assert len(examples) == len(wanted.examples) == len(set(told.examples))
    assert {one.upstream for one in examples if one.outcome is Outcome.COMPLETE} == set(wanted.by_upstream)
    assert any(one.outcome is not Outcome.COMPLETE for one in examples)


def record_of(store) -> list[Exchange]:
    return list(each_counted(store, process="p"))


def test_no_hour_is_read_but_what_may_have_a_price_by_now(store, monkeypatch):
    save(store, record())
    spans = []
    whole = assembling.each_counted

    def watched(store, **of):
        spans.append((round((of["since"] - BEGAN) / HOUR), round((of["until"] - BEGAN) / HOUR)))
        return whole(store, **of)

    monkeypatch.setattr(assembling, "each_counted", watched)
    reported(store)
    # What one answer used is not known; the rest that has no price has none still.
    assert spans == [(22, 23)]
    spans.clear()
    reported(store, settings(own=Price(input_mtok="1", output_mtok="1", source="stated late")))
    assert spans == [(20, 21), (22, 23), (24, 25)]


def test_a_price_that_changes_later_changes_nothing_that_was_billed(store):
    save(store, [answered("contract", hour, usage=Usage(input=1_000)) for hour in range(4)])
    doubled = settings(contract=replace(CONTRACT, input_mtok="4"))
    (found,) = reported(store, doubled).spend
    assert found.spent == 4 * Decimal("0.002")


def test_a_price_that_is_stated_late_prices_what_had_none(store):
    save(store, record())
    before = same(reported(store), anew(store, settings()))
    priced = settings(own=Price(input_mtok="1", output_mtok="1", source="stated late"))
    found = same(reported(store, priced), anew(store, priced))
    # Three answers; and of a try that came to nothing 900 bytes, four a token, and a mean answer of 256 tokens.
    assert found.spent - before.spent == 3 * Decimal("0.124234") + Decimal("0.000481")
    assert (found.priced - before.priced, "stated late" in found.sources) == (3, True)
    assert not any("own runs on our own machine" in gap for gap in found.gaps)


def test_what_was_never_metered_is_priced_by_now(store):
    save_exchanges(store, record())
    found = same(reported(store), anew(store, settings()))
    assert found.spent > 1


def test_an_estimate_is_said_to_be_one_whoever_made_it_and_is_no_gap(store):
    at_limit = answered("contract", 1.5, usage=Usage(input=900, output=30, estimated=True))
    save(store, [at_limit, answered("contract", 2.5)])
    found = same(reported(store), anew(store, settings()))
    assert found.estimated == ("1 × an answer of contract, whose usage was not reported in full, is estimated",)
    assert found.gaps == ()


def test_calls_that_nobody_accepted_cost_nothing_and_say_so(store):
    refused = (tried("contract", "overloaded", 529),)
    save(store, [answered("contract", 1.5, outcome=Outcome.FAILED, upstream=None, usage=None, attempts=refused)])
    found = same(reported(store), anew(store, settings()))
    assert (found.priced, found.spent, found.sources) == (1, 0, (NOTHING_BILLED,))
