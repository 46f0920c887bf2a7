"""A grader is proposed from the shape of recorded answers, with what was seen and what is unsure."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from switchover.testing.builders import make_exchange
from switchover.trial.cases import cases_of
from switchover.trial.shape import propose

SCHEMA = {"type": "object", "properties": {"policy": {"type": "string"}}, "required": ["policy"]}


def proposed(pairs, **request):
    rows = []
    for ask, answer in pairs:
        body = {"model": "m", "messages": [{"role": "user", "content": ask}], **request}
        message = answer if isinstance(answer, dict) else {"role": "assistant", "content": answer}
        told = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        rows.append(replace(make_exchange(), request=json.dumps(body).encode(), answer=json.dumps(told).encode()))
    return propose(cases_of(rows))


def call(name):
    return {"tool_calls": [{"id": "c", "type": "function", "function": {"name": name, "arguments": "{}"}}]}


def test_a_closed_set_of_answers_is_labels_in_their_commonest_spelling():
    answers = ["Billing", "Billing", "billing.", "new claim", "new claim"] * 20 + ["no idea"]
    found = proposed([(f"ask {n}", answer) for n, answer in enumerate(answers)])
    assert found.section == {"grader": "label", "labels": ["Billing", "new claim"]}
    assert found.seen == ("101 recorded answers", "2 answers make up 99%: a closed set")
    assert found.unsure[0].startswith("1 rare answers are left out")


@pytest.mark.parametrize("answers", [["-1", "0", "1"], ["👍", "👎", "no opinion"], ["+5 %", "5", "0"]])
def test_answers_that_only_signs_tell_apart_are_no_labels(answers):
    found = proposed([(f"ask {n}", answers[n % 3]) for n in range(90)])
    assert found.section["grader"] == "exact"


def test_objects_are_fields_with_the_keys_schema_and_numbers_that_are_seen():
    def answer(n):
        lines = [{"sku": f"S{n}", "x": 1}, {"sku": f"S{n + 1}", "x": 2}]
        return json.dumps({"policy": f"HM-{n}", "amount": n + 0.5, "lines": lines})

    asked = {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}}
    found = proposed([(f"Policy HM-{n} leaks", answer(n)) for n in range(60)], **asked)
    assert found.section == {
        "grader": "json_fields",
        "keys": {"lines": "sku"},
        "schema": SCHEMA,
        "must_match": ["policy"],
    }
    assert any("amount" in one for one in found.unsure)


def test_half_in_json_is_no_json():
    found = proposed([(f"ask {n}", '{"a": 1}' if n % 3 else f"some long answer about {n} " * 6) for n in range(60)])
    assert found.section["grader"] == "checks"
    assert found.unsure[0].startswith("67% are JSON")


def test_tool_calls_are_seen_beside_words():
    found = proposed([(f"ask {n}", call("find") if n % 2 else f"I found {n} of them") for n in range(60)])
    assert found.section == {"grader": "tool_calls"}
    assert found.seen[1] == "50% call tools"


def test_short_answers_spans_and_free_text():
    names = [f"name{n} of street {n * 7}" for n in range(60)]
    assert proposed([(f"Who? {name}", f"{name}") for name in names]).section == {"grader": "exact"}
    spans = [f"{name} where the roof came down on the garden shed last night" for name in names]
    assert proposed([(f"A letter. {span}. Regards", f"{span}.") for span in spans]).section == {"grader": "text"}
    free = proposed(
        [(name, f"Dear {name}, we are sorry for what happened and will write to you soon.") for name in names]
    )
    assert free.section == {"grader": "checks", "checks": {"no_refusal": True, "language": "request"}}
    assert "judge" in free.unsure[0]


def test_few_answers_refusals_and_no_answers_are_told():
    found = proposed([("ask", "I can't help with that."), ("ask 2", "yes")])
    assert [one.split(":")[0] for one in found.unsure[:1]] == ["2 answers show little"]
    assert found.unsure[1].startswith("50% of the answers refuse")
    none = proposed([("ask", "")])
    assert (none.of, none.section) == (0, {})
