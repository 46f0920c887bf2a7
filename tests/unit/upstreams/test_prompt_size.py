"""How many tokens a prompt has at least and at most, and what an answer says against it."""

import json

import pytest

from switchover.domain.exchange import Usage
from switchover.domain.process import UpstreamSpec
from switchover.errors import PromptShortened
from switchover.upstreams.prompt_size import check_read, measure, room

OWN = UpstreamSpec(name="box", kind="openai", model="m", developer="d", host="own", base_url="https://box/v1")


def body(content, **more):
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": content}], **more}).encode()


def test_every_word_is_a_token_at_least_whatever_the_dialect():
    parts = [{"type": "text", "text": "one two"}, {"type": "text", "text": " three"}]
    assert measure(body("one two  three\n")).fewest == 3
    assert measure(body(parts)).fewest == 3
    told = {"type": "tool_result", "tool_use_id": "t", "content": "four words it says"}
    messages = {"system": [{"type": "text", "text": "be brief"}], "messages": [{"role": "user", "content": [told]}]}
    assert measure(json.dumps(messages).encode()).fewest == 6
    responses = {"instructions": "be brief", "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "now"}]},
        {"type": "function_call_output", "call_id": "c", "output": "it rains"}]}  # fmt: skip
    assert measure(json.dumps(responses).encode()).fewest == 5
    assert measure(json.dumps({"input": "just text"}).encode()).fewest == 2


def test_text_without_spaces_still_has_tokens_and_white_space_has_none():
    assert measure(body("保険金を請求したいのですが" * 100)).fewest == 1300 // 16
    assert measure(body(" \n" * 1000)).fewest == 0


def test_what_a_template_drops_is_not_counted():
    turns = [{"role": "assistant", "content": "<think>a b c d e</think>yes it is"}, {"role": "user", "content": "good"}]
    assert measure(json.dumps({"messages": turns}).encode()).fewest == 4


def test_names_and_settings_are_no_prompt():
    found = measure(body("hi", metadata={"note": "many words that nobody reads"}, user="a b c", max_tokens=7))
    assert (found.fewest, found.asked, found.is_plain) == (1, 7, True)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA BBBB"}},
        {"type": "image", "source": {"type": "base64", "data": "AAAA BBBB"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA BBBB", "format": "wav"}},
    ],
)
def test_an_image_is_not_taken_for_text(part):
    found = measure(body([{"type": "text", "text": "what is this"}, part]))
    assert (found.fewest, found.is_plain) == (3, False)


@pytest.mark.parametrize("sent", [b"", b"[]", b"{", b'{"messages": 1}', b'{"messages": [null, 3, {"content": {}}]}'])
def test_what_is_no_request_has_no_tokens(sent):
    assert measure(sent).fewest == 0


def test_the_answer_is_promised_what_was_asked_for_and_a_quarter_at_most():
    assert room(4096, None) == 3072
    assert room(4096, 10) == 4086
    assert room(4096, 100_000) == 3072
    assert room(4096, 0) == 4095


def test_an_answer_to_less_than_the_prompt_is_told_by_its_own_count():
    asked = body("a claim of last week " * 500)
    with pytest.raises(PromptShortened, match="box read 2048 tokens of a prompt that has 2500 or more"):
        check_read(OWN, asked, Usage(input=2048, output=3))
    check_read(OWN, asked, Usage(input=2500, output=3))


@pytest.mark.parametrize("usage", [None, Usage(input=0, output=3)])
def test_a_server_that_does_not_count_is_believed(usage):
    check_read(OWN, body("a claim " * 500), usage)


def test_what_others_count_is_theirs_to_say():
    vendor = UpstreamSpec(name="v", kind="openai", model="m", developer="d", host="acme", base_url="https://v/v1")
    check_read(vendor, body("a claim " * 500), Usage(input=1, output=3))
