"""`switchover explain` as somebody asks it who wonders who would answer: without a gateway, and beside one."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from switchover.testing.scripted import ScriptedServer, reply

CONFIGURATION = """\
organisation: {{domicile: NL}}
data: ./data
gateway: {{host: 127.0.0.1, port: 0, workers: 2}}
pages: {{serve: false}}
providers: {{acme: {{home: US}}, elsewhere: {{home: DE}}}}
upstreams:
  vendor: {{kind: openai, base_url: "{vendor}/v1", key: env:VENDOR_KEY, model: big-1, developer: acme, host: acme}}
  other: {{kind: openai, base_url: "{vendor}/v1", key: env:VENDOR_KEY, model: big-2, developer: acme, host: elsewhere}}
processes:
  messages: {{owner: o, criticality: critical, data: internal, baseline: vendor, fallbacks: [other]}}
"""
DENIED = reply(b'{"error":{"message":"no"}}', status=401)


@pytest.fixture
def vendor():
    with ScriptedServer([DENIED]) as running:
        yield running


def ask(stage, token, path="/v1/chat/completions"):
    """One call that fails."""
    given = {"input": "?"} if "embeddings" in path else {"messages": [{"role": "user", "content": "?"}]}
    body = json.dumps({"model": "messages", **given}).encode()
    headers = {"authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{stage.url}{path}", body, headers)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)
    refused.value.close()


def explained(stage, *words, code=0):
    done = stage.run("explain", "messages", *words)
    assert done.returncode == code, done.stderr
    return done.stdout


def test_it_says_who_answers_why_nobody_else_does_and_what_acts_on_it(alone, vendor):
    alone.config.write_text(CONFIGURATION.format(vendor=vendor.url))
    assert explained(alone).splitlines() == [
        "messages (no gateway runs on this data folder: breakers count as closed, own engines as running):",
        "  1. vendor (big-1): the baseline",
        "  –  other: NOT proven: no rehearsal has shown it READY",
        "No breaker, cut-off or drill acts on it.",
    ]
    assert "other: it has none of the earlier answers" in explained(alone, "--needs", "state")

    alone.up("worker-0", "worker-1", "keeper")
    token = alone.key()
    # What turns us away for embeddings may well answer.
    ask(alone, token, "/v1/embeddings")
    alone.until(lambda: alone.run("explain", "messages", "--needs", "embeddings").returncode == 3)
    assert "nothing would answer" in explained(alone, "--needs", "embeddings", code=3)
    said = explained(alone)
    assert "  1. vendor (big-1): the baseline" in said
    assert "No breaker" in said
    ask(alone, token)
    told = []

    def is_told():
        told[:] = explained_whatever(alone)
        return any("breaker" in line and "held" in line for line in told)

    alone.until(is_told)
    assert told[0].startswith("messages (the gateway runs; breakers of 2 workers as of ")
    assert told[1:4] == [
        "  nothing would answer: callers get a clear error",
        "  –  vendor: it turned us away, and is held until someone restores it",
        "  –  other: NOT proven: no rehearsal has shown it READY",
    ]
    assert told[4] == "What acts on it:"
    assert told[5].startswith("  breaker of vendor (credential): held after key-revoked at worker-")
    assert told[5].endswith(" alone; until `switchover restore upstream:vendor`")

    alone.done("cut", "provider:elsewhere", "--reason", "a letter")
    said = explained(alone, "--without", "provider:acme", code=3)
    assert "vendor: supposed lost with provider:acme" in said
    assert "other: cut off (provider:elsewhere: a letter)" in said
    assert "of provider:elsewhere since" in said
    assert "a letter; until `switchover restore provider:elsewhere`" in said

    told = json.loads(alone.run("explain", "messages", "--json").stdout, parse_constant=pytest.fail)
    assert told["attempts"] == []
    assert [one["upstream"] for one in told["skipped"]] == ["vendor", "other"]
    assert told["running"] is True
    assert [(one["upstream"], one["scope"], one["state"], one["fault"]) for one in told["breakers"]] == [
        ("vendor", "credential", "held", "key-revoked")
    ]
    assert [cut["target"]["name"] for cut in told["cut_offs"]] == ["elsewhere"]

    alone.done("restore", "upstream:vendor")
    alone.until(lambda: "  1. vendor (big-1): the baseline" in explained_whatever(alone))
    assert alone.down() == 0


def explained_whatever(stage, *words):
    """The lines, whether or not anybody would answer."""
    return stage.run("explain", "messages", *words).stdout.splitlines()
