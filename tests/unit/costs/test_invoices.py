"""What a provider billed is read as it was meant, or refused with its line: never another amount."""

from __future__ import annotations

from decimal import Decimal

import pytest

from switchover.costs.invoices import Bill, read_bill
from switchover.errors import OperatorError


def read(text: str) -> Bill:
    return read_bill(text.encode(), "2026-11", {}, "november.csv")


@pytest.mark.parametrize(
    ("told", "amount"),
    [
        ("1234.56", "1234.56"), ('"1,234.56"', "1234.56"), ('"$1,234,567"', "1234567"), ("-12.50", "-12.50"),
        ("-$12.50", "-12.50"), ("$-12.50", "-12.50"), (".5", "0.5"), ("1.2e-3", "0.0012"),
    ],
)  # fmt: skip
def test_an_amount_is_read_with_its_sign_its_dollar_and_commas_between_thousands(told, amount):
    assert read(f"model,amount\nbig-1,{told}\nbig-2,2000\n").by_model["big-1"] == Decimal(amount)


@pytest.mark.parametrize(
    "told",
    [
        '"12,34"',
        '"1.234,56"',
        '"12,3456"',
        '"1,23"',
        "(12.34)",
        "1_000",
        "12.34 EUR",
        "",
        "-",
        ".",
        "1e9999",
        "e5",
        "nan",
    ],
)
def test_an_amount_that_could_be_another_is_refused_with_its_line(told):
    with pytest.raises(OperatorError, match=r"november\.csv:3: got .* as an amount"):
        read(f"model,amount\nbig-2,1\nbig-1,{told}\n")


def test_an_amount_that_its_comma_parted_into_two_cells_is_refused():
    with pytest.raises(OperatorError, match=r"november\.csv:2: more cells than columns"):
        read("date,amount\n2026-11-01,1,234.56\n")
    assert read("date,amount\n2026-11-01,1234.56,,\n").amount == Decimal("1234.56")


@pytest.mark.parametrize("label", ["Total", "TOTAL:", "Grand total", "sum"])
def test_a_last_line_with_the_total_is_not_billed_once_more(label):
    bill = read(f"model,date,amount\nbig-1,2026-11-01,10\nbig-2,2026-11-02,2.5\n{label},,12.50\n")
    assert (bill.amount, bill.lines, bill.by_model) == (Decimal("12.5"), 2, {"big-1": 10, "big-2": Decimal("2.5")})


def test_a_total_that_its_lines_do_not_come_to_is_refused_and_one_alone_is_the_bill():
    with pytest.raises(OperatorError, match=r"says 14 in all, and its lines come to 12"):
        read("model,amount\nbig-1,10\nbig-2,2\nTotal,14\n")
    assert read("description,amount\nTotal,14\n").amount == 14


def test_a_credit_among_the_lines_is_taken_off():
    assert read("model,amount\nbig-1,10\ncredit,-2.5\n").amount == Decimal("7.5")


def test_a_byte_order_mark_is_no_part_of_the_header():
    assert read("\ufeffamount\n3\n").amount == 3
