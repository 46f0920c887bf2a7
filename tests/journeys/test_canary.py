"""One of each secret through a real worker: none of them is found in anything that people or machines read of it."""

from __future__ import annotations

import http.client
import json
import urllib.parse
import urllib.request

import pytest
from typer.testing import CliRunner

from switchover.cli import build
from switchover.testing.scripted import ScriptedServer, reply, stream

PROVIDER_KEY = "canary-provider-key-5c1d"
COLLECTOR_KEY = "canary-collector-key-9a44"
FOREIGN_KEY = "sw_0011223344_canary-foreign-key-77aa"
PROMPT = "canary-prompt-b70e"
HEADER = "canary-header-41f2"
ANSWER = "canary-answer-e3c9"
QUERY = "canary-query-0d55"
MODEL = "canary model 6b1f"
METADATA = "canary-metadata-2e8c"
TOOL = "canary-tool-6d1a"
SUBJECT = "canary-subject-83b0@example.org"
ROUTE = "canary-route-19e4"
SAID = (PROMPT, HEADER, ANSWER, QUERY, MODEL, METADATA, TOOL, SUBJECT)
KEYS = (PROVIDER_KEY, COLLECTOR_KEY, FOREIGN_KEY)
CONFIGURATION = """\
organisation: {{domicile: NL}}
data: ./data
gateway: {{host: 127.0.0.1, port: 0, workers: 1}}
pages: {{serve: false}}
log: {{format: {form}, level: info, requests: all}}
traces: {{endpoint: "{collector}", headers: {{x-collector: env:COLLECTOR_KEY}}, pass_to: []}}
providers: {{acme: {{home: US}}}}
upstreams:
  vendor: {{kind: openai, base_url: "{vendor}/v1", key: env:VENDOR_KEY, model: big-1, developer: acme, host: acme}}
processes:
  messages: {{owner: o, criticality: critical, data: internal, baseline: vendor, recording: {{subject: user}}}}
"""
CUT = [*stream(f'data: {json.dumps({"id": "1", "choices": [{"index": 0, "delta": {"content": ANSWER}}]})}\n\n'.encode(),
               end=False), "close"]  # fmt: skip


def whole(content: str, model: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return reply(json.dumps({"id": "1", "model": model, "choices": [choice]}).encode())


def vendor_says(number, seen):
    """Good, with a model's name that is none; broken; broken midway; denied with the key quoted, as providers do."""
    return [
        [whole(ANSWER, MODEL)],
        [reply(f'{{"choices": "{ANSWER}'.encode())],
        CUT,
        [reply(json.dumps({"error": {"message": f"bad key {PROVIDER_KEY} {ANSWER}"}}).encode(), status=401)],
    ][min(number, 3)]


def ask(url, key, *, path="/v1/chat/completions", raw=None, **more):
    """One request that carries everything that must not be told; its status and body."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    messages = [{"role": "user", "content": PROMPT}]
    body = {"model": "messages", "messages": messages, "metadata": {"who": METADATA}, "user": SUBJECT, **more}
    headers = {"authorization": f"Bearer {key}", "x-canary": HEADER, "openai-beta": HEADER, "user-agent": HEADER}
    try:
        connection.request("POST", path, raw or json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_key_prompt_header_or_answer_is_in_logs_metrics_states_traces_or_error_answers(alone, form):
    with ScriptedServer(vendor_says) as vendor, ScriptedServer([reply(b"{}")]) as collector:
        alone.env |= {"VENDOR_KEY": PROVIDER_KEY, "COLLECTOR_KEY": COLLECTOR_KEY}
        alone.config.write_text(CONFIGURATION.format(form=form, vendor=vendor.url, collector=collector.url))
        alone.up("worker-0", "keeper")
        token = alone.key()
        told = {}
        tools = [{"type": "function", "function": {"name": "f", "description": TOOL, "parameters": {"title": TOOL}}}]
        status, body = ask(alone.url, token, tools=tools)
        assert (status, ANSWER in body) == (200, True)
        statuses = []
        for name, (key, more) in {
            "broken": (token, {}),
            "cut": (token, {"stream": True}),
            "denied": (token, {}),
            "held": (token, {}),
            "foreign key": (FOREIGN_KEY, {}),
            "foreign route": (token, {"model": ROUTE}),
            "foreign path": (token, {"path": "/v1/nothing-such"}),
            "query": (token, {"path": f"/v1/chat/completions?{QUERY}"}),
            "not JSON": (token, {"raw": f'{{"model": "messages", "messages": "{PROMPT}'}),
        }.items():
            status, body = ask(alone.url, key, **more)
            statuses.append(status)
            # What came before the cut is the answer; after it stands the error.
            told[f"error answer: {name}"] = body.replace(ANSWER, "", 1) if name == "cut" else body
        assert statuses == [502, 200, 503, 503, 401, 404, 404, 503, 400]
        for path in ("/metrics", "/readyz", "/livez"):
            told[path] = get(alone.url, path)
        assert "its breaker is held" in told["/readyz"]
        for words in (("explain", "messages"), ("exchanges", "list"), ("exchanges", "list", "--json")):
            told[f"switchover {' '.join(words)}"] = said(words, alone)
        for words in (
            ("doctor",),
            ("report", "--html", str(alone.folder / "page.html")),
            ("keyring", "list"),
            ("evidence", "log"),
        ):
            told[f"switchover {words[0]}"] = said(words, alone)
        told["the page"] = (alone.folder / "page.html").read_text()
        held = {path.name: path.read_bytes() for path in (alone.data / "run").rglob("*") if path.is_file()}
        assert alone.down() == 0
        told["the log"] = alone.log.read_text()
        told |= {f"run/{name}": content.decode(errors="replace") for name, content in held.items()}
        told["traces"] = "".join(seen.body.decode() for seen in collector.seen)
        assert {seen.headers["x-collector"] for seen in collector.seen} == {COLLECTOR_KEY}
        assert "traceparent" not in vendor.seen[0].headers
    # Everything that was to be looked through has something in it.
    assert told["the log"].count("key-revoked") >= 2
    assert told["traces"].count("key-revoked") >= 1
    assert "switchover_requests_total" in told["/metrics"]
    secret = token.split("_", 2)[2]
    forms = [form for text in (*SAID, *KEYS, secret) for form in (text, urllib.parse.quote(text))]
    found = [(place, form) for place, text in told.items() for form in forms if form in text]
    assert found == []
    # On disk it is sealed, all of it; with the key ring it is read again.
    kept = {str(path.relative_to(alone.data)): path.read_bytes() for path in alone.data.rglob("*") if path.is_file()}
    assert {"store.sqlite", "spool/worker-0/0000000001.seg", "keyring/ring.sqlite"} <= set(kept)
    looked_for = (*SAID, *KEYS, secret, ROUTE)
    assert [(name, text) for name, data in kept.items() for text in looked_for if text.encode() in data] == []
    recorded = alone.recorded(process="messages")
    assert sum(PROMPT.encode() in one.request for one in recorded) == len(recorded) == 7
    assert sum(METADATA in one.metadata.values() for one in recorded) == 7
    assert {len(one.subject) for one in recorded} == {64}
    assert any(ANSWER.encode() in one.answer for one in recorded)
    assert not [one for one in recorded for key in (*KEYS, secret) if key.encode() in one.request + one.answer]


def said(words, stage) -> str:
    """What a command prints, standard error included."""
    done = CliRunner().invoke(build(words[0]), [*words, "--config", str(stage.config)], env=stage.env)
    assert not isinstance(done.exception, Exception) or isinstance(done.exception, SystemExit), done.exception
    return done.output


def get(url: str, path: str) -> str:
    with urllib.request.urlopen(f"{url}{path}", timeout=60) as response:
        return response.read().decode()
