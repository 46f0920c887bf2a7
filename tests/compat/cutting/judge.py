"""Judges the bytes of an answer: by a strict checker that shares no code with the product, and by the official client.

The exchange's id is taken out before, so that the many cuts inside one frame give the same few bodies: each is judged
once, which makes it affordable to have an official client judge every byte.
"""

from __future__ import annotations

import json
from functools import lru_cache

import anthropic
import httpx2
import openai
from play import SAY

ENDS = ("message_stop", "response.completed", "response.incomplete")
RAISED = "raised"


def frames_of(caller, body):
    """What each frame of a stream says, once it is checked to be whole."""
    assert body.endswith(b"\n\n")
    return [frame_of(caller, frame) for frame in body[:-2].split(b"\n\n")]


@lru_cache(maxsize=4096)
def frame_of(caller, frame):
    *names, data = frame.split(b"\n")
    assert data.startswith(b"data: ")
    said = "[DONE]" if data == b"data: [DONE]" else json.loads(data[6:])
    assert names == ([] if caller == "chat" else [b"event: " + said["type"].encode()])
    return said


def is_terminal(frame):
    return frame == "[DONE]" or frame.get("type") in ENDS


def is_error(frame):
    return frame != "[DONE]" and bool(frame.get("error"))


def without_usage(frames):
    """What is left when the counts that follow a chat's last content were lost."""
    return [uncounted(frame) for frame in frames if frame == "[DONE]" or frame.get("choices") != []]


def uncounted(frame):
    if frame == "[DONE]":
        return frame
    if "response" in frame:
        return {**frame, "response": {**frame["response"], "usage": None}}
    return {**frame, "usage": None}


@lru_cache(maxsize=4096)
def is_whole(caller, status, body, complete):
    """True for an answer that is ``complete``, False for the beginning of it that says that it broke off.

    Fails for anything else: what is missing, twice or made up, has no end or two, or is taken by the official client
    for what it is not.
    """
    if status != 200:
        assert list(json.loads(body)) == (["type", "error", "request_id"] if caller == "messages" else ["error"])
        assert client_says(caller, status, body) == RAISED
        return False
    frames, whole = frames_of(caller, body), frames_of(caller, complete)
    assert [is_terminal(frame) or is_error(frame) for frame in frames] == [False] * (len(frames) - 1) + [True]
    if is_terminal(frames[-1]):
        assert without_usage(frames) == without_usage(whole)
        assert client_says(caller, status, body) == client_says(caller, 200, complete) != RAISED
        return True
    assert frames[:-1] == whole[: len(frames) - 1]
    assert client_says(caller, status, body) == RAISED
    return False


@lru_cache(maxsize=4096)
def is_continued(caller, begun, body, rest):
    """True for the beginning in ``begun`` with ``rest`` behind it, False where that may not be gone on with.

    ``begun`` is what the caller got where nothing goes on: the beginning, and an error. Fails for anything else.
    """
    *sent, error = frames_of(caller, begun)
    assert is_error(error)
    if not may_go_on(sent):
        assert body == begun
        return False
    frames = frames_of(caller, body)
    assert frames[: len(sent)] == sent
    assert [is_terminal(frame) or is_error(frame) for frame in frames] == [False] * (len(frames) - 1) + [True]
    assert is_terminal(frames[-1])
    # What is begun once is never begun again: the id, the role, the message.
    assert not any(begins(frame) for frame in frames[len(sent) :])
    assert len({name for frame in frames if (name := named(frame))}) == 1
    numbers = [frame["sequence_number"] for frame in frames if "sequence_number" in frame]
    assert numbers == sorted(set(numbers))
    text = text_in(sent) + rest
    assert text_in(frames) == text
    told = client_says(caller, 200, body)
    assert told != RAISED
    assert text_of(caller, told) == text
    return True


def may_go_on(frames):
    """Whether a beginning is nothing but text that has not ended."""
    for frame in frames:
        item = frame.get("content_block") or frame.get("item") or {}
        if frame.get("type") == "message_delta" or item.get("type") in ("tool_use", "function_call"):
            return False
        if any(choice["delta"].get("tool_calls") for choice in frame.get("choices") or ()):
            return False
    return True


def begins(frame):
    if frame == "[DONE]":
        return False
    if frame.get("type") in ("message_start", "response.created", "response.in_progress"):
        return True
    return any(choice["delta"].get("role") for choice in frame.get("choices") or ())


def named(frame):
    """The answer's id, where a frame bears it."""
    return None if frame == "[DONE]" else (frame.get("message") or frame.get("response") or frame).get("id")


def text_in(frames):
    """The text that frames tell, piece by piece."""
    said = [frame for frame in frames if frame != "[DONE]"]
    pieces = [choice["delta"].get("content") for frame in said for choice in frame.get("choices") or ()]
    pieces += [frame["delta"].get("text") for frame in said if frame.get("type") == "content_block_delta"]
    pieces += [frame["delta"] for frame in said if frame.get("type") == "response.output_text.delta"]
    return "".join(filter(None, pieces))


def text_of(caller, answer):
    """The text of an answer that an official client put together."""
    if caller == "responses":
        return answer.output_text
    if caller == "messages":
        return "".join(block.text for block in answer.content if block.type == "text")
    return answer.choices[0].message.content


@lru_cache(maxsize=4096)
def client_says(caller, status, body):
    """The answer as the caller's official client puts it together, without its counts; or that it raised."""
    kind = "text/event-stream" if status == 200 else "application/json"
    came = httpx2.MockTransport(
        lambda request: httpx2.Response(status, headers={"content-type": kind}, content=body),
    )
    library = anthropic if caller == "messages" else openai
    with httpx2.Client(transport=came) as http:
        client = (anthropic.Anthropic if caller == "messages" else openai.OpenAI)(
            base_url="http://localhost", api_key="k", max_retries=0, http_client=http
        )
        try:
            return gathered(caller, client)
        except library.APIError:
            return RAISED


def gathered(caller, client):
    if caller == "responses":
        with client.responses.stream(model="claims", input="?") as events:
            return events.get_final_response().model_copy(update={"usage": None})
    if caller == "messages":
        with client.messages.stream(model="claims", messages=SAY, max_tokens=50) as events:
            return events.get_final_message().model_copy(update={"usage": None})
    with client.chat.completions.stream(model="claims", messages=SAY) as events:
        return events.get_final_completion().model_copy(update={"usage": None})
