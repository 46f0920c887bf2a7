import subprocess
import sys

import pytest

from switchover.domain.candidate import PromptKind, PromptVersion
from switchover.prompts import answer_text, apply, ask_text
from switchover.prompts.demonstrations import Pair, Shown, from_bytes, to_bytes, turns

PAIRS = [
    Pair("My bicycle was stolen at the station", "new_claim"),
    Pair("The invoice shows the wrong amount", "billing"),
    Pair("I forgot the password of my account", "account"),
    Pair("Somebody stole my car last night", "new_claim"),
]
REQUEST = {
    "model": "messages",
    "temperature": 0,
    "messages": [{"role": "system", "content": "Sort."}, {"role": "user", "content": "My bike has been stolen"}],
}


def _version(kind, artefact=None, **parameters):
    return PromptVersion.make(process="p", upstream="own", kind=kind, artefact=artefact, parameters=parameters)


def test_as_it_is_changes_the_model_and_nothing_else():
    applied = apply(_version(PromptKind.AS_IS), REQUEST, None, model="small")
    assert applied == {**REQUEST, "model": "small"}
    assert REQUEST["model"] == "messages"


def test_a_student_is_asked_by_its_artefact():
    version = _version(PromptKind.STUDENT, "a" * 64)
    assert apply(version, REQUEST, None, model="student")["model"] == "student:" + "a" * 64


def test_the_nearest_demonstrations_stand_before_the_question_the_nearest_last():
    version = _version(PromptKind.DEMONSTRATIONS, "b" * 64, k=2, tokens=500)
    messages = apply(version, REQUEST, to_bytes(PAIRS), model="small")["messages"]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert {messages[1]["content"], messages[3]["content"]} == {PAIRS[0].ask, PAIRS[3].ask}
    assert messages[3]["content"] == PAIRS[0].ask
    assert messages[-1] == REQUEST["messages"][-1]
    assert len(REQUEST["messages"]) == 2


def test_demonstrations_stop_at_the_limit_of_tokens():
    assert turns(PAIRS, tokens=25) == turns(PAIRS[:1], tokens=1000)
    assert turns(PAIRS, tokens=0) == []


def test_a_request_without_a_question_gets_no_demonstrations():
    version = _version(PromptKind.DEMONSTRATIONS, "b" * 64)
    empty = {"model": "m", "messages": [{"role": "system", "content": "Sort."}]}
    assert apply(version, empty, to_bytes(PAIRS), model="small")["messages"] == empty["messages"]


def test_a_version_whose_artefact_is_gone_is_not_applied():
    with pytest.raises(ValueError, match="missing"):
        apply(_version(PromptKind.DEMONSTRATIONS, "b" * 64), REQUEST, None, model="small")
    with pytest.raises(ValueError, match="no artefact"):
        apply(_version(PromptKind.STUDENT), REQUEST, None, model="student")


def test_pairs_are_read_back_and_nothing_else_is():
    assert from_bytes(to_bytes(PAIRS)) == tuple(PAIRS)
    for data in (b"", b"[]", b'{"pairs": [{"ask": "a"}]}', b'{"pairs": 3}'):
        with pytest.raises(ValueError, match="not a file of demonstrations"):
            from_bytes(data)


def test_the_plain_anchor_votes_and_of_equals_takes_the_nearest():
    shown = Shown(PAIRS)
    assert shown.vote("My bike has been stolen", 3) == "new_claim"
    assert shown.vote("I forgot my password", 1) == "account"
    assert Shown([]).vote("anything", 3) is None


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("plain", "plain"),
        ([{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}], "a\nb"),
        (None, ""),
        ([{"type": "text", "text": 3}, "odd"], ""),
    ],
)
def test_the_question_is_the_last_user_message(content, text):
    messages = [{"role": "user", "content": "first"}, {"role": "user", "content": content}, {"role": "assistant"}]
    assert ask_text({"messages": messages}) == text


def test_there_is_no_question_without_messages():
    assert [ask_text(r) for r in ({}, {"messages": "x"}, {"messages": [{"role": "system"}]})] == ["", "", ""]


def test_the_answer_is_read_whole_and_streamed():
    whole = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"billing"},"finish_reason":"stop"}]}'
    chunk = b'data: {"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}\n\n'
    assert answer_text("openai_chat", False, whole) == "billing"
    assert answer_text("openai_chat", True, chunk % b"bil" + chunk % b"ling" + b"data: [DONE]\n\n") == "billing"
    assert answer_text("openai_chat", False, b"no answer") is None


def test_as_it_is_needs_neither_embeddings_nor_scikit_learn():
    program = (
        "import sys; from switchover.prompts import apply; "
        "from switchover.domain.candidate import PromptKind as K, PromptVersion as V; "
        "make = lambda kind, a=None: V.make(process='p', upstream='u', kind=kind, artefact=a); "
        "apply(make(K.AS_IS), {'messages': []}, None, model='m'); "
        "apply(make(K.STUDENT, 'a' * 64), {'messages': []}, None, model='m'); "
        "assert not {'wordllama', 'sklearn', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
