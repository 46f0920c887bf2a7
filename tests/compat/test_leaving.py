"""A caller who leaves, at every event of an exchange: the upstream is let go within 100 ms, and it is recorded."""

from __future__ import annotations

import json
import select
import socket
import struct
import threading
import time
from pathlib import Path

import pytest

from switchover.domain.exchange import Outcome
from switchover.domain.process import Criticality, DataClass, Process
from switchover.testing.scripted import HANG, ScriptedServer, reply, stream
from switchover.testing.served import ServedGateway, register, spec

RECORDINGS = Path(__file__).parents[1] / "recordings"
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
# gateway.md, planning and failover, 11.
BOUND_S = 0.1
# A busy machine may delay any departure, but not all that are tried for so long; every one of them is seen.
PATIENCE = 60.0
BIG = 20_000_000


def frames(kind, what="text"):
    """A recorded stream, event by event."""
    whole = (RECORDINGS / f"{kind}_{what}.sse").read_bytes()
    return [event + b"\n\n" for event in whole.split(b"\n\n") if event.strip()]


def body(**more):
    return json.dumps({"model": "claims", "max_tokens": 50, "messages": [{"role": "user", "content": "?"}], **more})


def request(kind, token, sent, length=None):
    head = f"POST {PATHS[kind]} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n"
    return f"{head}content-length: {len(sent) if length is None else length}\r\n\r\n{sent}".encode()


def gateway_for(url, kind):
    process = Process(
        name="claims", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor"
    )
    snapshot, token = register(process, [spec("vendor", url, kind)])
    return ServedGateway(snapshot), token


def connect(served):
    return socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2])), PATIENCE)


def leave(connection, *, abruptly):
    """Closes it, or resets it as a killed process with unread bytes does; returns when."""
    if abruptly:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    at = time.perf_counter()
    connection.close()
    return at


def rounds(took):
    """Tries on until a departure took no longer than the bound."""
    end = time.monotonic() + PATIENCE
    while not any(seconds <= BOUND_S for seconds in took) and time.monotonic() < end:
        yield


def recorded(served, count):
    """The exchanges recorded once there are so many."""
    end = time.monotonic() + PATIENCE
    while len(served.spool.exchanges) < count and time.monotonic() < end:
        time.sleep(0.002)
    return [exchange.outcome for exchange in served.spool.exchanges]


class Told:
    """Says when the upstream has played the steps before the one named."""

    def __init__(self, *steps):
        self.steps, self.reached = steps, threading.Event()

    def __call__(self, number, seen):
        for step in self.steps:
            if step is Ellipsis:
                self.reached.set()
            else:
                yield step


def scripts(kind):
    """What the upstream plays, by the event at which the caller leaves (the ellipsis)."""
    events = [b"%x\r\n%b\r\n" % (len(event), event) for event in frames(kind)]
    tools = [b"%x\r\n%b\r\n" % (len(event), event) for event in frames(kind, "tools")]
    (head,) = stream(end=False)
    first = 2 if kind == "openai" else 4
    more = [step for event in events[first:-3] for step in (event, 0.02)]
    return {
        "asked": (True, [..., HANG]),
        "head": (True, [head, ..., HANG]),
        "nothing said yet": (True, [head, events[0], ..., HANG]),
        "first content": (True, [head, *events[:first], ..., HANG]),
        "between words": (True, [head, *events[:first], *more, ..., *more * 50, HANG]),
        "a tool call held back": (True, [head, *tools[:-3], ..., HANG]),
        "asked without stream": (False, [..., HANG]),
        "half an answer": (False, [reply(b"{" * 500)[:-250], ..., HANG]),
    }


@pytest.mark.parametrize("abruptly", [False, True], ids=["closes", "resets"])
@pytest.mark.parametrize("pause", [0.0, 0.2], ids=["at once", "after a pause"])
@pytest.mark.parametrize("event", scripts("openai"))
@pytest.mark.parametrize("kind", PATHS)
def test_the_upstream_is_let_go_within_100_ms(kind, event, pause, abruptly):
    streamed, script = scripts(kind)[event]
    took = []
    with ScriptedServer([]) as vendor:
        served, token = gateway_for(vendor.url, kind)
        with served:
            for _ in rounds(took):
                vendor.play(played := Told(*script))
                vendor.departed.clear()
                connection = connect(served)
                connection.sendall(request(kind, token, body(stream=streamed)))
                assert played.reached.wait(PATIENCE)
                time.sleep(pause)
                at = leave(connection, abruptly=abruptly)
                assert vendor.departed.wait(PATIENCE), "the upstream is still asked"
                took.append(time.perf_counter() - at)
            outcomes = recorded(served, len(took))
    assert min(took) <= BOUND_S
    assert outcomes == [Outcome.ABANDONED] * len(took)


@pytest.mark.parametrize("event", ["asked", "between words"])
@pytest.mark.parametrize("kind", PATHS)
def test_a_caller_who_has_asked_twice_leaves_both_times(kind, event):
    _, script = scripts(kind)[event]
    took = []
    with ScriptedServer([]) as vendor:
        served, token = gateway_for(vendor.url, kind)
        with served:
            for _ in rounds(took):
                vendor.play(played := Told(*script))
                vendor.departed.clear()
                connection = connect(served)
                connection.sendall(request(kind, token, body(stream=True)) * 2)
                assert played.reached.wait(PATIENCE)
                time.sleep(0.2)
                at = leave(connection, abruptly=False)
                assert vendor.departed.wait(PATIENCE), "the upstream is still asked"
                took.append(time.perf_counter() - at)
                assert len(vendor.seen) == 1, "the second question was asked for nobody"
            outcomes = recorded(served, len(took))
    assert min(took) <= BOUND_S
    assert set(outcomes) == {Outcome.ABANDONED}


def leaves_while_sending(served, token, kind):
    """Sends half a body and leaves; then asks whole, on another connection."""
    sent = body()
    connection = connect(served)
    connection.sendall(request(kind, token, sent[: len(sent) // 2], len(sent)))
    time.sleep(0.1)
    leave(connection, abruptly=False)
    time.sleep(0.1)
    with connect(served) as other:
        other.sendall(request(kind, token, sent))
        return other.recv(12)


@pytest.mark.parametrize("kind", PATHS)
def test_who_leaves_while_sending_the_question_asks_nothing(kind):
    with ScriptedServer([reply(b"{}", status=400)]) as vendor:
        served, token = gateway_for(vendor.url, kind)
        with served:
            assert leaves_while_sending(served, token, kind) == b"HTTP/1.1 400"
            # An exchange begins with a whole question: half of one names no route and asks nobody.
            assert recorded(served, 1) == [Outcome.REJECTED]
        assert len(vendor.seen) == 1


class Unread:
    """An upstream that takes in a request's head and then, until told, nothing more."""

    def __init__(self):
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen()
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def accept(self):
        self._listening.settimeout(PATIENCE)
        connection, _ = self._listening.accept()
        connection.settimeout(PATIENCE)
        connection.recv(1000)
        return connection

    def close(self):
        self._listening.close()


def drained(connection):
    """How many bytes come until the other side is gone, and when that was."""
    size = 0
    try:
        while select.select([connection], [], [], PATIENCE)[0]:
            got = connection.recv(1_000_000)
            if not got:
                break
            size += len(got)
    except ConnectionError:
        pass
    connection.close()
    return size, time.perf_counter()


@pytest.mark.parametrize("kind", PATHS)
def test_a_question_being_sent_on_is_broken_off(kind):
    took = []
    vendor = Unread()
    served, token = gateway_for(vendor.url, kind)
    question = request(kind, token, body(metadata={"x": "x" * BIG}))
    with served:
        for _ in rounds(took):
            connection = connect(served)
            connection.sendall(question)
            asked = vendor.accept()
            time.sleep(0.3)
            at = leave(connection, abruptly=False)
            # Read at once, the rest would be through before anyone could know that the caller has left.
            time.sleep(BOUND_S * 0.7)
            size, end = drained(asked)
            # Where the machine let us read all of it first, there was nothing left to break off.
            took.append(end - at if size < BIG else PATIENCE)
        outcomes = recorded(served, len(took))
    vendor.close()
    assert min(took) <= BOUND_S
    assert outcomes == [Outcome.ABANDONED] * len(took)


def test_callers_who_leave_are_no_failures_of_the_upstream():
    _, script = scripts("openai")["between words"]
    with ScriptedServer([]) as vendor:
        served, token = gateway_for(vendor.url, "openai")
        with served:
            for _ in range(15):
                vendor.play(played := Told(*script))
                connection = connect(served)
                connection.sendall(request("openai", token, body(stream=True)))
                assert played.reached.wait(PATIENCE)
                leave(connection, abruptly=True)
            assert recorded(served, 15) == [Outcome.ABANDONED] * 15
            vendor.play(stream(*frames("openai")))
            with connect(served) as connection:
                connection.sendall(request("openai", token, body(stream=True)))
                assert connection.recv(12) == b"HTTP/1.1 200"
                while b"[DONE]" not in connection.recv(65_536):
                    pass
            assert recorded(served, 16)[-1] is Outcome.COMPLETE
    assert served.held == []
