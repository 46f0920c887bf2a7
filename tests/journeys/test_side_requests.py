"""Embeddings as people meet them: named in the configuration, explained, asked for, and had elsewhere after a loss."""

from __future__ import annotations

import openai
import pytest

from switchover.testing.fake_side import vector
from switchover.testing.fake_vendor import FakeVendor

UPSTREAMS = """\
  vectors: {{kind: openai, base_url: "{vendor}/v1", key: env:VENDOR_KEY, model: big-2, developer: acme, host: acme}}
  twin: {{kind: openai, base_url: "{other}/v1", key: env:VENDOR_KEY, model: big-2, developer: acme, host: beta}}
  else: {{kind: openai, base_url: "{other}/v1", key: env:VENDOR_KEY, model: big-1, developer: acme, host: beta}}
"""


@pytest.fixture(scope="module")
def running(stage):
    with FakeVendor({}, key=stage.vendor.key) as other:
        urls = {"vendor": stage.vendor.url, "other": other.url}
        process = "    embeddings: [vectors, else, twin]"
        stage.write(upstreams=UPSTREAMS.format(**urls), process=process)
        stage.edit("acme: {home: US}", "acme: {home: US}, beta: {home: DE}")
        assert "No fault found" in stage.done("check")
        stage.up("worker-0", "keeper")
        stage.token = stage.key()
        yield stage


def embedded(stage):
    with stage.client(stage.token) as client:
        raw = client.embeddings.with_raw_response.create(model="messages", input="where is my claim?")
        return raw.headers["x-switchover-upstream"], raw.parse().data[0].embedding


def served_by(stage, name):
    """False, too, while a cut or its end has not reached the worker."""
    try:
        return embedded(stage)[0] == name
    except openai.APIStatusError:
        return False


def test_the_plan_for_embeddings_is_explained_apart(running):
    said = running.done("explain", "messages", "--needs", "embeddings")
    assert "1. vectors (big-2): the baseline" in said
    assert "2. twin (big-2): the same model as vectors, so that vectors can be compared" in said
    assert "else: its vectors can't be compared with those of big-2 (acme): it has big-1 (acme)" in said
    assert running.done("explain", "messages").splitlines()[1:] == [
        "  1. vendor (big-1): the baseline",
        "No breaker, cut-off or drill acts on it.",
    ]
    lost = running.done("explain", "messages", "--needs", "embeddings", "--without", "provider:acme")
    assert "1. twin" in lost
    refused = running.run("explain", "messages", "--needs", "count_tokens")
    assert refused.returncode == 3
    assert "tells no count of tokens" in refused.stdout
    assert "no request needs vectors" in running.run("explain", "messages", "--needs", "vectors").stderr


def test_a_lost_upstream_is_replaced_by_the_same_model_elsewhere(running, helpers):
    wanted = vector("big-2", "where is my claim?")
    assert embedded(running) == ("vectors", wanted)
    running.done("cut", "upstream:vectors", "--reason", "a letter")
    helpers.wait_until(lambda: served_by(running, "twin"))
    assert embedded(running) == ("twin", wanted)
    running.done("cut", "upstream:twin", "--reason", "a letter")

    def refused():
        try:
            embedded(running)
        except openai.APIStatusError as error:
            return error.code == "no_upstream" and "no upstream with the same model may serve" in error.message
        return False

    helpers.wait_until(refused)
    running.done("restore", "all")
    helpers.wait_until(lambda: served_by(running, "vectors"))


def test_embeddings_are_on_record_and_in_the_report(running, helpers):
    # The newest of them is answered by the first again.
    helpers.wait_until(lambda: [one.upstream for one in running.recorded(outcome="complete")][:1] == ["vectors"])
    rows = running.told("exchanges", "list", "--outcome", "complete")
    shown = running.told("exchanges", "show", rows[0]["id"])
    assert (shown["dialect"], shown["upstream"], shown["model"]) == ("openai_embeddings", "vectors", "big-2")
    assert "messages" in running.done("report")
    assert running.down() == 0
