"""JSON answers field by field, and tool calls by the same rules."""

from __future__ import annotations

import asyncio
import json

import pytest

from switchover.domain.answer import as_text
from switchover.domain.ports import Question
from switchover.domain.process import RehearsalTerms
from switchover.graders import grader


def scored(by, answer, reference, request=None):
    answer, reference = (one if one is None or isinstance(one, str) else json.dumps(one) for one in (answer, reference))
    return asyncio.run(by.score(answer, Question(reference, request or {})))


def fields(**settings):
    return grader(RehearsalTerms(grader="json_fields", settings=settings))


def calls(*made):
    return as_text(None, [(name, given if isinstance(given, str) else json.dumps(given)) for name, given in made])


def tool_calls(**settings):
    return grader(RehearsalTerms(grader="tool_calls", settings=settings))


LINES = {"lines": [{"sku": "A", "amount": 1.5}, {"sku": "B", "amount": 20}]}


def test_items_of_a_keyed_list_are_matched_whatever_their_order():
    turned = {"lines": LINES["lines"][::-1]}
    assert scored(fields(), turned, LINES).value == 0.0
    assert scored(fields(keys={"lines": "sku"}), turned, LINES).value == 1.0


def test_an_item_too_many_or_too_few_costs_its_own_fields_alone():
    keyed = fields(keys={"lines": "sku"})
    assert scored(keyed, {"lines": LINES["lines"][1:]}, LINES).value == pytest.approx(0.5)
    more = {"lines": [{"sku": "C", "amount": 1}, *LINES["lines"]]}
    assert scored(keyed, more, LINES).value == pytest.approx(4 / 6)


def test_items_with_one_key_or_none_are_all_compared():
    keyed = fields(keys={"$": "id"})
    wanted = [{"id": 1, "a": "x"}, {"id": 1, "a": "y"}, {"a": "z"}, {"id": 1.0, "a": "w"}]
    assert scored(keyed, wanted, wanted).value == 1.0
    assert scored(keyed, wanted[::-1], wanted).value < 1.0
    assert scored(keyed, wanted[:1], wanted).value == pytest.approx(2 / 7)


def test_whole_numbers_beyond_what_a_float_holds_are_told_apart():
    wanted = {"account": 1234567890123456789}
    assert scored(fields(), wanted, wanted).value == 1.0
    assert scored(fields(), {"account": 1234567890123456788}, wanted).value == 0.0
    assert scored(fields(tolerance={"account": {"absolute": 1}}), {"account": 1234567890123456788}, wanted).value == 1.0
    assert scored(fields(tolerance={"account": {"absolute": 1}}), {"account": 1234567890123456787}, wanted).value == 0.0
    assert scored(fields(), {"account": 10**400}, {"account": 10**400 + 1}).value == 0.0


@pytest.mark.parametrize(
    ("tolerance", "got", "value"),
    [
        ({"lines.*.amount": 0.01}, 20.1, 1.0),
        ({"lines.*.amount": 0.01}, 20.3, 0.75),
        ({"lines.*.amount": {"absolute": 0.5}}, 20.5, 1.0),
        ({"lines.*.amount": {"absolute": 0.5}}, 20.6, 0.75),
        ({"lines": {"relative": 0.1}, "lines.B.amount": {"relative": 0.0}}, 20.1, 0.75),
        ({"*": {"relative": 0.1}}, 20.1, 1.0),
        ({"line.*.amount": 0.5}, 20.1, 0.75),
    ],
)
def test_a_tolerance_holds_for_the_path_that_names_most(tolerance, got, value):
    answer = {"lines": [LINES["lines"][0], {"sku": "B", "amount": got}]}
    assert scored(fields(tolerance=tolerance, keys={"lines": "sku"}), answer, LINES).value == pytest.approx(value)


@pytest.mark.parametrize(
    ("got", "days", "value"),
    [
        ("2026-09-16", 2, 1.0),
        ("16 September 2026", 2, 1.0),
        ("2026-09-17", 2, 0.0),
        ("2026-09-14T12:00:00Z", 0.5, 1.0),
        ("2026-09-14T12:00:00Z", 0, 0.0),
        ("soon", 400, 0.0),
        ("0001-01-01T00:00:00+23:00", 9, 0.0),
    ],
)
def test_dates_may_lie_days_apart(got, days, value):
    assert scored(fields(tolerance={"on": {"days": days}}), {"on": got}, {"on": "2026-09-14"}).value == value


def test_moments_in_two_time_zones_are_one():
    assert scored(fields(), {"at": "2026-09-14T12:00:00+02:00"}, {"at": "2026-09-14T10:00:00Z"}).value == 1.0


def test_weights_and_ignored_fields():
    wanted, got = {"a": 1, "b": 2, "note": "x"}, {"a": 1, "b": 3, "note": "y"}
    assert scored(fields(), got, wanted).value == pytest.approx(1 / 3)
    assert scored(fields(ignore=["note"]), got, wanted).value == pytest.approx(1 / 2)
    assert scored(fields(weights={"a": 3}, ignore=["note"]), got, wanted).value == pytest.approx(3 / 4)
    assert scored(fields(ignore=["*"]), got, wanted).value is None


def test_a_field_that_must_match_takes_what_is_below_it_and_a_dot_may_be_in_its_name():
    wanted = {"policy": {"number": "HM-1", "kind": "home"}, "a.b": 1}
    assert scored(fields(must_match=["policy"]), {**wanted, "policy": {"number": "HM-2"}}, wanted).value == 0.0
    score = scored(fields(must_match=["a\\.b"]), {**wanted, "a.b": 2}, wanted)
    assert (score.value, score.reason) == (0.0, "a\\.b differs")
    assert scored(fields(must_match=["a.b"]), {**wanted, "a.b": 2}, wanted).value > 0.0


def test_what_nests_deeper_than_anybody_reads_is_no_answer():
    deep = '{"a":' * 80 + "1" + "}" * 80
    assert scored(fields(), deep, {"a": 1}).value == 0.0
    assert scored(fields(), {"a": 1}, deep).value is None


POLICY, CLAIM = ("find_policy", {"number": "P-1"}), ("open_claim", {"amount": 100, "on": "2026-09-14"})


@pytest.mark.parametrize(
    ("order", "got", "value"),
    [
        ("any", [CLAIM, POLICY], 1.0),
        ("strict", [CLAIM, POLICY], 0.0),
        ("strict", [POLICY, CLAIM], 1.0),
        ("any", [POLICY], 0.5),
        ("any", [POLICY, CLAIM, CLAIM], 2 / 3),
        ("subset", [POLICY, CLAIM, CLAIM], 1.0),
        ("subset", [POLICY], 0.5),
        ("any", [POLICY, ("open_claim", {"on": "14 September 2026", "amount": 100.0})], 1.0),
        ("any", [POLICY, ("open_claim", {"amount": 101, "on": "2026-09-14"})], 0.5),
        ("any", [POLICY, ("close_claim", CLAIM[1])], 0.5),
        ("any", [], 0.0),
    ],
)
def test_the_share_of_calls_that_agree_is_scored_by_the_order_policy(order, got, value):
    score = scored(tool_calls(order=order), calls(*got) or "Let me look.", calls(POLICY, CLAIM))
    assert score.value == pytest.approx(value)
    assert bool(score.reason) == (value < 1)


def test_the_most_calls_are_paired_even_where_one_fits_two():
    near = tool_calls(tolerance={"*.amount": {"absolute": 1}})
    wanted = calls(("pay", {"amount": 10}), ("pay", {"amount": 11}))
    # Taken first come, first served, 10.5 would be paired with 10 and leave 9 alone.
    assert scored(near, calls(("pay", {"amount": 10.5}), ("pay", {"amount": 9})), wanted).value == 1.0


def offered(*names):
    return {"tools": [{"type": "function", "function": {"name": name}} for name in names]}


@pytest.mark.parametrize("broken", ["{", "[]", "amount=1", '{"amount": NaN}'])
def test_arguments_nobody_could_use_and_tools_nobody_offered_score_nothing(broken):
    wanted, request = calls(POLICY), offered("find_policy", "open_claim")
    assert scored(tool_calls(), calls(POLICY, ("open_claim", broken)), wanted, request).value == 0.0
    assert scored(tool_calls(), calls(POLICY, ("drop_table", {})), wanted, request).reason == (
        "calls a tool that was not offered"
    )
    assert scored(tool_calls(), wanted, calls(("open_claim", broken)), request).value is None
    assert scored(tool_calls(), wanted, calls(("drop_table", {})), request).value is None


def test_a_tool_that_takes_free_text_is_compared_by_it():
    request = {"tools": [{"type": "custom", "custom": {"name": "run"}}]}
    assert scored(tool_calls(), calls(("run", "print(1)")), calls(("run", "print(1)")), request).value == 1.0
    assert scored(tool_calls(), calls(("run", "print(2)")), calls(("run", "print(1)")), request).value == 0.0


def test_where_the_recorded_answer_calls_nothing_words_are_compared():
    assert scored(tool_calls(), "Your claim is paid", "Your claim is paid.").value == 1.0
    assert scored(tool_calls(), "Your claim", "Your claim is paid").value == pytest.approx(2 * 2 / 6)
    assert scored(tool_calls(), calls(POLICY), "Your claim is paid").value == 0.0
    assert scored(tool_calls(), "Your claim", "").value is None
    assert scored(tool_calls(), None, "Your claim is paid").value == 0.0


def test_an_answer_that_calls_without_end_is_not_compared_call_by_call():
    score = scored(tool_calls(), calls(*[("find_policy", {"number": n}) for n in range(5000)]), calls(POLICY))
    assert (score.value, score.reason) == (0.0, "calls more than 64 tools")
