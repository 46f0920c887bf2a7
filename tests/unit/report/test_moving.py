"""What another upstream costs in a month or in two years: by the assumptions in force, and people paid once."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from switchover.costs.alone import alone
from switchover.costs.assumptions import shipped
from switchover.domain.costing import Costing, Edit, OptionSpec
from switchover.domain.watching import Retirement
from switchover.report.moving import Moving
from switchover.store import Store
from switchover.store.assumptions import save_edit
from switchover.store.watching import save_retirement
from switchover.testing.sample_organisation import BEGAN, NOW, fill, sample_settings

MODEL = "gpt-oss-120b"
PEOPLE = Decimal("10") * 100


@pytest.fixture
def store():
    with Store.open("sqlite://") as made:
        fill(made, sample_settings())
        yield made


def boxed(speed: float):
    """The student on a machine that writes so many tokens a second."""
    settings = sample_settings()
    box = OptionSpec(
        name="box", upstream="student", machine="dgx-spark", model=MODEL, tokens_per_second=speed, measured="a test"
    )
    return replace(settings, costing=Costing(options=(box,)))


def edit(store, **values: float) -> None:
    for name, value in values.items():
        saved = save_edit(
            store,
            Edit(
                name=name, version=1, value=value, low=value, high=value, source="a test", owner="it",
                date="2026-11-20", reason="a test", at=NOW, by="it",
            ),
        )  # fmt: skip
        assert saved is not None


def month(store, settings) -> Decimal:
    found = Moving(store, settings, (), NOW, settings.processes).month("claims", "student")
    assert isinstance(found, Decimal), found
    return found


def test_people_run_several_machines_for_what_they_run_one(store):
    edit(store, staff_usd_hour=100.0, staff_month_hours=10.0)
    one, more = month(store, boxed(1e6)), month(store, boxed(10.0))
    machine = one - PEOPLE
    count = (more - PEOPLE) / machine
    assert machine > 0
    assert count > 2
    assert float(count) == pytest.approx(round(count), abs=0.01)


def test_an_assumption_that_somebody_edited_is_in_force_where_a_move_is_priced(store):
    before = month(store, boxed(1e6))
    rows = shipped()
    people = rows["staff_usd_hour"].value * rows["staff_month_hours"].value
    edit(store, staff_usd_hour=100.0, staff_month_hours=10.0)
    assert float(month(store, boxed(1e6)) - before) == pytest.approx(float(PEOPLE) - people, abs=0.02)


def told(store) -> Decimal:
    return alone(store, sample_settings(), (), NOW, BEGAN)["claims"]["vendor"]


def test_what_two_years_cost_at_each_upstream_is_by_the_edited_assumptions(store):
    before = told(store)
    edit(store, growth_month=0.0)
    # Growth of 2 % a month over 24: (1.02²⁴ − 1) / 0.02
    assert float(told(store)) == pytest.approx(24 * float(before) / ((1.02**24 - 1) / 0.02), rel=0.01)


def test_what_two_years_cost_at_an_upstream_counts_the_retirement_of_its_model(store):
    before = told(store)
    spec = sample_settings().upstreams["vendor"]
    save_retirement(
        store, Retirement(upstream="vendor", model=spec.model, day="2026-12-20", source="a list", told_at=NOW)
    )
    assert told(store) > before * Decimal("1.1")
