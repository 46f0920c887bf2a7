"""Spans of requests to a real gateway, as a collector on loopback gets them, read by OpenTelemetry's own schema."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import json
import time

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from switchover.clock import SystemClock
from switchover.domain.process import Criticality, DataClass, Process
from switchover.egress import Client
from switchover.gateway import export
from switchover.gateway.export import BATCH, EVERY_S, Tracer
from switchover.gateway.trace import begin
from switchover.testing.clock import ManualClock
from switchover.testing.scripted import ScriptedServer, reply, stream
from switchover.testing.served import ServedGateway, register, spec

DENIED = reply(b'{"error":{"message":"no"}}', status=401)
TAKEN = reply(b'{"partialSuccess":{}}')
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CHUNKS = [
    b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n',
    b'data: {"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
]


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """However slow this machine is, the collector is waited for."""
    for name in ("SEND_S", "END_S"):
        monkeypatch.setattr(export, name, 60.0)


def answer():
    message = {"role": "assistant", "content": "yes"}
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 2,
        "total_tokens": 11,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return reply(json.dumps({"id": "1", "model": "m-2", "choices": [choice], "usage": usage}).encode())


def nothing(event, *, level="info", **fields):
    """A log that nobody keeps."""


class Stage:
    """A vendor, an own upstream, a collector and the gateway between them."""

    def __init__(self, vendor, own, collector, **more):
        self.collector = collector
        upstreams = [spec("vendor", vendor.url), spec("own", own.url)]
        process = Process(
            name="p", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor",
            fallbacks=("own",),
        )  # fmt: skip
        snapshot, self.token = register(process, upstreams, proven=("own",))

        def tracer(client):
            headers = {"content-type": "application/json", "authorization": "collector-key"}
            endpoint = client.prepare("POST", f"{collector.url}/v1/traces", headers, local=True)
            return Tracer(lambda batch: client.send(endpoint, batch), "worker-0", SystemClock(), nothing, **more)

        self.served = ServedGateway(snapshot, tracer=tracer)

    def ask(self, token=None, headers=None, path="/v1/chat/completions", **more):
        connection = http.client.HTTPConnection(self.served.url.removeprefix("http://"), timeout=60)
        text = json.dumps({"model": "p", "messages": [{"role": "user", "content": "?"}], **more})
        connection.request("POST", path, text, {"authorization": f"Bearer {token or self.token}", **(headers or {})})
        with contextlib.closing(connection):
            response = connection.getresponse()
            return response.status, response.read(), response.headers

    def spans(self):
        """What the collector has, once the gateway has ended and sent the rest."""
        return [span for seen in self.collector.seen for span in read(seen.body)]


def read(body):
    """Spans as the official schema has them. OTLP's JSON writes ids in hexadecimal where protobuf's own has base64."""
    told = json.loads(body)
    for resource in told["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in {"traceId", "spanId", "parentSpanId"} & set(span):
                    span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    # Fields that the schema does not have are errors here.
    parsed = json_format.ParseDict(told, ExportTraceServiceRequest())
    for resource in parsed.resource_spans:
        about = {one.key: one.value.string_value for one in resource.resource.attributes}
        assert about["service.name"] == "switchover"
        assert about["service.instance.id"] == "worker-0"
        for scope in resource.scope_spans:
            yield from scope.spans


def fields(span):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def test_a_request_is_one_server_span_and_each_attempt_a_client_span_below_it():
    with ScriptedServer([DENIED]) as vendor, ScriptedServer([answer()]) as own, ScriptedServer([TAKEN]) as collector:
        stage = Stage(vendor, own, collector)
        with stage.served:
            _, _, headers = stage.ask(headers={"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "a=b"})
        server, first, second = stage.spans()
        assert collector.seen[0].headers["authorization"] == "collector-key"
        assert collector.seen[0].line.startswith("POST /v1/traces ")
    assert {span.trace_id.hex() for span in (server, first, second)} == {TRACE}
    assert server.parent_span_id.hex() == PARENT
    assert first.parent_span_id == second.parent_span_id == server.span_id
    assert (server.kind, first.kind, second.kind) == (Span.SPAN_KIND_SERVER, *[Span.SPAN_KIND_CLIENT] * 2)
    assert {span.trace_state for span in (server, first, second)} == {"a=b"}
    assert server.start_time_unix_nano <= first.start_time_unix_nano < first.end_time_unix_nano
    assert first.end_time_unix_nano <= second.start_time_unix_nano < second.end_time_unix_nano
    assert second.end_time_unix_nano <= server.end_time_unix_nano
    assert server.name == "POST /v1/chat/completions"
    told = fields(server)
    assert told["switchover.exchange"] == headers["x-switchover-exchange"]
    assert (told["http.response.status_code"], told["http.route"], told["switchover.attempts"]) == (
        200, "/v1/chat/completions", 2,
    )  # fmt: skip
    assert server.status.code == Status.STATUS_CODE_UNSET
    failed, answered = fields(first), fields(second)
    assert first.name == "chat vendor-model"
    assert (failed["error.type"], failed["http.response.status_code"]) == ("key-revoked", 401)
    assert first.status.code == Status.STATUS_CODE_ERROR
    assert "gen_ai.response.model" not in failed
    assert answered == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "own",
        "gen_ai.request.model": "own-model",
        "gen_ai.response.model": "m-2",
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 2,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 1,
        "gen_ai.prompt.version": answered["gen_ai.prompt.version"],
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "server.port": int(own.url.rpartition(":")[2]),
        "switchover.upstream": "own",
    }


def test_embeddings_are_an_operation_of_their_own():
    vectors = {"data": [{"embedding": [0.5]}], "model": "vendor-model", "usage": {"prompt_tokens": 3}}
    vendor_says = reply(json.dumps(vectors).encode())
    with ScriptedServer([vendor_says]) as vendor, ScriptedServer([]) as own, ScriptedServer([TAKEN]) as collector:
        stage = Stage(vendor, own, collector)
        with stage.served:
            assert stage.ask(path="/v1/embeddings", input="?")[0] == 200
        server, answered = stage.spans()
    assert (server.name, answered.name) == ("POST /v1/embeddings", "embeddings vendor-model")
    told = fields(answered)
    assert told["gen_ai.operation.name"] == "embeddings"
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.response.model"]) == (3, "vendor-model")


def test_a_streams_span_lasts_until_its_last_chunk_and_says_when_the_first_came():
    vendor_says = stream(0.05, CHUNKS[0], 0.1, CHUNKS[1])
    with ScriptedServer(vendor_says) as vendor, ScriptedServer([]) as own, ScriptedServer([TAKEN]) as collector:
        stage = Stage(vendor, own, collector)
        with stage.served:
            assert stage.ask(stream=True)[0] == 200
        _, attempt = stage.spans()
    told = fields(attempt)
    assert told["gen_ai.request.stream"] is True
    assert told["gen_ai.response.time_to_first_chunk"] >= 0.04
    assert attempt.end_time_unix_nano - attempt.start_time_unix_nano >= 0.14e9


def test_a_stream_that_broke_off_is_an_error_of_request_and_attempt():
    cut = [*stream(CHUNKS[0], end=False), "close"]
    with ScriptedServer(cut) as vendor, ScriptedServer([]) as own, ScriptedServer([TAKEN]) as collector:
        stage = Stage(vendor, own, collector)
        with stage.served:
            stage.ask(stream=True)
        server, attempt = stage.spans()
    assert fields(server)["error.type"] == "upstream_cut"
    assert fields(attempt)["error.type"] == "reset-midway"
    assert server.status.code == attempt.status.code == Status.STATUS_CODE_ERROR


def test_a_request_that_is_refused_at_the_door_has_a_span_without_attempts():
    with ScriptedServer([]) as vendor, ScriptedServer([]) as own, ScriptedServer([TAKEN]) as collector:
        stage = Stage(vendor, own, collector)
        with stage.served:
            assert stage.ask("nobody")[0] == 401
            assert stage.ask(model="my private words")[0] == 404
        spans = stage.spans()
        assert all(b"private" not in seen.body for seen in collector.seen)
    assert [fields(span)["http.response.status_code"] for span in spans] == [401, 404]
    # The caller's own mistake is no error of the server.
    assert {span.status.code for span in spans} == {Status.STATUS_CODE_UNSET}


@pytest.mark.parametrize(("pass_to", "told"), [((), False), (("vendor",), True)])
def test_a_vendor_is_told_the_trace_only_where_the_configuration_names_it(pass_to, told):
    with ScriptedServer([answer()]) as vendor, ScriptedServer([]) as own, ScriptedServer([TAKEN]) as collector:
        stage = Stage(vendor, own, collector, pass_to=pass_to)
        with stage.served:
            stage.ask(headers={"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "a=b"})
        _, attempt = stage.spans()
        got = vendor.seen[0].headers
    passed = {name: got[name] for name in ("traceparent", "tracestate") if name in got}
    context = {"traceparent": f"00-{TRACE}-{attempt.span_id.hex()}-01", "tracestate": "a=b"}
    assert passed == (context if told else {})


def test_a_caller_that_does_not_sample_is_passed_on_and_not_told():
    with ScriptedServer([answer()]) as vendor, ScriptedServer([]) as own, ScriptedServer([TAKEN]) as collector:
        stage = Stage(vendor, own, collector, pass_to=("vendor",))
        with stage.served:
            stage.ask(headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
        assert collector.seen == []
        assert vendor.seen[0].headers["traceparent"].startswith(f"00-{TRACE}-")
        assert vendor.seen[0].headers["traceparent"].endswith("-00")


def test_without_tracing_no_upstream_gets_a_callers_trace():
    with ScriptedServer([answer()]) as vendor:
        process = Process(
            name="p", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor"
        )
        snapshot, token = register(process, [spec("vendor", vendor.url)])
        with ServedGateway(snapshot) as served:
            connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=60)
            text = json.dumps({"model": "p", "messages": [{"role": "user", "content": "?"}]})
            headers = {"authorization": f"Bearer {token}", "traceparent": f"00-{TRACE}-{PARENT}-01"}
            connection.request("POST", "/v1/chat/completions", text, headers)
            assert connection.getresponse().status == 200
            connection.close()
        assert "traceparent" not in vendor.seen[0].headers


@pytest.mark.parametrize(
    "said",
    [
        "",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}",
    ],
)
def test_what_is_no_trace_context_begins_a_new_trace(said):
    trace = begin([(b"traceparent", said.encode()), (b"tracestate", b"a=b")], 1.0, frozenset())
    assert trace.id != TRACE
    assert (trace.parent, trace.state, trace.sampled) == ("", "", True)


def test_a_later_version_of_the_context_is_read_as_far_as_it_is_known():
    trace = begin([(b"traceparent", f"01-{TRACE}-{PARENT}-01-more".encode())], 0.0, frozenset())
    assert (trace.id, trace.parent, trace.sampled) == (TRACE, PARENT, True)


def test_two_contexts_count_as_none():
    given = (b"traceparent", f"00-{TRACE}-{PARENT}-01".encode())
    assert begin([given, given], 0.0, frozenset()).id != TRACE


def test_a_share_of_the_traces_that_nobody_decided_on_is_sampled():
    sampled = sum(begin([], 0.25, frozenset()).sampled for _ in range(4000))
    assert 800 < sampled < 1200


class Followed:
    """A tracer on a clock of the test's, with a collector that plays what it is told."""

    def __init__(self, collector, **more):
        self.clock, self.said = ManualClock(), []
        client = Client(SystemClock())
        endpoint = client.prepare("POST", f"{collector.url}/v1/traces", {}, local=True)
        self.client = client
        self.tracer = Tracer(
            lambda batch: client.send(endpoint, batch), "worker-0", self.clock,
            lambda event, *, level="info", **fields: self.said.append((event, level)), **more,
        )  # fmt: skip

    async def after(self, seconds, seen, count):
        """Moves the clock, and waits until the collector has seen so many batches and the tracer sleeps again."""
        await self.sleeps()
        self.clock.advance(seconds)
        deadline = time.monotonic() + 60
        while len(seen) < count and time.monotonic() < deadline:  # noqa: ASYNC110  # it is seen in another thread
            await asyncio.sleep(0.005)
        await self.sleeps()

    async def sleeps(self):
        """Waits until the tracer waits for the clock."""
        async with asyncio.timeout(60):
            while not self.clock._sleepers:  # noqa: ASYNC110  # nothing tells it
                await asyncio.sleep(0.005)


def test_a_collector_that_is_busy_is_asked_again_later_and_loses_nothing():
    busy = reply(b"", status=503)
    with ScriptedServer(lambda number, seen: [busy] if number < 2 else [TAKEN]) as collector:

        async def run():
            followed = Followed(collector)
            await followed.tracer.start()
            followed.tracer.put([b'{"name":"a"}'])
            await followed.after(EVERY_S, collector.seen, 1)
            followed.tracer.put([b'{"name":"b"}'])
            await followed.after(2 * EVERY_S - 0.1, collector.seen, 1)
            assert len(collector.seen) == 1, "it waits twice as long"
            await followed.after(0.1, collector.seen, 2)
            await followed.after(4 * EVERY_S, collector.seen, 3)
            await followed.tracer.stop()
            await followed.client.close()
            return followed

        followed = asyncio.run(run())
        names = [[span["name"] for span in spans(seen)] for seen in collector.seen]
    assert names == [["a"], ["a", "b"], ["a", "b"]]
    assert followed.tracer.dropped == 0
    assert followed.said == [("collector busy: trying again", "warning"), ("collector takes spans", "info")]


def spans(seen):
    return json.loads(seen.body)["resourceSpans"][0]["scopeSpans"][0]["spans"]


@pytest.mark.parametrize(
    ("said", "dropped"),
    [(reply(b"", status=400), 3), (reply(b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":"x"}}'), 2)],
)
def test_what_the_collector_refuses_is_counted_and_not_sent_again(said, dropped):
    with ScriptedServer([said]) as collector:

        async def run():
            followed = Followed(collector)
            followed.tracer.put([b"{}"] * 3)
            assert await followed.tracer.send()
            await followed.tracer.stop()
            await followed.client.close()
            return followed

        followed = asyncio.run(run())
        assert len(collector.seen) == 1
    assert followed.tracer.dropped == dropped
    assert followed.said == [("collector refuses spans", "error")]


def test_spans_beyond_the_bound_are_dropped_and_counted_and_a_batch_has_a_size():
    with ScriptedServer([TAKEN]) as collector:

        async def run():
            followed = Followed(collector, most=BATCH + 1)
            for _ in range(BATCH + 3):
                followed.tracer.put([b"{}"])
            await followed.tracer.stop()
            await followed.client.close()
            return followed

        followed = asyncio.run(run())
        assert [len(spans(seen)) for seen in collector.seen] == [BATCH, 1]
    assert followed.tracer.dropped == 2


def test_a_collector_that_is_away_at_the_end_costs_what_waits_and_holds_up_nothing():
    with ScriptedServer([]) as collector:
        url = collector.url

    class Away:
        pass

    Away.url = url

    async def run():
        followed = Followed(Away)
        followed.tracer.put([b"{}"] * 3)
        await followed.tracer.stop()
        return followed

    followed = asyncio.run(run())
    assert followed.tracer.dropped == 3
    assert followed.said == [("collector unreachable: trying again", "warning")]
