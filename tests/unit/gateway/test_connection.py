"""A caller's connection through a real server: who dawdles, what is asked in between, what an answer's head holds."""

from __future__ import annotations

import json
import socket
import time

import pytest

from switchover.domain.exchange import Outcome
from switchover.domain.process import Criticality, DataClass, Process
from switchover.gateway import app, connection, relay
from switchover.gateway.caller import line
from switchover.testing.scripted import ScriptedServer, reply, stream
from switchover.testing.served import ServedGateway, register, spec

CHUNK = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
LAST = b'data: {"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
ANSWER = json.dumps({"id": "1", "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]}).encode()  # fmt: skip


@pytest.fixture
def gateway(monkeypatch):
    monkeypatch.setattr(app, "SWEEP_S", 0.05)
    with ScriptedServer(lambda number, seen: answer_to(seen)) as vendor:
        process = Process(
            name="p", owner="o", criticality=Criticality.ORDINARY, data=DataClass.INTERNAL, baseline="vendor"
        )
        snapshot, token = register(process, [spec("vendor", vendor.url)])
        with ServedGateway(snapshot) as served:
            served.token, served.vendor = token, vendor
            yield served


def answer_to(seen):
    return stream(CHUNK, LAST) if json.loads(seen.body).get("stream") else [reply(ANSWER)]


def connect(gateway):
    return socket.create_connection(("127.0.0.1", int(gateway.url.rpartition(":")[2])), 60)


def question(gateway, version="1.1", more="", **fields):
    body = json.dumps({"model": "p", "messages": [{"role": "user", "content": "?"}], **fields})
    head = f"POST /v1/chat/completions HTTP/{version}\r\nhost: localhost\r\nauthorization: Bearer {gateway.token}\r\n"
    return f"{head}{more}content-length: {len(body)}\r\n\r\n".encode(), body.encode()


def read_until(caller, end):
    got = b""
    while end not in got:
        data = caller.recv(65536)
        if not data:
            break
        got += data
    return got


def test_a_head_that_is_not_finished_in_time_closes_the_connection(gateway, monkeypatch):
    monkeypatch.setattr(connection, "HEAD_S", 0.2)
    with connect(gateway) as caller:
        caller.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: local")
        begun = time.monotonic()
        assert caller.recv(100) == b""
        assert 0.15 < time.monotonic() - begun < 9  # 10 if it were not patched


def test_a_body_of_which_nothing_more_comes_closes_the_connection(gateway, monkeypatch):
    monkeypatch.setattr(connection, "BODY_S", 0.2)
    head, body = question(gateway)
    with connect(gateway) as caller:
        caller.sendall(head + body[:10])
        assert caller.recv(100) == b""
    assert gateway.vendor.seen == []


def aged(gateway, caller, seconds):
    """As if so much time had passed on this caller's connection."""
    here = caller.getsockname()
    found = []
    while not found:
        known = [*gateway._server.config.loaded_app.connections]
        found = [one for one in known if one.transport and one.transport.get_extra_info("peername") == here]
    found[0]._since -= seconds


def test_who_neither_asks_nor_leaves_is_let_go_and_who_asks_is_not(gateway):
    with connect(gateway) as busy:
        # Longer than is waited in all, and never so long without a question.
        for _ in range(3):
            busy.sendall(b"".join(question(gateway)))
            assert read_until(busy, ANSWER).startswith(b"HTTP/1.1 200")
            aged(gateway, busy, connection.IDLE_S / 2)
            with connect(gateway) as quiet:
                aged(gateway, quiet, connection.IDLE_S + 1)
                assert quiet.recv(100) == b""


def test_an_answer_that_takes_long_is_waited_for(gateway, monkeypatch):
    gateway.vendor.play([0.6, reply(ANSWER)])
    with connect(gateway) as caller:
        caller.sendall(b"".join(question(gateway)))
        while not gateway.vendor.seen:
            time.sleep(0.005)
        monkeypatch.setattr(connection, "BODY_S", 0.1)
        monkeypatch.setattr(connection, "IDLE_S", 0.1)
        assert ANSWER in read_until(caller, ANSWER)


def test_who_asks_for_a_word_before_sending_the_body_gets_it(gateway):
    head, body = question(gateway, more="expect: 100-continue\r\n")
    with connect(gateway) as caller:
        caller.sendall(head)
        assert caller.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        caller.sendall(body)
        assert read_until(caller, ANSWER).startswith(b"HTTP/1.1 200")


def test_who_is_refused_gets_no_word_to_send_the_body(gateway):
    head, _ = question(gateway, more="expect: 100-continue\r\n")
    with connect(gateway) as caller:
        caller.sendall(head.replace(b"Bearer sw", b"Bearer no"))
        assert caller.recv(100).startswith(b"HTTP/1.1 401")


def test_questions_sent_together_are_answered_in_turn(gateway):
    one, other = b"".join(question(gateway)), b"".join(question(gateway, stream=True))
    with connect(gateway) as caller:
        caller.sendall(one + other + one)
        got = b""
        while got.count(ANSWER) < 2 or b"[DONE]" not in got:
            got += caller.recv(65536)
    heads = [part.split(b"\r\n")[0] for part in got.split(b"HTTP/1.1 ")[1:]]
    assert heads == [b"200 OK"] * 3
    assert got.index(ANSWER) < got.index(b"[DONE]") < got.rindex(ANSWER)


def test_an_old_client_gets_its_stream_without_chunks_and_then_the_end(gateway):
    with connect(gateway) as caller:
        caller.sendall(b"".join(question(gateway, version="1.0", stream=True)))
        head, _, got = read_until(caller, b"never comes").partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert got == CHUNK + LAST


def test_head_asks_for_no_body(gateway):
    with connect(gateway) as caller:
        caller.sendall(b"HEAD /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        head, _, got = read_until(caller, b"never comes").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404")
    assert got == b""


def test_a_model_name_starts_no_header(gateway):
    with connect(gateway) as caller:
        caller.sendall(b"".join(question(gateway, model="p\r\nx-mine: yes", more="connection: close\r\n")))
        head = read_until(caller, b"never comes").partition(b"\r\n\r\n")[0]
    assert head.startswith(b"HTTP/1.1 404")
    assert b"\r\nx-mine" not in head


def test_who_never_reads_a_stream_is_given_up_once(gateway, monkeypatch):
    monkeypatch.setattr(relay, "UNREAD_S", 0.3)
    many = b"".join(CHUNK.replace(b"hi", b"x" * 900) for _ in range(500))
    gateway.vendor.play(stream(*[many] * 60, LAST))
    with connect(gateway) as caller:
        caller.sendall(b"".join(question(gateway, stream=True)))
        deadline = time.monotonic() + 60
        while not gateway.spool.exchanges:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.5)
    assert [exchange.outcome for exchange in gateway.spool.exchanges] == [Outcome.ABANDONED]
    assert len(gateway.vendor.seen) == 1


@pytest.mark.parametrize("value", ["a\r\nb", "a\nb", "a\rb", "a\0b"])
def test_a_line_is_one_line(value):
    assert line("x", value) == b"x: ab\r\n"


def test_what_no_header_can_hold_is_replaced():
    assert line("x", "größe €") == "x: größe ?\r\n".encode("latin-1")
