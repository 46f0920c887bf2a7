"""A vendor's stream breaks and the real engine goes on with it; skipped where the weights are not on the machine."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path

import openai
import pytest

from switchover.clock import SystemClock
from switchover.domain.candidate import Continuation, PromptKind, PromptVersion
from switchover.domain.exchange import Outcome
from switchover.domain.process import Criticality, DataClass, Midstream, Process, UpstreamSpec
from switchover.egress import Client
from switchover.errors import WeightsMissing
from switchover.processes.own import engine_child
from switchover.testing.scripted import ScriptedServer, stream
from switchover.testing.served import ServedGateway, register, spec
from switchover.trial.continuing import continuer
from switchover.upstreams.local import OwnUpstream, read_place
from switchover.upstreams.weights import resolve

CLOCK = SystemClock()
OWN = UpstreamSpec(
    name="own", kind="local", model="smollm2", developer="hf", host="own", weights="starter", context=512
)
SAY = [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}]
SENT = "The capital of France is the city of "


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """The folder in which a running engine says where it listens."""
    try:
        weights = resolve("starter", Path(__file__).parents[3] / ".cache", os.environ)
    except WeightsMissing as missing:
        pytest.skip(f"no starter weights on this machine: {missing}")
    folder = tmp_path_factory.mktemp("engine")
    client = Client(CLOCK)
    child = engine_child(replace(OWN, weights=f"file:{weights}"), str(folder), {}, clock=CLOCK, client=client)

    async def start():
        await child.start()
        await client.close()

    asyncio.run(start())
    yield folder
    child.stop()


def test_the_engine_goes_on_with_what_the_vendor_began_and_the_client_sees_one_answer(engine):
    delta = {"role": "assistant", "content": SENT}
    told = {"id": "v1", "object": "chat.completion.chunk", "created": 1, "model": "big"}
    begun = b"data: %b\n\n" % json.dumps({**told, "choices": [{"index": 0, "delta": delta}]}).encode()
    process = Process(
        name="p", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor",
        fallbacks=("own",), midstream=Midstream.CONTINUE,
    )  # fmt: skip
    with ScriptedServer(stream(begun)) as vendor:
        snapshot, token = register(
            process, [spec("vendor", vendor.url), OWN], proven=("own",), continuation=Continuation.PREFILL
        )
        snapshot = replace(snapshot, endpoints={"own": read_place(engine, "own").url})
        made = {}

        def own(upstream):
            if upstream.name == "vendor":
                return upstream
            return made.setdefault("own", OwnUpstream(OWN, engine, gateway._client))

        gateway = ServedGateway(snapshot, wrap=own)
        with (
            gateway as served,
            openai.OpenAI(base_url=f"{served.url}/v1", api_key=token, max_retries=0) as client,
            client.chat.completions.stream(
                model="p", messages=SAY, max_tokens=40, temperature=0, stream_options={"include_usage": True}
            ) as events,
        ):
            answer = events.get_final_completion()
    text = answer.choices[0].message.content
    assert text.startswith(SENT)
    assert len(text) > len(SENT)
    # It went on, and did not answer anew.
    assert text.count("The capital of France") == 1
    assert answer.choices[0].finish_reason in ("stop", "length")
    [found] = served.spool.exchanges
    assert (found.outcome, found.upstream) == (Outcome.COMPLETE, "own")
    assert [(one.upstream, one.fault) for one in found.attempts] == [("vendor", "clean-end-too-soon"), ("own", None)]
    assert not found.attempts[1].usage.estimated
    assert answer.usage.completion_tokens == found.attempts[0].usage.output + found.attempts[1].usage.output
    assert found.answer.count(b"[DONE]") == 1


def test_a_rehearsal_asks_the_engine_for_the_rest_in_the_same_way(engine):
    async def story():
        client, version = Client(CLOCK), PromptVersion.make(process="p", upstream="own", kind=PromptKind.AS_IS)
        made = continuer(OWN, OwnUpstream(OWN, engine, client), version, version, None, CLOCK)
        way = await made.way()
        reply = await made.ask({"messages": SAY, "max_tokens": 40, "temperature": 0}, SENT, way)
        await client.close()
        return way, reply

    way, reply = asyncio.run(story())
    assert way is Continuation.PREFILL
    assert reply.text.startswith(SENT)
    assert reply.text.count("The capital of France") == 1
