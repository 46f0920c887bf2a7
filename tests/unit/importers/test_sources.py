"""Each source's recorded files: what is taken from them, as what, and why the rest is not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from switchover.dialects import DIALECTS
from switchover.domain.exchange import Exchange, Outcome, Usage
from switchover.domain.process import Settings
from switchover.importers.halves import Halves
from switchover.importers.run import Import
from switchover.importers.tally import Tally
from switchover.importers.understand import Terms
from switchover.prompts import ask_text, chat_request
from switchover.testing.builders import NOW, make_process, make_providers, make_settings, make_upstream
from switchover.trial.cases import cases_of

RECORDED = Path(__file__).parents[2] / "recordings" / "imports"


class Shelf:
    """Keeps exchanges in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Exchange] = {}

    def known(self, ids: Sequence[str]) -> set[str]:
        return self.kept.keys() & set(ids)

    def save(self, exchanges: Sequence[Exchange]) -> None:
        assert self.kept.keys().isdisjoint(one.id for one in exchanges)
        self.kept.update({one.id: one for one in exchanges})


def settings(**changes: Any) -> Settings:
    upstreams = {
        "mini": make_upstream("mini", model="gpt-4o-mini"),
        "claude": make_upstream("claude", kind="anthropic", model="claude-sonnet-4-5"),
        "student": make_upstream("student", kind="student", model="student"),
    }
    process = make_process("letters", baseline="mini", fallbacks=("student",))
    return make_settings(upstreams=upstreams, processes={"letters": process}, providers=make_providers(), **changes)


def imported(names: Iterable[str], **terms: Any) -> tuple[list[Exchange], Tally]:
    """What is taken of recorded files, oldest first, and the count."""
    shelf, halves = Shelf(), Halves()
    given: dict[str, Any] = {"process": "letters", "at": NOW}
    try:
        files = [RECORDED / name for name in names]
        tally = Import(files, Terms(**given | terms), settings(), kept=shelf, halves=halves, subject_named=str).run()
    finally:
        halves.close()
    return sorted(shelf.kept.values(), key=lambda one: (one.started_at, ask(one))), tally


def ask(exchange: Exchange) -> str:
    return ask_text(chat_request(exchange))


def told(exchange: Exchange) -> str | None:
    return DIALECTS[exchange.dialect].read_answer(exchange.answer).text


def pairs(found: Iterable[Exchange]) -> dict[str, str | None]:
    return {ask(one): told(one) for one in found}


def reasons(tally: Tally) -> dict[str, int]:
    """How many records were skipped for each reason; a reason is met in one file of each of these imports."""
    found = [one for file in tally.files for one in file.skipped]
    assert len({one.reason for one in found}) == len(found)
    return {one.reason: one.count for one in found}


def test_training_examples_give_their_last_turn():
    found, tally = imported(["openai_training.jsonl"], upstream="mini")
    assert len(found) == 4
    assert pairs(found)["Where is my invoice for März?"] == "billing"
    assert reasons(tally) == {"no answer recorded": 1, "a tool result without its call": 1}
    assert (tally.taken, tally.known, tally.skipped, tally.undated) == (4, 1, 2, 4)
    tools = [one for one in found if b"parallel_tool_calls" in one.request]
    (call,) = DIALECTS["openai_chat"].read_answer(tools[0].answer).tool_calls
    assert (call.name, json.loads(call.arguments)) == ("find_policy", {"number": "P-17"})
    assert all(one.started_at == NOW and not one.is_dated for one in found)
    assert not any(b'"weight"' in one.request + one.answer for one in found)


@pytest.mark.parametrize("turned", [False, True], ids=["requests first", "answers first"])
def test_a_batch_is_joined_by_its_custom_ids_whichever_file_comes_first(turned: bool):
    names = ["openai_batch_input.jsonl", "openai_batch_output.jsonl", "openai_batch_errors.jsonl"]
    found, tally = imported(names[::-1] if turned else names)
    assert pairs(found) == {"Please send the form again": "documents", "I was charged twice!": "billing"}
    assert reasons(tally) == {"a failed call": 1, "no answer recorded": 1, "its request is in none of the files": 1}
    assert [one.metadata for one in found] == [{"kind": "letter"}, {"kind": "complaint"}]
    assert [one.started_at for one in found] == [1748772001.0, 1748772002.0]
    assert found[0].usage == Usage(input=52, output=5)
    assert (found[0].upstream, found[0].model, found[0].route) == ("mini", "gpt-4o-mini-2024-07-18", "gpt-4o-mini")


def test_a_message_batch_is_joined_too():
    (one,), tally = imported(["anthropic_batch_input.jsonl", "anthropic_batch_results.jsonl"])
    assert (one.dialect, one.upstream, ask(one), told(one)) == (
        "anthropic_messages",
        "claude",
        "The roof leaks",
        "claims",
    )
    assert reasons(tally) == {"a failed call": 1}


def test_logged_bodies_are_kept_in_their_own_dialect():
    found, tally = imported(["openai_logged.jsonl"])
    assert [(one.dialect, ask(one), told(one)) for one in found] == [
        ("openai_chat", "The form is missing", "documents"),
        ("openai_responses", "A tree fell on my car", "claims"),
        ("anthropic_messages", "Wrong amount on my bill", "billing"),
        ("openai_chat", "Cancel it, please", "documents"),
    ]
    assert found[0].started_at == 1777709730.25
    assert found[0].metadata == {"kind": "letter"}
    assert reasons(tally) == {"a failed call": 1}


def test_no_key_of_a_logged_request_is_kept():
    found, tally = imported(["openai_logged.jsonl"])
    kept = repr((found, tally))
    assert "sk-canary" in (RECORDED / "openai_logged.jsonl").read_text(encoding="utf-8")
    assert "sk-canary" not in kept


LITELLM = ("litellm_spend_logs.json", "litellm_table.csv", "litellm_table.jsonl")


@pytest.mark.parametrize("name", LITELLM)
def test_spend_logs_are_taken_in_every_form(name: str):
    found, tally = imported([name])
    assert pairs(found) == {
        "My invoice is wrong": "billing",
        "Broken window": "claims",
        "Send me the policy": "documents",
    }
    first = found[0]
    assert (first.route, first.upstream, first.started_at) == ("desk-sorter", "mini", 1777798800.125)
    assert (first.elapsed_ms, first.first_content_ms) == (1250.0, 500.0)
    assert first.usage == Usage(input=52, output=5)
    assert first.metadata == {"kind": "letter"}
    assert not first.stream
    assert b"stream" not in first.request
    assert b"litellm" not in first.request
    assert [one.dialect for one in found] == ["openai_chat", "openai_chat", "openai_responses"]
    assert reasons(tally) == {
        "LiteLLM did not store the prompt and the answer": 1,
        "a failed call": 1,
        "no call that a model answers in words": 1,
        "LiteLLM cut it short": 1,
        "LiteLLM redacted it": 1,
    }
    (off,) = [one for file in tally.files for one in file.skipped if "did not store" in one.reason]
    assert "store_prompts_in_spend_logs: true" in off.mend


def test_the_forms_of_the_spend_logs_are_the_same_exchanges():
    found, tally = imported([*LITELLM, "litellm_spend_logs_v2.json"])
    assert (len(found), tally.taken, tally.known) == (3, 3, 3 + 3 + 2)


def test_nothing_of_who_called_litellm_is_kept():
    found, _ = imported(LITELLM)
    assert "somebody@example.org" not in repr(found)
    assert "mail-room" not in repr(found)


def test_metadata_of_the_proxys_own_is_no_part_of_the_request(tmp_path: Path):
    row = json.loads((RECORDED / "litellm_table.jsonl").read_text(encoding="utf-8").splitlines()[0])
    row["proxy_server_request"]["metadata"] |= {
        "user_api_key_user_id": "canary",
        "headers": {"authorization": "canary"},
    }
    (tmp_path / "rows.jsonl").write_text(json.dumps(row), encoding="utf-8")
    (one,), _ = imported([str(tmp_path / "rows.jsonl")])
    assert one.metadata == {"kind": "letter"}
    assert b"canary" not in one.request


LANGFUSE = ("langfuse_api_page.json", "langfuse_blob.jsonl", "langfuse_table.json", "langfuse_table.csv")


@pytest.mark.parametrize("name", LANGFUSE)
def test_observations_are_taken_in_every_form(name: str):
    found, tally = imported([name])
    assert pairs(found) == {
        "My card is lost": "claims",
        "Paid twice": "billing",
        "Which desk for a claim form?": "documents",
        "As JSON, please": '{"desk":"claims"}',
        "Whole answer": "claims",
    }
    assert reasons(tally) == {
        "no generation": 1,
        "a failed call": 1,
        "no answer recorded": 1,
        "an attachment that Langfuse keeps elsewhere": 1,
    }
    first = found[0]
    asked = json.loads(first.request)
    assert (asked["temperature"], asked["max_tokens"], asked["model"]) == (0.2, 16, "gpt-4o-mini")
    assert first.usage == Usage(input=48, output=3, cached_input=8)
    assert (first.started_at, first.elapsed_ms, first.first_content_ms) == (1777888800.5, 750.0, 250.0)
    assert first.metadata == {"kind": "letter", "team": "mail-room"}


def test_the_forms_of_the_observations_are_the_same_exchanges():
    found, tally = imported(LANGFUSE)
    assert (len(found), tally.taken, tally.known) == (5, 5, 15)


def test_spans_tell_what_was_asked_with_its_tools_and_settings():
    found, tally = imported(["otel_spans.jsonl"])
    plain, calling, called = found
    asked = json.loads(plain.request)
    assert [(m["role"], m["content"]) for m in asked["messages"]] == [
        ("system", "Sort each message. Answer with one desk: billing, claims or documents."),
        ("user", "Where is my invoice?"),
    ]
    assert (asked["max_tokens"], asked["temperature"]) == (16, 0.2)
    assert told(plain) == "billing"
    assert plain.usage == Usage(input=52, output=5)
    assert (plain.started_at, plain.elapsed_ms) == (1777975201.0, pytest.approx(750, abs=1e-3))
    (call,) = DIALECTS["openai_chat"].read_answer(calling.answer).tool_calls
    assert (call.id, call.name, json.loads(call.arguments)) == ("call_1", "find_policy", {"number": "P-17"})
    assert json.loads(calling.request)["tools"][0]["function"]["name"] == "find_policy"
    assert json.loads(called.request)["messages"][2] == {
        "role": "tool",
        "tool_call_id": "call_1",
        "content": '{"paid":true}',
    }
    assert reasons(tally) == {
        "no model call": 2,
        "a failed call": 1,
        "the messages were not recorded": 1,
        "a part of a message that can't be asked again": 1,
    }


@pytest.mark.parametrize("turned", [False, True], ids=["spans first", "logs first"])
def test_older_messages_are_found_among_the_logs_in_the_order_of_their_moments(turned: bool):
    names = ["otel_older_traces.jsonl", "otel_older_logs.jsonl"]
    found, tally = imported(names[::-1] if turned else names)
    assert pairs(found) == {"Hail on my car": "claims", "Is P-17 paid?": "Yes, it is paid."}
    assert [m["role"] for m in json.loads(found[0].request)["messages"]] == ["system", "user"]
    assert [m["role"] for m in json.loads(found[1].request)["messages"]] == ["user", "assistant", "tool"]
    assert reasons(tally) == {"its span is in none of the files": 1}


def test_spans_without_their_logs_say_what_is_missing():
    found, tally = imported(["otel_older_traces.jsonl"])
    assert found == []
    assert reasons(tally) == {"the messages were not recorded": 2}


def test_messages_in_a_spans_own_events_are_found_in_all_three_ways():
    found, _ = imported(["otel_span_events.jsonl"])
    assert pairs(found) == {"Lost my policy": "documents", "A dent": "claims", "What do I owe?": "billing"}


def test_logs_that_are_given_twice_say_nothing_twice():
    once, _ = imported(["otel_older_traces.jsonl", "otel_older_logs.jsonl"])
    twice, tally = imported(["otel_older_traces.jsonl", "otel_older_logs.jsonl", "otel_older_logs.jsonl"])
    assert twice == once
    assert tally.taken == 2


def test_one_event_may_tell_it_all(tmp_path: Path):
    bare = json.loads((RECORDED / "otel_spans.jsonl").read_text(encoding="utf-8").splitlines()[2])
    spans = bare["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans[:] = [span for span in spans if span["spanId"].endswith("07")]
    spans[0]["spanId"] = spans[0]["spanId"][:-2] + "1f"
    (tmp_path / "bare.jsonl").write_text(json.dumps(bare), encoding="utf-8")
    (one,), tally = imported(["otel_details.jsonl", str(tmp_path / "bare.jsonl")])
    assert reasons(tally) == {}
    assert (ask(one), told(one)) == ("Where do I send the form?", "documents")


def test_whatever_is_taken_can_be_rehearsed():
    names = sorted(path.name for path in RECORDED.glob("*.json*") if "training" not in path.name)
    found, tally = imported([*names, "litellm_table.csv"])
    assert len(found) == tally.taken == 24
    assert all(one.outcome is Outcome.COMPLETE and one.status == 200 and one.attempts for one in found)
    # An answer that only calls a tool has no text to compare; it is a case all the same.
    assert len(cases_of(found)) == len(found)


def test_every_recording_is_of_a_format_that_is_recognised():
    files = [path.name for path in RECORDED.iterdir() if path.suffix != ".md"]
    _, tally = imported(sorted(files))
    assert {Path(file.file).name.split("_")[0].replace("anthropic", "openai") for file in tally.files} == {
        str(file.format) for file in tally.files
    }
    assert all(file.format == Path(file.file).name.split("_")[0].replace("anthropic", "openai") for file in tally.files)
