"""Which chat template each server of our own runs: asked where it tells, remembered while it can't."""

from __future__ import annotations

import asyncio
import json
import os
import struct
from dataclasses import replace

import pytest

from switchover.clock import SystemClock
from switchover.domain.candidate import fingerprint
from switchover.domain.process import UpstreamSpec
from switchover.egress import Client
from switchover.processes.child import announce, fresh_key
from switchover.testing.builders import make_settings
from switchover.testing.clock import ManualClock
from switchover.testing.scripted import ScriptedServer, reply
from switchover.testing.served import spec
from switchover.upstreams.local import EngineFacts
from switchover.upstreams.templates import digest_of
from switchover.wiring.templates import follow_templates, learn_templates, templates, with_templates

TEMPLATE = "{% for m in messages %}{{ m.content }}{% endfor %}"
PROPS = {"/props": reply(json.dumps({"chat_template": TEMPLATE}).encode())}
SHOW = {"/api/show": reply(json.dumps({"template": "{{ .Prompt }}"}).encode())}


def settings(tmp_path, *specs):
    return replace(make_settings(), data_dir=str(tmp_path), upstreams={one.name: one for one in specs})


def own(**fields):
    return UpstreamSpec(name="own", kind="local", model="m", developer="d", host="own", weights="starter", **fields)


async def until(condition):
    """Waits for what a task does."""
    for _ in range(6000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came about")


def learn(found, server_says, *, times=1):
    """What is known after the server was asked; paths it does not know are 404."""

    def play(number, seen):
        return [server_says.get(seen.line.split()[1], reply(b"{}", status=404))]

    async def story(url):
        client = Client(SystemClock())
        for _ in range(times):
            here = replace(found, upstreams={n: replace(s, base_url=f"{url}/v1") for n, s in found.upstreams.items()})
            await learn_templates(here, here.upstreams.values(), client)
        await client.close()

    with ScriptedServer(play) as server:
        asyncio.run(story(server.url))
        return templates(found), [seen.line for seen in server.seen]


@pytest.mark.parametrize(("says", "digest"), [(PROPS, digest_of(TEMPLATE)), (SHOW, digest_of("{{ .Prompt }}"))])
def test_a_server_that_tells_its_template_is_known_by_its_digest(tmp_path, says, digest):
    found = settings(tmp_path, spec("box", "http://127.0.0.1:9", host="own", key=None))
    assert learn(found, says)[0] == {"box": digest}
    seen = with_templates(found).upstreams["box"]
    assert seen.template == digest
    assert fingerprint(seen) == f"{fingerprint(found.upstreams['box'])}.{digest}"


def test_a_server_that_tells_nothing_has_no_template_and_a_provider_is_not_asked(tmp_path):
    found = settings(tmp_path, spec("box", "http://127.0.0.1:9", host="own", key=None))
    assert learn(found, {})[0] == {}
    assert with_templates(found) is found
    vendor = settings(tmp_path, spec("vendor", "http://127.0.0.1:9"))
    assert learn(vendor, PROPS) == ({}, [])


def test_a_server_that_can_not_be_asked_keeps_what_it_told_last(tmp_path):
    found = settings(tmp_path, spec("box", "http://127.0.0.1:9", host="own", key=None))
    learn(found, PROPS)
    busy = {"/props": reply(b"{}", status=503)}
    assert learn(found, busy)[0] == {"box": digest_of(TEMPLATE)}
    asyncio.run(learn_templates(found, found.upstreams.values(), Client(SystemClock())))
    assert templates(found) == {"box": digest_of(TEMPLATE)}
    # One that answers, and no longer says: what it runs now nobody knows.
    assert learn(found, {})[0] == {}


@pytest.mark.parametrize("said", [b"", b"[]", b"{}", b'{"chat_template": 3}', b'{"chat_template": ""}', b"\xff"])
def test_an_answer_that_says_nothing_is_nothing(tmp_path, said):
    found = settings(tmp_path, spec("box", "http://127.0.0.1:9", host="own", key=None))
    assert learn(found, {"/props": reply(said)})[0] == {}


def test_servers_are_asked_again_and_again_and_a_changed_template_is_seen(tmp_path):
    said = [TEMPLATE, TEMPLATE + "!"]

    def play(number, seen):
        return [reply(json.dumps({"chat_template": said[min(number, 1)]}).encode())]

    async def story(url):
        found = settings(tmp_path, spec("box", url, host="own", key=None))
        clock, client = ManualClock(), Client(SystemClock())
        task = asyncio.create_task(follow_templates(lambda: found, client, clock, lambda event, **fields: None))
        await until(lambda: templates(found) == {"box": digest_of(said[0])})
        await until(lambda: clock.advance(10) or templates(found) == {"box": digest_of(said[1])})
        task.cancel()
        await client.close()

    with ScriptedServer(play) as server:
        asyncio.run(story(server.url))


def test_an_engine_is_what_it_announced_while_it_runs_and_else_what_it_would_be(tmp_path):
    (tmp_path / "other.jinja").write_text(TEMPLATE)
    key = b"tokenizer.chat_template"
    text = struct.pack("<Q", len(key)) + key + struct.pack("<I", 8) + struct.pack("<Q", 3) + b"{{}"
    (tmp_path / "w.gguf").write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + text)
    plain = own(context=512)
    found = settings(tmp_path, replace(plain, weights=f"file:{tmp_path / 'w.gguf'}"))
    changed = settings(tmp_path, replace(found.upstreams["own"], chat_template=f"file:{tmp_path / 'other.jinja'}"))
    assert templates(found) == {}
    assert templates(found, idle=True) == {"own": digest_of("{{}")}
    assert templates(changed, idle=True) == {"own": digest_of(TEMPLATE)}
    fresh_key(tmp_path, "own")
    announce(tmp_path, "own", "http://127.0.0.1:9", EngineFacts(template="0" * 16, context=512, template_tokens=20))
    assert templates(changed) == templates(changed, idle=True) == {"own": "0" * 16}
    # Killed: it left its place behind, under the id of a process that is no more.
    place = tmp_path / "run" / "own.json"
    place.write_text(place.read_text().replace(str(os.getpid()), str(2**22 - 1)))
    assert templates(changed) == {}
    assert templates(settings(tmp_path, replace(plain, weights="file:nowhere.gguf")), idle=True) == {}
