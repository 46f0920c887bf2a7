"""Servers of our own on loopback that would drop what does not fit: what they are asked, and what not."""

import asyncio
import json

import pytest

from switchover.clock import SystemClock
from switchover.domain.ports import OutboundRequest
from switchover.domain.secret import Secret
from switchover.egress import Client
from switchover.errors import PromptTooLong, UpstreamError
from switchover.testing.scripted import ScriptedServer, reply
from switchover.testing.served import spec
from switchover.upstreams import UPSTREAMS

ANSWER = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}]}'
CHAT, COUNT = "/v1/chat/completions", "/v1/chat/completions/input_tokens"
NO = reply(b"{}", status=404)


def body(words, **more):
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "word " * words}], **more}).encode()


def ask(counts, *sent, kind="openai", host="own", context=1000):
    """What came of each request (a status or an error), and the paths that were asked with their bodies.

    ``counts`` is what each other path than an answer's says.
    """

    def play(number, seen):
        path = seen.line.split()[1]
        return [counts.get(path, reply(ANSWER) if path in (CHAT, "/v1/messages") else NO)]

    async def story(url):
        client = Client(SystemClock())
        one = spec("box", url, kind, host=host, context=context)
        upstream = UPSTREAMS[kind](one, one.base_url, Secret("s"), client)
        got = []
        for request in sent:
            try:
                answer = await upstream.answer(OutboundRequest(body=request, stream=False))
                await answer.whole(1 << 20)
                got.append(answer.status)
            except UpstreamError as error:
                got.append(error)
        await client.close()
        return got

    with ScriptedServer(play) as server:
        return asyncio.run(story(server.url)), [(seen.line.split()[1], seen) for seen in server.seen]


def paths(seen):
    return [path for path, _ in seen]


def test_what_surely_fits_is_sent_and_what_surely_does_not_is_not_and_neither_is_counted():
    got, seen = ask({}, body(50), body(2000))
    assert got[0] == 200
    assert isinstance(got[1], PromptTooLong)
    assert "the prompt has 2000 or more tokens and box takes 750 (context 1000" in str(got[1])
    assert paths(seen) == [CHAT]


def test_what_lies_between_is_counted_by_the_server_itself():
    sent = body(200, temperature=0, stream=True, metadata={"kind": "a"})
    for count, fits in ((750, True), (751, False)):
        got, seen = ask({COUNT: reply(json.dumps({"input_tokens": count}).encode())}, sent)
        assert (got == [200]) is fits
        assert paths(seen) == [COUNT, CHAT] if fits else [COUNT]
        asked = json.loads(seen[0][1].body)
        assert asked == {"model": "m", "messages": json.loads(sent)["messages"]}
        assert seen[0][1].headers["authorization"] == "Bearer s"


def test_a_short_answer_leaves_more_room_for_the_prompt():
    counted = {COUNT: reply(b'{"input_tokens": 900}')}
    assert ask(counted, body(200, max_tokens=100))[0] == [200]
    assert isinstance(ask(counted, body(200, max_tokens=101))[0][0], PromptTooLong)


def test_vllm_is_asked_in_its_own_way_and_the_way_is_kept():
    got, seen = ask({"/tokenize": reply(b'{"count": 300, "max_model_len": 1000}')}, body(200), body(200))
    assert got == [200, 200]
    assert paths(seen) == [COUNT, "/tokenize", CHAT, "/tokenize", CHAT]


def test_a_server_that_does_not_count_gets_what_fits_by_a_careful_estimate():
    got, seen = ask({}, body(200), body(320))
    assert got[0] == 200
    assert "the prompt has about 789 tokens" in str(got[1])
    assert paths(seen) == [COUNT, "/tokenize", CHAT]


def test_what_a_server_can_not_count_it_refuses_itself():
    got, seen = ask({COUNT: reply(b'{"error": {"message": "no such role"}}', status=400)}, body(200))
    assert got == [200]
    assert paths(seen) == [COUNT, CHAT]


def test_anthropics_format_is_counted_as_anthropic_says():
    count = "/v1/messages/count_tokens"
    got, seen = ask({count: reply(b'{"input_tokens": 751}')}, body(200, max_tokens=4096), kind="anthropic")
    assert isinstance(got[0], PromptTooLong)
    assert paths(seen) == [count]


def test_an_image_is_not_counted_as_the_text_that_carries_it():
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "QUFB " * 5000}}
    shown = [{"role": "user", "content": [{"type": "text", "text": "what is this"}, picture]}]
    sent = json.dumps({"model": "m", "messages": shown}).encode()
    assert (ask({}, sent)[0], paths(ask({}, sent)[1])) == ([200], [CHAT])


@pytest.mark.parametrize("changes", [{"host": "acme"}, {"context": None}])
def test_a_provider_and_a_context_nobody_told_are_left_alone(changes):
    got, seen = ask({}, body(5000), **changes)
    assert (got, paths(seen)) == ([200], [CHAT])


def test_a_server_that_is_gone_is_unreachable_before_it_is_counted():
    async def story():
        client = Client(SystemClock())
        one = spec("box", "http://127.0.0.1:1", host="own", context=1000)
        upstream = UPSTREAMS["openai"](one, one.base_url, None, client)
        with pytest.raises(UpstreamError, match="refused the connection"):
            await upstream.answer(OutboundRequest(body=body(200), stream=False))

    asyncio.run(story())
