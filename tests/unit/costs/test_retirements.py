"""An announced retirement forces a successor on its day, and chance forces none beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from switchover.costs.ahead import Terms, ahead
from switchover.costs.assumptions import Chance, Values
from switchover.costs.mechanisms import FORCED_SUCCESSOR, changes, mechanisms, successor
from switchover.costs.options import Known
from switchover.domain.watching import Retirement
from switchover.store import Store
from switchover.store.watching import save_retirement
from switchover.testing.sample_costs import world
from switchover.testing.sample_organisation import NOW, fill, sample_settings

RETIRES = "2027-05-31"
TERMS = Terms(draws=200, months=12)


def projected(retires=None, model="big-1", settings=None):
    settings = settings or sample_settings()
    with Store.open("sqlite://") as store:
        fill(store, settings)
        if retires is not None:
            save_retirement(
                store, Retirement(upstream="vendor", model=model, day=retires, source="a list of models", told_at=NOW)
            )
        found = ahead(store, settings, Known(), NOW, TERMS)
    assert not isinstance(found, str), found
    return found


def row_of(found):
    return next((one for one in found.assumptions if one.name == f"{FORCED_SUCCESSOR} at vendor"), None)


def test_a_model_that_retires_makes_its_successor_certain_and_the_months_after_it_dearer():
    plain, retiring = projected(), projected(RETIRES)
    assert row_of(plain) is None
    assert RETIRES in row_of(retiring).source
    assert retiring.options[0].monthly.p50[2] <= plain.options[0].monthly.p90[2]
    assert retiring.options[0].monthly.p10[-1] > plain.options[0].monthly.p10[-1]


@pytest.mark.parametrize(("day", "model"), [("2026-01-01", "big-1"), (RETIRES, "big-0")])
def test_a_day_that_is_past_and_a_model_that_is_not_used_any_more_force_nothing(day, model):
    assert row_of(projected(day, model)) is None


def test_what_is_stated_in_the_configuration_stands_for_what_was_announced():
    settings = sample_settings()
    at = datetime(2027, 5, 31, tzinfo=UTC).timestamp()
    stated = replace(successor("vendor", at, "the contract"), low=0.0, value=1.0, high=2.0)
    settings = replace(settings, costing=replace(settings.costing, events=(stated,)))
    assert row_of(projected(RETIRES, settings=settings)).source.startswith("the contract")


def test_chance_forces_no_second_successor_where_one_is_announced():
    alone = [one for one in mechanisms() if one.name == FORCED_SUCCESSOR]
    values = Values(world().rows, Chance(1, 4_000))
    by_chance = changes("vendor", "vendor", 24, values, alone, [], NOW)
    assert 0.1 < np.mean(by_chance[:, -1] > 1) < 0.6
    announced = changes("vendor", "vendor", 24, values, alone, [successor("vendor", NOW + 86_400 * 100, "told")], NOW)
    assert np.all(announced[:, :3] == 1.0)
    assert np.all(announced[:, -1] > 1.0)
    assert announced[:, -1].max() <= 1 + alone[0].size.high / 100 + 1e-9
