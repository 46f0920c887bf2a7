"""How many tokens an answer took whose upstream did not say: a ratio learned per model from settled exchanges. Pure.

Tokens are reckoned from bytes of the request's body and of the text that came. What a model was seen to need is mixed
with a prior of four bytes a token, which is about what English takes (platform.openai.com/tokenizer); it weighs as much
as ``PRIOR_BYTES`` seen, so that a few answers of an odd kind do not make the ratio.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from switchover.domain.charge import Sample
from switchover.domain.exchange import Length, Usage

BYTES_PER_TOKEN = 4
PRIOR_BYTES = 8_000
# An answer of which nothing was heard: so many tokens, weighed like so many answers.
PRIOR_ANSWER, PRIOR_ANSWERS = 256, 8
# Beyond this it is not text that was counted: a file fetched elsewhere, a picture by its address, a cached prefix.
LEAST_BYTES, MOST_BYTES = 0.5, 16.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """Sums over a model's settled ``answers``: tokens ``read`` of ``asked`` bytes, and ``wrote`` in all.

    ``told`` tokens were those of ``said`` bytes of text, of the answers whose text was measured.
    """

    answers: int = 0
    read: int = 0
    asked: int = 0
    wrote: int = 0
    told: int = 0
    said: int = 0


Ratios = Mapping[str, Learned]
NOTHING = Learned()


def ratios_of(rows: Mapping[str, Mapping[str, int]]) -> Ratios:
    """What the record has taught, by model."""
    return {model: Learned(**sums) for model, sums in rows.items()}


def teaches(sample: Sample) -> bool:
    """Whether a settled answer says something about its model's tokens."""
    return sample.read > 0 and LEAST_BYTES <= sample.asked / sample.read <= MOST_BYTES


def prompt_tokens(asked: int, learned: Learned) -> int:
    """Tokens of a prompt of so many bytes: at least one."""
    return max(_tokens(asked, learned.read, learned.asked), 1)


def text_tokens(said: int, learned: Learned) -> int:
    """Tokens of so many bytes of an answer's text, its reasoning included as far as the model's answers have any."""
    return _tokens(said, learned.told, learned.said)


def answer_tokens(learned: Learned) -> int:
    """Tokens of a whole answer of which nothing was heard: as many as the model's answers have on average."""
    seen = learned.wrote + PRIOR_ANSWER * PRIOR_ANSWERS
    return math.ceil(seen / (learned.answers + PRIOR_ANSWERS))


def _tokens(size: int, tokens: int, size_seen: int) -> int:
    return math.ceil(size * (tokens + PRIOR_BYTES / BYTES_PER_TOKEN) / (size_seen + PRIOR_BYTES))


def estimate(length: Length, learned: Learned, *, stream: bool, heard: bool) -> Usage:
    """What a try used that nobody told of. ``heard``: the text in ``length`` came from it.

    A stream costs what was heard of it. A whole answer is written before any of it is sent.
    """
    told = text_tokens(length.said or 0, learned) if heard else 0
    output = told if stream else answer_tokens(learned)
    return Usage(input=prompt_tokens(length.asked, learned), output=output, estimated=True)


def completed(told: Usage, length: Length, learned: Learned) -> Usage:
    """The usage of a stream that ended before its count may have: what was told, or more where more was heard.

    Some tell the prompt's tokens at the beginning and the answer's at the end (Anthropic's ``message_start``).
    """
    heard = text_tokens(length.said or 0, learned)
    if 2 * told.output >= heard:
        return told
    return Usage(
        input=told.input, output=heard, cached_input=told.cached_input, written_input=told.written_input,
        reasoning=told.reasoning, estimated=True,
    )  # fmt: skip
