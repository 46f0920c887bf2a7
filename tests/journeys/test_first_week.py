"""The first week: from an empty folder to a call, its record, a lost provider and an orderly end."""

from __future__ import annotations

import json
import threading

import anthropic
import openai
import pytest

from switchover.domain.exchange import Intent
from switchover.store.spool_reader import read_spool

SAY = [{"role": "user", "content": "where is my claim?"}]


@pytest.fixture(scope="module")
def running(stage):
    """Drafted, checked, edited and started; the stage with a key."""
    assert "is drafted" in stage.done("init")
    assert "No fault found" in stage.done("check")
    stage.write()
    assert "1 upstream, 1 process. No fault found" in stage.done("check")
    stage.up("worker-0", "keeper")
    stage.token = stage.done("keys", "create", "messages").split()[0]
    return stage


def ask(stage, **more):
    with stage.client(stage.token) as client:
        answer = client.chat.completions.create(model="messages", messages=SAY, **more)
        return list(answer) if more.get("stream") else answer


def begun(stage):
    """How many requests were let in so far."""
    return sum(isinstance(record, Intent) for _, record in read_spool(stage.data / "spool" / "worker-0"))


def answers(stage):
    try:
        return ask(stage).choices[0].message.content == "claim_status"
    except openai.APIStatusError:
        return False


def test_both_official_clients_get_an_answer_that_is_then_in_the_record(running, helpers):
    helpers.wait_until(lambda: answers(running))
    chunks = ask(running, stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "claim_status"
    with anthropic.Anthropic(base_url=running.url, api_key=running.token, max_retries=0) as client:
        answer = client.messages.create(model="messages", messages=SAY, max_tokens=20)
        assert answer.content[0].text == "claim_status"
        with client.messages.stream(model="messages", messages=SAY, max_tokens=20) as events:
            assert events.get_final_text() == "claim_status"
    helpers.wait_until(lambda: len(running.recorded(outcome="complete")) == 4)
    newest = running.told("exchanges", "list", "--outcome", "complete", "-p", "messages")[-1]
    assert newest["status"] == 200
    assert newest["attempts"] == [{"upstream": "vendor", "fault": None}]
    assert newest["id"] in running.done("exchanges", "list")
    shown = running.done("exchanges", "show", newest["id"][:20])
    assert "where is my claim?" in shown
    assert "claim_status" in shown
    assert json.loads(running.told("exchanges", "show", newest["id"])["request"])["model"] == "messages"
    assert running.token not in shown


def test_a_process_without_a_replacement_stops_clearly_while_its_provider_is_cut_off_and_then_goes_on(running, helpers):
    assert "1. vendor (big-1): the baseline" in running.done("explain", "messages")
    supposed = running.run("explain", "messages", "--without", "jurisdiction:US")
    assert supposed.returncode == 3
    assert "nothing would answer" in supposed.stdout
    assert ask(running)
    assert "STOPS" in running.done("cut", "provider:acme", "--reason", "the contract ended")
    running.followed()
    with pytest.raises(openai.APIStatusError) as told:
        ask(running)
    refused = told.value
    assert refused.status_code == 503
    assert refused.code == "no_upstream"
    assert "the contract ended" in refused.message
    assert "no replacement is configured" in refused.message
    assert refused.response.headers["x-should-retry"] == "false"
    assert refused.response.headers["x-switchover-attempts"] == ""
    with pytest.raises(openai.APIStatusError):
        ask(running)
    assert "1 cut-off lifted" in running.done("restore", "provider:acme")
    helpers.wait_until(lambda: answers(running))


def test_a_revoked_vendor_key_holds_until_it_is_restored(running, helpers):
    running.vendor.control("denied")
    with pytest.raises(openai.APIStatusError) as refused:
        ask(running)
    assert refused.value.status_code == 503
    running.vendor.control("normal")
    with pytest.raises(openai.APIStatusError, match="held until someone restores it"):
        ask(running)
    running.done("restore", "upstream:vendor")
    helpers.wait_until(lambda: answers(running))


def test_a_revoked_caller_key_is_refused(running):
    made = running.told("keys", "create", "messages")
    assert made["id"] in running.done("keys", "list")
    running.done("keys", "revoke", made["id"])
    running.followed()
    with running.client(made["key"]) as client, pytest.raises(openai.AuthenticationError):
        client.models.list()


def test_doctor_and_report_answer_while_it_runs(running):
    found = running.told("doctor")
    assert all(one["well"] for one in found)
    assert {"gateway", "keeper, store"} & {one["what"] for one in found}
    assert "messages" in running.done("report")


def test_a_second_start_on_the_same_folder_is_refused(running):
    refused = running.run("up")
    assert refused.returncode == 1
    assert "another `switchover up` runs" in refused.stderr
    assert "To mend it:" in refused.stderr


def test_an_open_stream_finishes_while_the_gateway_goes_down(running):
    before = begun(running)
    running.vendor.control("slow", seconds=2.0)
    got = []

    def stream():
        try:
            got.extend(ask(running, stream=True))
        except openai.APIError as error:
            got.append(error)

    caller = threading.Thread(target=stream)
    caller.start()
    running.until(lambda: begun(running) > before)
    assert running.down() == 0
    caller.join(60)
    running.vendor.control("normal")
    assert got
    assert not isinstance(got[-1], Exception)
    assert "".join(c.choices[0].delta.content or "" for c in got if c.choices) == "claim_status"
    assert got[-1].choices[0].finish_reason == "stop"
    # What ended after the signal is in the record too.
    newest = running.recorded()[0]
    assert (newest.outcome, newest.stream) == ("complete", True)
    assert newest.elapsed_ms > 1900
