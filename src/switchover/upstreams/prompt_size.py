"""How many tokens a prompt has, as far as its bytes tell: bounds, and what an answer says against them. Pure.

At most: a token covers a byte or more of text, and what a template puts around a message is shorter than the JSON
around it, so that only the template's own words come on top. At least: no tokenizer in use merges across white space,
so that every word is a token or more; 13 characters a token is the longest seen, in lists of long English words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from switchover.domain.exchange import Usage
from switchover.domain.process import UpstreamSpec
from switchover.errors import PromptShortened

LONGEST_TOKEN = 16
# Template words where nobody counted them: OpenAI's harmony format, the longest known, opens with about 100 tokens.
TEMPLATE_TOKENS = 256
# Where a server does not count: source code and German have three bytes a token or more, English four.
BYTES_PER_TOKEN = 3
# An answer is promised so much of the context at most; one that needs more ends with reason `length`, and says so.
ANSWER_SHARE = 4
_BODY = msgspec.json.Decoder(dict[str, Any])
_PROMPT = ("messages", "system", "input", "instructions")
_TEXTS = ("content", "text", "output", "input")
_ANSWER_FIELDS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
# Words that may be left out: templates drop the thoughts of earlier turns.
_THOUGHT_ENDS = "</think>"


@dataclass(frozen=True, slots=True)
class Measured:
    """A request's prompt: ``fewest`` tokens it can have, bytes of its text, whether it shows more than text.

    ``asked`` is the number of tokens the answer may have, None where the request does not say.
    """

    fewest: int
    text_bytes: int
    is_plain: bool
    asked: int | None


def measure(body: bytes) -> Measured:
    """Reads a request in any dialect, once. One that does not parse has no tokens."""
    try:
        request = _BODY.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return Measured(0, 0, True, None)
    words = characters = size = 0
    is_plain = True
    for text in _texts({name: request.get(name) for name in _PROMPT}, top=True):
        if text is None:
            is_plain = False
            continue
        size += len(text.encode())
        found = text.rpartition(_THOUGHT_ENDS)[2].split()
        words += len(found)
        characters += sum(map(len, found))
    asked = next((request[name] for name in _ANSWER_FIELDS if isinstance(request.get(name), int)), None)
    return Measured(max(words, characters // LONGEST_TOKEN), size, is_plain, asked)


def _texts(value: Any, *, top: bool = False) -> Iterator[str | None]:
    """The texts a model reads; None for a part that is no text, such as an image."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        for name in _PROMPT if top else _TEXTS:
            # A tool call's arguments are an object, written out as each template likes.
            if isinstance(value.get(name), str | list):
                yield from _texts(value[name])
        if not top and any(kind in value for kind in ("image_url", "source", "input_audio", "file", "file_data")):
            yield None


def room(window: int, asked: int | None) -> int:
    """Tokens of a context that a prompt may fill, so that the answer has what was asked for, or a quarter."""
    share = window // ANSWER_SHARE
    return window - min(share if asked is None else max(asked, 1), share)


def shortened(spec: UpstreamSpec, body: bytes, usage: Usage) -> str | None:
    """What is wrong when an answer says that fewer tokens were read than ``body`` must have; None otherwise."""
    # Words that the body can have at most, found without reading it: nearly every answer is cleared by this.
    if usage.input <= 0 or usage.input >= body.count(b" ") + body.count(b"\\") + body.count(b'"') // 2:
        return None
    fewest = measure(body).fewest
    if usage.input >= fewest:
        return None
    return (
        f"{spec.name} read {usage.input} tokens of a prompt that has {fewest} or more, so its answer was discarded; "
        "shorten the prompt, or give the server more context"
    )


def check_read(spec: UpstreamSpec, body: bytes, usage: Usage | None) -> None:
    """Raises PromptShortened when a server of our own read less than ``body``; others count in their own ways."""
    if usage is not None and spec.is_self_hosted and (said := shortened(spec, body, usage)) is not None:
        raise PromptShortened(said)
