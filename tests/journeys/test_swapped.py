"""A replacement that names another model loses its proof in every worker, until it is restored."""

from __future__ import annotations

import json
import time
import urllib.request

import openai
import pytest

from switchover.domain.candidate import PromptKind, PromptVersion
from switchover.store.exchanges import iter_exchanges
from switchover.store.prompt_versions import save_prompt_version
from switchover.store.proofs import save_proof
from switchover.testing.builders import make_proof
from switchover.testing.scripted import ScriptedServer, reply

OTHER = '  other: {{kind: openai, base_url: "{url}/v1", model: gpt-5, developer: openai, host: openai}}\n'
ANSWER = {"id": "c1", "object": "chat.completion", "created": 1, "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]}  # fmt: skip
SAY = [{"role": "user", "content": "where is my claim?"}]
WORKERS = ("worker-0", "worker-1")


def named(model):
    return [reply(json.dumps({**ANSWER, "model": model}).encode())]


@pytest.fixture
def other():
    with ScriptedServer(named("gpt-5-2025-08-07")) as server:
        yield server


def ask(stage, token):
    """The headers of an answer, or what the caller is told; one connection is one worker."""
    with openai.OpenAI(base_url=f"{stage.url}/v1", api_key=token, max_retries=0) as client:
        try:
            return client.chat.completions.with_raw_response.create(model="messages", messages=SAY).headers, ""
        except openai.APIStatusError as error:
            return error.response.headers, error.message


def asked_of_both(stage, token, times=8):
    return [ask(stage, token) for _ in range(times)]


def test_a_swapped_replacement_is_passed_over_everywhere_until_it_is_restored(stage, other, helpers):
    stage.write(workers=2, upstreams=OTHER.format(url=other.url), process="    fallbacks: [other]\n")
    stage.up(*WORKERS, "keeper")
    token, now = stage.key(), time.time()
    version = PromptVersion.make(process="messages", upstream="other", kind=PromptKind.AS_IS)
    known = stage.settings().upstreams
    proof = make_proof(known["other"], version, known["vendor"], process="messages", made_at=now, expires_at=now + 3600)
    with stage.store() as store:
        save_prompt_version(store, version)
        save_proof(store, proof)
    stage.followed()
    stage.vendor.control("denied")

    def both_switched():
        return all(headers.get("x-switchover-upstream") == "other" for headers, _ in asked_of_both(stage, token, 4))

    helpers.wait_until(both_switched)
    assert {headers.get("x-switchover-unproven") for headers, _ in asked_of_both(stage, token)} == {None}

    other.play(named("gpt-5-mini"))
    headers, _ = ask(stage, token)
    assert (headers["x-switchover-unproven"], headers["x-switchover-model"]) == ("model-swapped", "gpt-5-mini")
    suspended = "other: its proof is suspended: answered as 'gpt-5-mini', not as gpt-5"
    helpers.wait_until(lambda: all(suspended in told for _, told in asked_of_both(stage, token)))
    # A worker that saw it for itself suspends before the register does.
    helpers.wait_until(lambda: "its proof is suspended" in stage.run("explain", "messages").stdout)
    stage.followed()
    with urllib.request.urlopen(f"{stage.url}/readyz", timeout=60) as page:
        assert "other: its proofs are suspended" in page.read().decode()

    other.play(named("gpt-5"))
    assert "suspended proofs under upstream:other are cleared" in stage.done("restore", "upstream:other")
    helpers.wait_until(both_switched)
    name = headers["x-switchover-exchange"]
    helpers.wait_until(lambda: name in {one.id for one in stage.recorded()})
    with stage.store() as store:
        usable = {one.id for one in iter_exchanges(store, "messages")}
    assert usable
    assert name not in usable
    assert "answered as gpt-5-mini: model-swapped" in stage.done("exchanges", "show", name)
