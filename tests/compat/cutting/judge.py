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
