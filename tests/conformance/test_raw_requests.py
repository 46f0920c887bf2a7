"""Raw bytes on the gateway's socket: nothing smuggled is answered or reaches an upstream, floods and lies are refused.

The cases are in raw_requests.yaml, whose head says how they are written.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httptools
import pytest
import yaml

from switchover.domain.process import Criticality, DataClass, Process
from switchover.testing.scripted import ScriptedServer, reply, stream
from switchover.testing.served import ServedGateway, register, spec

CASES = yaml.safe_load(Path(__file__).with_name("raw_requests.yaml").read_text(encoding="utf-8"))
FIELDS = {"name", "source", "send", "status", "silent", "closed", "answers", "upstream", "unfinished", "first"}
# A case that gets this far has failed.
ANSWER_S = CLOSED_S = 60.0
# Longer than the gateway takes to ask the upstream: what it should not have asked is seen by then.
SETTLED_S = 0.05
PAUSE_S = 0.3
NEXT = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
MARK = "smuggled"

ANSWER = json.dumps({
    "id": "c1", "object": "chat.completion", "created": 1, "model": "big-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
}).encode()  # fmt: skip
EVENT = b'data: {"id":"c1","model":"big-1","choices":[{"index":0,"delta":{"content":"hello"}}]}\n\n'
LAST = b'data: {"id":"c1","model":"big-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
STREAM = stream(EVENT, PAUSE_S * 2, EVENT, LAST, b"data: [DONE]\n\n")


def question(said, **more):
    return json.dumps({"model": "claims", "messages": [{"role": "user", "content": said}], **more})


def head(length=None, path="/v1/chat/completions"):
    lines = [f"POST {path} HTTP/1.1", "Host: <host>", "Authorization: Bearer <key>"]
    return "".join(f"{line}\r\n" for line in lines) + ("" if length is None else f"Content-Length: {length}\r\n\r\n")


def words(case, port, token):
    """What the words in pointed brackets stand for. Its name in each question tells whose it is at the upstream."""
    said = case["name"]
    asked, streamed, hidden = question(said), question(said, stream=True), question(f"{MARK} by {said}")
    smuggled = head(len(hidden)) + hidden
    chunk = f"{len(asked):x}\r\n{asked}\r\n"
    texts = {
        "get": "GET /livez HTTP/1.1\r\nHost: <host>\r\n",
        "post": head(),
        "asked": head(len(asked)) + asked,
        "streamed": head(len(streamed)) + streamed,
        "smuggled": smuggled,
        "smuggled-chunk": f"{len(filled(smuggled, port, token)):x}\r\n{smuggled}\r\n",
        "question": asked,
        "chunk": chunk,
        "half": asked[: len(asked) // 2],
        "rest": asked[len(asked) // 2 :],
        "length": str(len(asked)),
        "length+1": str(len(asked) + 1),
        "length+2^64": str(len(asked) + 2**64),
        "size": f"{len(asked):x}",
        "half-size": f"{len(asked) // 2:x}",
        "rest-size": f"{len(asked) - len(asked) // 2:x}",
        "smuggled-length": str(len(filled(smuggled, port, token))),
        "5+smuggled-length": str(len(filled(smuggled, port, token)) + 5),
    }
    return {name: filled(text, port, token) for name, text in texts.items()}


def filled(text, port, token):
    return text.replace("<host>", f"127.0.0.1:{port}").replace("<key>", token)


def parts_of(case, port, token):
    """A case's text as the bytes to send, one part after each pause."""
    text = "".join(case["send"].splitlines()).encode("ascii").decode("unicode_escape")
    while (more := re.sub(r"<(\d+) \* ([^<>]*)>", lambda found: found[2] * int(found[1]), text)) != text:
        text = more
    known = words(case, port, token)
    text = re.sub(r"<([a-z0-9+^-]+)>", lambda found: known.get(found[1], found[0]), text)
    return [part.encode("latin-1") for part in filled(text, port, token).split("<pause>")]


class Line:
    """One connection: what it sends and, from a thread, the answers that come back."""

    def __init__(self, port):
        self.answers, self.switched, self.garbled = [], False, ""
        self.closed = threading.Event()
        self._changed = threading.Condition()
        self._body = b""
        self._parser = httptools.HttpResponseParser(self)
        self._socket = socket.create_connection(("127.0.0.1", port), ANSWER_S)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def send(self, data):
        try:
            self._socket.sendall(data)
        except OSError:
            self.closed.wait(ANSWER_S)

    def wait(self, answers, seconds=ANSWER_S):
        """Until so many answers are whole or nothing more can come."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.answers) >= answers or self.closed.is_set(), seconds)

    def close(self):
        self._socket.close() if self.closed.is_set() else self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(ANSWER_S)
        self._socket.close()

    def _read(self):
        try:
            while data := self._socket.recv(65_536):
                with self._changed:
                    self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.switched = True
        except httptools.HttpParserError:
            self.garbled = repr(data[-200:])
        except OSError:
            pass
        with self._changed:
            self.closed.set()
            self._changed.notify_all()

    def on_message_begin(self):
        self._body = b""

    def on_body(self, data):
        self._body += data

    def on_message_complete(self):
        status = self._parser.get_status_code()
        self.switched = self.switched or status == 101
        if status >= 200:
            self.answers.append((status, self._body))
        self._changed.notify_all()


@pytest.fixture(scope="module")
def upstream():
    with ScriptedServer(lambda number, seen: STREAM if b'"stream":' in seen.body else [reply(ANSWER)]) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream):
    process = Process(
        name="claims", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor"
    )
    snapshot, token = register(process, [spec("vendor", upstream.url)])
    with ServedGateway(snapshot) as served:
        yield int(served.url.rpartition(":")[2]), token


@dataclass
class Told:
    """What came of a case: its answers, whether the connection was closed then, and what a next request on it got."""

    answers: list[tuple[int, bytes]]
    closed: bool
    following: list[tuple[int, bytes]] | None = None


def told(case, line, gateway):
    """Sends a case, and a next request if the connection is still open."""
    for number, part in enumerate(parts_of(case, *gateway)):
        if number:
            time.sleep(PAUSE_S)
        line.send(part)
    line.wait(case.get("answers", 1))
    if case.get("closed"):
        line.closed.wait(CLOSED_S)
    got = Told(list(line.answers), line.closed.is_set())
    if got.answers and not got.closed and not case.get("unfinished"):
        line.send(NEXT)
        line.wait(len(got.answers) + 1)
        got.following = line.answers[len(got.answers) :] or (None if line.closed.is_set() else [])
    return got


def status_range(case):
    lowest, _, highest = str(case["status"]).partition("-")
    return range(int(lowest), int(highest or lowest) + 1)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_raw_request_gets_at_most_its_own_answer(case, gateway, upstream):
    line = Line(gateway[0])
    try:
        got = told(case, line, gateway)
    finally:
        line.close()
    time.sleep(SETTLED_S)
    said = json.dumps(case["name"])[1:].encode()
    asked = [one for one in upstream.seen if b'"' + said in one.body or b" by " + said in one.body]
    assert not line.garbled, f"bytes within an answer that are none of it: {line.garbled}"
    assert not line.switched, "the connection was switched to another protocol"
    assert MARK not in str([(one.line, one.headers, one.body) for one in asked]), "the upstream saw what was smuggled"
    assert len(asked) <= case.get("upstream", 0), f"the upstream was asked {len(asked)} times; {got}"
    assert len(got.answers) <= case.get("answers", 1), f"more answers than requests; {got}"
    assert len(got.answers) == case.get("answers", 1) or case["status"] != 200, f"an answer is missing; {got}"
    assert got.answers or got.closed, "neither answered nor closed"
    assert got.answers or case.get("silent", status_range(case)[0] >= 400), "closed without the answer that was due"
    assert got.answers[:1] == [] or got.answers[0][0] == case.get("first", got.answers[0][0]), f"out of order; {got}"
    assert all(status in status_range(case) for status, _ in got.answers), str(got)
    assert got.closed or not case.get("closed"), f"the connection is still open; {got}"
    assert got.following in (None, [(200, b"ok\n")]), f"the next request got another's answer; {got}"


def test_cases_are_many_and_each_names_its_source():
    assert len(CASES) >= 40
    assert len({case["name"] for case in CASES}) == len(CASES)
    for case in CASES:
        assert {"name", "source", "send", "status"} <= set(case) <= FIELDS, case["name"]
        assert re.search(r"RFC \d{4}|CVE-\d{4}-\d+|20\d\d|faults\.yaml|security", case["source"]), case["name"]
