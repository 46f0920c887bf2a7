"""What a token costs on a machine of one's own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.costs.assumptions import shipped
from switchover.costs.hosting import SECONDS_PER_MONTH
from switchover.costs.own_price import MOST_BUSY, busy_share, own_price
from switchover.testing.sample_costs import hosting

ROWS = shipped()
BOX = hosting()


@given(st.floats(0.01, MOST_BUSY), st.floats(0.01, MOST_BUSY))
def test_the_busier_the_machine_the_cheaper_a_token(one, other):
    less, more = (own_price(BOX, ROWS, share) for share in sorted((one, other)))
    assert more.output_mtok <= less.output_mtok
    assert more.month == less.month


@given(st.floats(1e6, 1e9), st.floats(1e5, 1e8))
def test_what_a_month_of_tokens_costs_at_the_price_is_what_the_machine_costs(read, written):
    share = busy_share(BOX, ROWS, read, written)
    if not 0.01 <= share <= MOST_BUSY:
        return
    found = own_price(BOX, ROWS, share)
    spent = (read * float(found.input_mtok) + written * float(found.output_mtok)) / 1e6
    assert spent == pytest.approx(float(found.month), rel=0.02)


def test_it_is_worked_out_by_hand():
    sure = {name: replace(row, low=row.value, high=row.value) for name, row in ROWS.items()}
    found = own_price(BOX, sure, 0.5)
    speed = BOX.throughput.write * sure["sustained_share"].value
    by_hand = float(found.month) / (speed * SECONDS_PER_MONTH * 0.5) * 1e6
    assert float(found.output_mtok) == pytest.approx(by_hand, rel=1e-3)
    assert "busy 50% of the time" in found.source


@pytest.mark.parametrize("share", [0.0, -0.1, 0.96, 2.0, float("nan")])
def test_a_share_of_the_time_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match="of the time"):
        own_price(BOX, ROWS, share)


def test_a_machine_without_a_price_has_none():
    lacking = replace(BOX, machine=replace(BOX.machine, price=None))
    with pytest.raises(ValueError, match="is not known"):
        own_price(lacking, ROWS, 0.5)
