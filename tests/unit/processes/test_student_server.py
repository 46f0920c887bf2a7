import asyncio
import hashlib
import json

import pytest

from switchover.clock import SystemClock
from switchover.domain.ports import OutboundRequest
from switchover.domain.process import UpstreamSpec
from switchover.egress import Client
from switchover.processes.own import student_child
from switchover.processes.student_server import KEPT, StudentServer
from switchover.upstreams.local import OwnUpstream
from switchover.upstreams.student import train

LESSONS = [("cancel my policy", "cancellation"), ("end the contract", "cancellation")]
LESSONS += [("the invoice is wrong", "billing"), ("refund the premium", "billing")]


@pytest.fixture(scope="module")
def artefact():
    return train([text for text, _ in LESSONS], [label for _, label in LESSONS], seed=1).to_bytes()


@pytest.fixture
def kept(tmp_path, artefact):
    name = hashlib.sha256(artefact).hexdigest()
    (tmp_path / "artefacts").mkdir()
    (tmp_path / "artefacts" / name).write_bytes(artefact)
    return name


def _call(folder, method, path, body=None, key="k", app=None):
    app = app or StudentServer(folder / "artefacts", "k")
    sent = []

    async def receive():
        return {"type": "http.request", "body": body if isinstance(body, bytes) else json.dumps(body).encode()}

    async def send(message):
        sent.append(message)

    headers = [(b"authorization", f"Bearer {key}".encode())]
    asyncio.run(app({"type": "http", "method": method, "path": path, "headers": headers}, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


def _request(name, text="please cancel my policy", **fields):
    return {"model": f"student:{name}", "messages": [{"role": "user", "content": text}], **fields}


def _complete(folder, request, **fields):
    return _call(folder, "POST", "/v1/chat/completions", request, **fields)


def test_the_answer_is_the_label(tmp_path, kept):
    status, body = _complete(tmp_path, _request(kept))
    answer = json.loads(body)
    assert (status, answer["choices"][0]["message"]["content"]) == (200, "cancellation")
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_a_streamed_answer_ends_as_the_dialect_says(tmp_path, kept):
    options = {"stream": True, "stream_options": {"include_usage": True}}
    status, body = _complete(tmp_path, _request(kept, **options))
    frames = body.decode().split("\n\n")
    assert (status, frames[-2:]) == (200, ["data: [DONE]", ""])
    chunks = [json.loads(frame[6:]) for frame in frames[:-2]]
    assert chunks[0]["choices"][0]["delta"]["content"] == "cancellation"
    assert chunks[1]["choices"][0]["finish_reason"] == "stop"
    assert chunks[2]["usage"]["total_tokens"] == 0


def test_a_student_that_is_not_sure_enough_abstains_so_that_the_next_is_tried(tmp_path, kept):
    status, body = _complete(tmp_path, _request(kept, metadata={"threshold": "0.999"}))
    assert (status, json.loads(body)["error"]["code"]) == (503, "student_abstained")


@pytest.mark.parametrize("model", ["student", "student:" + "0" * 64, "student:../../etc/passwd", None, "student:abc"])
def test_an_unknown_student_is_a_model_that_is_missing(tmp_path, kept, model):
    status, body = _complete(tmp_path, {**_request(kept), "model": model})
    assert (status, json.loads(body)["error"]["code"]) == (404, "model_not_found")


def test_an_altered_artefact_is_not_used(tmp_path, kept):
    path = tmp_path / "artefacts" / kept
    path.write_bytes(path.read_bytes() + b"\0")
    assert _complete(tmp_path, _request(kept))[0] == 404


def test_an_artefact_that_is_no_student_is_not_used(tmp_path, kept):
    other = b'{"pairs": []}'
    name = hashlib.sha256(other).hexdigest()
    (tmp_path / "artefacts" / name).write_bytes(other)
    assert _complete(tmp_path, _request(name))[0] == 404


def test_without_the_key_only_health_is_told(tmp_path, kept):
    assert _complete(tmp_path, _request(kept), key="other")[0] == 401
    assert _call(tmp_path, "GET", "/v1/models", key="other")[0] == 401
    assert _call(tmp_path, "GET", "/health", key="other") == (200, b'{"status":"ok"}')


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"model": "m", "messages": []}', 400),
        (b"x" * ((4 << 20) + 1), 413),
    ],
    ids=["not JSON", "no object", "no question", "too large"],
)
def test_a_wrong_body_is_said_to_be_wrong(tmp_path, body, status):
    assert _complete(tmp_path, body)[0] == status


def test_a_threshold_that_is_no_number_is_refused(tmp_path, kept):
    assert _complete(tmp_path, _request(kept, metadata={"threshold": "high"}))[0] == 400


def test_other_paths_and_methods_are_not_there(tmp_path):
    assert _call(tmp_path, "GET", "/v1/chat/completions")[0] == 404
    assert _call(tmp_path, "POST", "/v1/embeddings")[0] == 404


def test_only_the_last_few_students_are_kept(tmp_path, kept):
    app = StudentServer(tmp_path / "artefacts", "k")
    names = []
    for seed in range(KEPT + 2):
        lessons = [*LESSONS, ("the login", f"account{seed}"), ("the password", f"account{seed}")]
        data = train([text for text, _ in lessons], [label for _, label in lessons], seed=1).to_bytes()
        names.append(hashlib.sha256(data).hexdigest())
        (tmp_path / "artefacts" / names[-1]).write_bytes(data)
        _complete(tmp_path, _request(names[-1]), app=app)
    _, body = _call(tmp_path, "GET", "/v1/models", app=app)
    assert [row["id"] for row in json.loads(body)["data"]] == [f"student:{name}" for name in names[-KEPT:]]


def test_the_child_serves_students_to_who_holds_its_key(tmp_path, kept):
    spec = UpstreamSpec(name="pupil", kind="student", model="student", developer="own", host="own")

    async def story():
        client = Client(SystemClock())
        child = student_child(str(tmp_path), clock=SystemClock(), client=client)
        try:
            await child.start()
            body = json.dumps(_request(kept)).encode()
            answer = await OwnUpstream(spec, tmp_path, client).answer(OutboundRequest(body=body, stream=False))
            whole = b"".join([chunk async for chunk in answer.chunks()])
            return answer.status, json.loads(whole)["choices"][0]["message"]["content"]
        finally:
            child.stop()

    assert asyncio.run(story()) == (200, "cancellation")
    assert not list((tmp_path / "run").glob("*.json"))
