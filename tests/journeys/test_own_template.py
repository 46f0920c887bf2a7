"""An engine of our own with another chat template or other weights: its proof is void, until the old ones are back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time

import openai
import pytest

from switchover.domain.candidate import PromptKind, PromptVersion, fingerprint
from switchover.store.indexing import save_exchanges
from switchover.store.prompt_versions import save_prompt_version
from switchover.store.proofs import save_proof
from switchover.testing.builders import make_exchange, make_proof
from switchover.testing.inbox import messages
from switchover.upstreams.gguf import chat_template
from switchover.upstreams.local import read_place
from switchover.upstreams.templates import digest_of
from switchover.wiring.templates import with_templates

OWN = (
    "  own: {{kind: local, weights: 'file:{weights}', chat_template: 'file:{template}', model: small, developer: hf,"
    " host: own, context: 512, slots: 2, threads: 1}}"
)
JUDGED = "    fallbacks: [own]\n    rehearse: {grader: label, labels: [a, b]}\n"
CHANGED = "its chat template has changed since its proof"


@pytest.fixture(scope="module")
def running(stage, weights, helpers):
    """The vendor is cut off; the engine runs, and holds a proof made with the template it runs."""
    stage.template = stage.folder / "template.jinja"
    stage.right = chat_template(weights)
    stage.template.write_text(stage.right)
    stage.weights = stage.folder / "own.gguf"
    shutil.copyfile(weights, stage.weights)
    stage.write(upstreams=OWN.format(weights=stage.weights, template=stage.template), process=JUDGED)
    stage.up("worker-0", "keeper", "engine-own")
    stage.token = stage.key()
    stage.done("cut", "provider:acme", "--reason", "sanctions")
    version = PromptVersion.make(process="messages", upstream="own", kind=PromptKind.AS_IS)
    helpers.wait_until(lambda: with_templates(stage.settings()).upstreams["own"].is_known, stage.said)
    spec = with_templates(stage.settings()).upstreams["own"]
    assert fingerprint(spec).endswith(f".{spec.template}")
    now, vendor = time.time(), stage.settings().upstreams["vendor"]
    with stage.store() as store:
        save_prompt_version(store, version)
        save_proof(store, make_proof(spec, version, vendor, process="messages", made_at=now, expires_at=now + 3600))
    return stage


def ask(stage, text="where is my claim?"):
    """Who answered, or what the caller was told."""
    with stage.client(stage.token) as client:
        try:
            raw = client.chat.completions.with_raw_response.create(
                model="messages", messages=[{"role": "user", "content": text}], max_tokens=2
            )
        except openai.APIStatusError as refused:
            return refused
        return raw.headers["x-switchover-upstream"]


def short(text):
    said = [{"role": "user", "content": text}]
    return json.dumps({"model": "messages", "messages": said, "max_tokens": 2}).encode()


def restarted_with(stage, helpers, template):
    """The file is another, and the engine dies and comes back."""
    stage.template.write_text(template)
    before = read_place(stage.data, "own").pid
    os.kill(before, signal.SIGKILL)
    helpers.wait_until(lambda: (place := read_place(stage.data, "own")) is not None and place.pid != before)


def test_the_proven_engine_serves(running, helpers):
    helpers.wait_until(lambda: ask(running) == "own", running.said)
    assert CHANGED not in running.done("explain", "messages")


def test_what_does_not_fit_its_slot_is_refused_in_the_callers_words(running):
    refused = ask(running, "claim " * 600)
    assert (refused.status_code, refused.code) == (400, "context_length_exceeded")
    assert "600 or more tokens and own takes 510 (context 512" in refused.message


def test_a_rehearsal_tells_which_template_it_was_made_with(running):
    # A few tokens each: how long the engine writes is nothing that this is about.
    record = [
        make_exchange(m.text, "a", process="messages", started_at=time.time() - 9000 + number, request=short(m.text))
        for number, m in enumerate(messages()[:16])
    ]
    with running.store() as store:
        save_exchanges(store, record)
    running.run("rehearse", "messages", "--candidate", "own", "--budget", "1", timeout=600)
    (verdict,) = running.told("verdicts")
    assert verdict["cell"]["fingerprint"].endswith(f".{digest_of(running.right)}")
    assert verdict["void"] is None


def test_with_another_template_it_is_passed_over_and_everything_says_why(running, helpers):
    restarted_with(running, helpers, running.right.replace("SmolLM", "Nobody"))
    helpers.wait_until(lambda: CHANGED in getattr(ask(running), "message", ""), running.said)
    explained = running.run("explain", "messages")
    assert explained.returncode == 3
    assert f"own: {CHANGED} (was " in explained.stdout
    assert "put the old one back, or rehearse it again" in explained.stdout
    with running.client("none") as client:
        ready = client._client.get(f"{running.url}/readyz").text
    assert f"own: {CHANGED}" in ready
    assert "nothing serves messages" in ready
    assert CHANGED in running.told("verdicts")[0]["void"]
    assert f"void – own: {CHANGED}" in running.done("verdicts")


def test_once_the_old_template_is_back_so_is_the_proof(running, helpers):
    restarted_with(running, helpers, running.right)
    helpers.wait_until(lambda: ask(running) == "own", running.said)
    assert running.told("verdicts")[0]["void"] is None


def test_once_its_weights_are_replaced_it_is_passed_over(running, helpers):
    beside = running.weights.with_suffix(".part")
    shutil.copyfile(running.weights, beside)
    with beside.open("ab") as file:
        file.write(b"another")
    beside.replace(running.weights)
    helpers.wait_until(lambda: "own: what its weights hold is not known" in getattr(ask(running), "message", ""))
    explained = running.run("explain", "messages")
    assert "own: what its weights hold is not known: their file is read while" in explained.stdout
    # Read, and run: they are other weights than those with the proof.
    restarted_with(running, helpers, running.right)
    other = "its proof was made with another model or prompt version"
    helpers.wait_until(lambda: other in getattr(ask(running), "message", ""), running.said)
    assert running.down() == 0
