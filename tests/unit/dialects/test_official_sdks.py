"""The official SDKs, without a network: what they raise on our errors, and what they make of our pages."""

import anthropic
import httpx2
import openai
import pytest

from switchover.dialects import DIALECTS

CHAT, MESSAGES = DIALECTS["openai_chat"], DIALECTS["anthropic_messages"]
ERROR = {"code": "upstream_cut", "message": "The answer was cut; ask again.", "status": 502, "exchange": "x-1"}
ASK = [{"role": "user", "content": "hi"}]


def http(status, body, stream=False):
    kind = "text/event-stream" if stream else "application/json"
    answer = httpx2.Response(status, content=body, headers={"content-type": kind})
    return httpx2.Client(transport=httpx2.MockTransport(lambda request: answer))


def chat(client):
    return openai.OpenAI(base_url="http://x/v1", api_key="k", max_retries=0, http_client=client)


def messages(client):
    return anthropic.Anthropic(base_url="http://x", api_key="k", max_retries=0, http_client=client)


@pytest.mark.parametrize(
    ("status", "kinds"),
    [
        (400, (openai.BadRequestError, anthropic.BadRequestError)),
        (401, (openai.AuthenticationError, anthropic.AuthenticationError)),
        (404, (openai.NotFoundError, anthropic.NotFoundError)),
        (429, (openai.RateLimitError, anthropic.RateLimitError)),
        (503, (openai.InternalServerError, anthropic.InternalServerError)),
    ],
)
def test_an_error_answer_raises_and_names_code_and_exchange(status, kinds):
    error = {**ERROR, "status": status}
    with http(status, CHAT.error_body(**error)) as client, pytest.raises(kinds[0]) as caught:
        chat(client).chat.completions.create(model="m", messages=ASK)
    assert caught.value.code == "upstream_cut"
    assert caught.value.body["exchange"] == "x-1"
    assert "ask again" in caught.value.message
    with http(status, MESSAGES.error_body(**error)) as client, pytest.raises(kinds[1]) as caught:
        messages(client).messages.create(model="m", messages=ASK, max_tokens=5)
    assert caught.value.body["error"]["code"] == "upstream_cut"
    assert caught.value.body["request_id"] == "x-1"


def test_an_error_frame_raises_midway():
    start = b'data: {"id":"c","object":"chat.completion.chunk","created":0,"model":"m","choices":[]}\n\n'
    with http(200, start + CHAT.error_frame(**ERROR), stream=True) as client:
        stream = chat(client).chat.completions.create(model="m", messages=ASK, stream=True)
        with pytest.raises(openai.APIError) as caught:
            list(stream)
    assert caught.value.body["exchange"] == "x-1"
    with http(200, MESSAGES.error_frame(**ERROR), stream=True) as client:
        stream = messages(client).messages.create(model="m", messages=ASK, max_tokens=5, stream=True)
        with pytest.raises(anthropic.APIStatusError):
            list(stream)


def test_the_page_of_models_is_read():
    with http(200, CHAT.models_page(["a", "b"])) as client:
        assert [model.id for model in chat(client).models.list()] == ["a", "b"]
    with http(200, MESSAGES.models_page(["a", "b"])) as client:
        assert [model.id for model in messages(client).models.list()] == ["a", "b"]
    with http(200, MESSAGES.models_page([])) as client:
        assert list(messages(client).models.list()) == []
