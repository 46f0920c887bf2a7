"""The story: what is taken twice, whose it is, which upstream answered, and what stops nobody else's."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from switchover.domain.exchange import Exchange
from switchover.domain.process import Bodies, Recording, Settings
from switchover.errors import OperatorError
from switchover.importers import halves
from switchover.importers.found import moment
from switchover.importers.halves import Halves
from switchover.importers.run import BATCH_RECORDS, Import
from switchover.importers.tally import MOST_REASONS, OTHERS, FileTally, Tally
from switchover.importers.understand import Terms
from switchover.testing.builders import NOW, make_process, make_providers, make_settings, make_upstream


class Shelf:
    """Keeps exchanges in memory; ``saves`` counts how often, ``stop`` interrupts before that many."""

    def __init__(self) -> None:
        self.kept: dict[str, Exchange] = {}
        self.saves, self.stop = 0, -1

    def known(self, ids: Sequence[str]) -> set[str]:
        return self.kept.keys() & set(ids)

    def save(self, exchanges: Sequence[Exchange]) -> None:
        if self.saves == self.stop:
            raise KeyboardInterrupt
        self.saves += 1
        self.kept.update({one.id: one for one in exchanges})


def configured(**upstreams: str) -> Settings:
    """Two processes, and an upstream for each model named."""
    named = upstreams or {"mini": "gpt-4o-mini", "big": "gpt-4o"}
    return make_settings(
        upstreams={name: make_upstream(name, model=model) for name, model in named.items()},
        processes={
            name: make_process(name, baseline=next(iter(named)), fallbacks=(), routes=(name,))
            for name in ("letters", "claims")
        },
        providers=make_providers(),
    )


def run(*files: Path, shelf: Shelf | None = None, given: Settings | None = None, **more: Any) -> Tally:
    terms = {"process": "letters", "at": NOW} | {k: v for k, v in more.items() if k in Terms.__slots__}
    rest = {k: v for k, v in more.items() if k not in Terms.__slots__}
    waiting = Halves()
    try:
        kept = shelf or Shelf()
        return Import(
            files, Terms(**terms), given or configured(), kept=kept, halves=waiting, subject_named=str.upper, **rest
        ).run()  # fmt: skip
    finally:
        waiting.close()


def logged(number: int, answer: str = "billing", *, model: str = "gpt-4o-mini", **more: Any) -> dict[str, Any]:
    body = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}],
    }
    asked = {"model": model, "messages": [{"role": "user", "content": f"question {number}"}]}
    return {"timestamp": f"2026-05-02T08:15:{number % 60:02d}Z", "request": asked, "response": body, **more}


def write(folder: Path, rows: Sequence[Any], name: str = "file.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def reasons(tally: Tally) -> dict[str, int]:
    found = Counter[str]()
    for file in tally.files:
        found.update({one.reason: one.count for one in file.skipped})
    return dict(found)


def test_importing_twice_takes_nothing_twice(tmp_path: Path):
    shelf, path = Shelf(), write(tmp_path, [logged(n) for n in range(900)])
    first, again = run(path, shelf=shelf), run(path, shelf=shelf)
    assert (first.taken, first.known) == (900, 0)
    assert (again.taken, again.known) == (0, 900)
    assert len(shelf.kept) == 900


def test_of_files_that_overlap_each_exchange_is_taken_once(tmp_path: Path):
    shelf = Shelf()
    one = write(tmp_path, [logged(n) for n in range(600)], "one.jsonl")
    two = write(tmp_path, [logged(n) for n in range(300, 900)], "two.jsonl")
    tally = run(one, two, shelf=shelf)
    assert [(file.taken, file.known) for file in tally.files] == [(600, 0), (300, 300)]
    assert len(shelf.kept) == 900


def test_an_interrupted_import_keeps_what_it_took_and_goes_on(tmp_path: Path):
    shelf, path = Shelf(), write(tmp_path, [logged(n) for n in range(3 * BATCH_RECORDS)])
    shelf.stop = 1
    broken = run(path, shelf=shelf)
    assert broken.interrupted
    assert (broken.taken, broken.files[0].sha256) == (BATCH_RECORDS, None)
    shelf.stop = -1
    rest = run(path, shelf=shelf)
    assert (rest.taken, rest.known) == (2 * BATCH_RECORDS, BATCH_RECORDS)
    assert rest.files[0].sha256


def test_an_id_that_every_answer_has_does_not_make_them_one(tmp_path: Path):
    rows = [logged(n) for n in range(5)]
    for row in rows:
        row["response"]["id"] = "chatcmpl-0"
    assert run(write(tmp_path, rows)).taken == 5


def test_the_same_exchange_may_be_two_processes(tmp_path: Path):
    shelf, path = Shelf(), write(tmp_path, [logged(1)])
    run(path, shelf=shelf)
    assert run(path, shelf=shelf, process="claims").taken == 1
    assert sorted(one.process for one in shelf.kept.values()) == ["claims", "letters"]


def test_whose_it_is_stands_in_a_field(tmp_path: Path):
    shelf = Shelf()
    rows = [
        logged(1, metadata={"team": "claims"}),
        logged(2, metadata={"team": "mail room"}),
        logged(3, metadata={"team": "canary-person"}),
        logged(4),
    ]
    tally = run(
        write(tmp_path, rows), shelf=shelf, process=None, process_from="metadata.team", mapped={"mail room": "letters"}
    )
    assert tally.processes == {"claims": 1, "letters": 1}
    assert reasons(tally) == {"what stands in metadata.team is mapped to no process": 1, "nothing in metadata.team": 1}
    assert "canary" not in repr(tally)


@pytest.mark.parametrize(
    ("model", "upstream"),
    [
        ("gpt-4o-mini", "mini"),
        ("openai/gpt-4o-mini", "mini"),
        ("gpt-4o-mini-2024-07-18", "mini"),
        ("gpt-4o", "big"),
        ("gpt-4o-2024-08-06", "big"),
    ],
)
def test_the_upstream_is_the_one_whose_model_answered(model: str, upstream: str, tmp_path: Path):
    assert run(write(tmp_path, [logged(1, model=model)])).upstreams == {upstream: 1}


@pytest.mark.parametrize("model", ["gpt-4.1", "claude-sonnet-4-5", "desk-sorter"])
def test_a_model_that_no_upstream_has_is_not_given_to_one(model: str, tmp_path: Path):
    tally = run(write(tmp_path, [logged(1, model=model)]))
    assert reasons(tally) == {f"'{model}' is no upstream's model": 1}
    assert "--upstream" in tally.files[0].skipped[0].mend


def test_where_several_upstreams_have_the_model_it_must_be_said_which(tmp_path: Path):
    path, given = write(tmp_path, [logged(1)]), configured(eu="gpt-4o-mini", us="gpt-4o-mini")
    assert reasons(run(path, given=given)) == {"'gpt-4o-mini' is the model of several upstreams": 1}
    assert run(path, given=given, upstream="us").upstreams == {"us": 1}


def test_another_models_answer_is_not_taken_for_the_upstreams_that_is_named(tmp_path: Path):
    tally = run(write(tmp_path, [logged(1), logged(2, model="gpt-4o")]), upstream="mini")
    assert (tally.taken, reasons(tally)) == (1, {"answered by 'gpt-4o', not by mini": 1})


def test_what_the_baseline_did_not_answer_is_counted_apart(tmp_path: Path):
    assert run(write(tmp_path, [logged(1), logged(2, model="gpt-4o")])).beside == 1


def test_an_answer_in_another_dialect_than_its_request_is_told_in_the_requests(tmp_path: Path):
    row = logged(1, url="https://proxy.example/v1/messages")
    row["request"] = {**row["request"], "system": "Be brief.", "max_tokens": 10}
    shelf = Shelf()
    assert run(write(tmp_path, [row]), shelf=shelf).taken == 1
    (one,) = shelf.kept.values()
    assert one.dialect == "anthropic_messages"
    assert json.loads(one.answer)["content"] == [{"type": "text", "text": "billing"}]


def test_an_answer_kept_as_raw_events_is_not_taken_for_its_text(tmp_path: Path):
    tally = run(write(tmp_path, [logged(1) | {"response": 'data: {"choices": []}\n\ndata: [DONE]\n\n'}]))
    assert reasons(tally) == {"an answer kept as a stream's raw events": 1}


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("2026-05-02T08:15:30Z", 1777709730.0),
        ("2026-05-02 08:15:30.25", 1777709730.25),
        ("2026-05-02 08:15:30.250000+00", 1777709730.25),
        ("2026-05-02T10:15:30+02:00", 1777709730.0),
        (1777709730, 1777709730.0),
        (1777709730250, 1777709730.25),
        ("1777709730250000000", 1777709730.25),
        ("2026-05-02", 1777680000.0),
        ("yesterday", None),
        ("", None),
        (True, None),
        (float("inf"), None),
        ("9" * 400, None),
        ("0001-01-01T00:00:00+14:00", None),
        (0, None),
        ([], None),
    ],
)
def test_a_moment_is_read_in_every_form(said: object, seconds: float | None):
    assert moment(said) == seconds


def test_what_is_older_is_left_out(tmp_path: Path):
    rows = [logged(1), logged(2, timestamp="2026-04-30T23:59:59Z")]
    tally = run(write(tmp_path, rows), since=1777593600.0, since_said="2026-05-01")
    assert (tally.taken, reasons(tally)) == (1, {"older than 2026-05-01": 1})


def test_custom_ids_that_two_batches_share_are_never_paired_wrongly(tmp_path: Path):
    def asked(text: str) -> dict[str, Any]:
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}
        return {"custom_id": "request-1", "method": "POST", "url": "/v1/chat/completions", "body": body}

    def answered(text: str) -> dict[str, Any]:
        response = {"status_code": 200, "body": logged(1, text)["response"]}
        return {"id": f"batch_{text}", "custom_id": "request-1", "response": response, "error": None}

    one, first = write(tmp_path, [asked("first?")], "1.jsonl"), write(tmp_path, [answered("first!")], "2.jsonl")
    two, second = write(tmp_path, [asked("second?")], "3.jsonl"), write(tmp_path, [answered("second!")], "4.jsonl")
    shelf = Shelf()
    mixed = run(one, two, first, second, shelf=shelf)
    assert (mixed.taken, reasons(mixed)) == (0, {"several requests under one custom_id": 4})
    assert run(one, first, two, second, shelf=shelf).taken == 2
    for exchange in shelf.kept.values():
        asked_for = json.loads(exchange.request)["messages"][0]["content"].rstrip("?")
        assert json.loads(exchange.answer)["choices"][0]["message"]["content"] == f"{asked_for}!"
    # The input file twice is the same request, not another one.
    assert run(one, one, first, shelf=shelf).known == 1


def test_more_than_memory_may_hold_does_not_wait_for_its_other_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(halves, "MOST", 3)
    rows = [{"custom_id": str(n), "body": {"model": "gpt-4o-mini", "messages": []}} for n in range(5)]
    assert reasons(run(write(tmp_path, rows))) == {
        "no answer recorded": 3,
        "too many requests and answers wait for each other": 2,
    }


def test_a_file_of_no_known_form_is_refused_before_anything_is_taken(tmp_path: Path):
    shelf, good = Shelf(), write(tmp_path, [logged(1)])
    bad = write(tmp_path, [{"name": "canary-name", "street": "x"}], "people.jsonl")
    with pytest.raises(OperatorError, match=r"people\.jsonl .* fields name, street") as refused:
        run(good, bad, shelf=shelf)
    assert shelf.kept == {}
    assert "canary" not in str(refused.value)


def test_a_record_of_another_form_within_a_file_is_skipped(tmp_path: Path):
    tally = run(write(tmp_path, [logged(1), {"what": "else"}, "[1, 2]", '"text"', "null", logged(2)]))
    assert (tally.taken, reasons(tally)) == (2, {"unknown shape": 4})
    assert tally.files[0].skipped[0].lines == [2, 3, 4]


def test_the_format_may_be_said(tmp_path: Path):
    path = write(tmp_path, [{"what": "else"}, logged(1)])
    assert run(path, format="openai").taken == 1
    assert run(path, format="otel").skipped == 2


def test_an_empty_file_takes_nothing_and_stops_nobody(tmp_path: Path):
    tally = run(write(tmp_path, [], "empty.jsonl"), write(tmp_path, [logged(1)]))
    assert [(file.format, file.taken) for file in tally.files] == [(None, 0), ("openai", 1)]


def test_reasons_do_not_grow_without_end():
    counted = FileTally("file")
    for number in range(10 * MOST_REASONS):
        counted.skip(number, f"reason {number}")
    assert len(counted.skipped) == MOST_REASONS + 1
    assert (counted.skipped[-1].reason, counted.skipped_count) == (OTHERS, 10 * MOST_REASONS)


MESSAGES = '[{"role":"ROLE","parts":[{"type":"text","content":"q"}]}]'
FORMS = {
    "openai": {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]},
    "logged": logged(1),
    "batch": {"custom_id": "1", "body": {"messages": []}, "response": {"body": {}}},
    "litellm": {
        "request_id": "r", "call_type": "acompletion", "startTime": "2026-05-02T08:15:30Z", "status": "success",
        "proxy_server_request": logged(1)["request"], "response": logged(1)["response"],
    },
    "langfuse": {
        "id": "g", "traceId": "t", "type": "GENERATION", "startTime": "2026-05-02T08:15:30Z",
        "input": [{"role": "user", "content": "q"}], "output": "a", "providedModelName": "gpt-4o-mini",
        "usageDetails": {"input": 1}, "modelParameters": {"temperature": 1},
    },
    "otel": {"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": "t", "spanId": "s", "startTimeUnixNano": "1777975200000000000",
        "attributes": [
            {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
            {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o-mini"}},
            {"key": "gen_ai.input.messages", "value": {"stringValue": MESSAGES.replace("ROLE", "user")}},
            {"key": "gen_ai.output.messages", "value": {"stringValue": MESSAGES.replace("ROLE", "assistant")}},
        ]}]}]}]},
}  # fmt: skip
junk = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 60), 1 << 60) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8) | st.sampled_from(["user", "tool", "text", "tool_call", "[", '{"a": 1}', "[[]]"]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(
        st.sampled_from(["role", "content", "type", "parts", "tool_calls", "id", "function", "message"]), below,
        max_size=3,
    ),
    max_leaves=6,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, one in below for found in places(one, (*path, key)))]


@hypothesis(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_stands_in_a_record_stops_nobody_elses(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject):
    form = data.draw(st.sampled_from(sorted(FORMS)))
    spoilt = json.loads(json.dumps(FORMS[form]))
    path = data.draw(st.sampled_from([place for place in places(spoilt) if place]))
    holder = spoilt
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = data.draw(junk)
    good = json.loads(json.dumps(FORMS["logged" if form == "batch" else form]))
    file = write(tmp_path_factory.mktemp("spoilt"), [good, spoilt, good])
    tally = run(file, upstream="mini", format=None if form != "batch" else "openai")
    assert tally.taken >= 1
    assert tally.taken + tally.known >= 2


def recording(bodies: Bodies) -> Settings:
    found = configured()
    kept = {name: replace(one, recording=Recording(bodies=bodies)) for name, one in found.processes.items()}
    return replace(found, processes=kept)


def test_no_more_is_kept_than_the_process_lets_be_recorded(tmp_path):
    file = tmp_path / "log.jsonl"
    file.write_text(json.dumps(logged(1, "write to jan.jansen@example.nl")) + "\n")
    found = {}
    for mode in Bodies.FULL, Bodies.REDACTED, Bodies.METADATA, Bodies.NONE:
        shelf = Shelf()
        tally = run(file, shelf=shelf, given=recording(mode))
        found[mode] = [one.answer for one in shelf.kept.values()] or [one.reason for one in tally.files[0].skipped]
    assert b"jan.jansen" in found[Bodies.FULL][0]
    assert b"jan.jansen" not in found[Bodies.REDACTED][0]
    assert b"[e-mail 1]" in found[Bodies.REDACTED][0]
    assert found[Bodies.METADATA] == [b""]
    assert found[Bodies.NONE] == ["letters records nothing"]


def test_whom_an_exchange_is_about_is_named_as_in_the_record(tmp_path):
    found = configured()
    about = {name: replace(one, recording=Recording(subject="user")) for name, one in found.processes.items()}
    file, shelf = tmp_path / "log.jsonl", Shelf()
    record = logged(1)
    record["request"]["user"] = "anna"
    file.write_text(json.dumps(record) + "\n")
    run(file, shelf=shelf, given=replace(found, processes=about))
    assert [one.subject for one in shelf.kept.values()] == ["ANNA"]
