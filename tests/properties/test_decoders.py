"""The laws of the stream decoders, over every recording, every split and every cut."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchover.dialects import DIALECTS
from switchover.dialects.sse import FrameScanner, events, parse_frame
from switchover.domain.ports import Finished, Truncated

RECORDINGS = {path.stem: path.read_bytes() for path in sorted((Path(__file__).parents[1] / "recordings").glob("*.sse"))}
WHOLE = sorted(name for name in RECORDINGS if not name.endswith("_error"))
# Where an answer is whole: after the frame with the finish reason (OpenAI's chat), else after the terminal event.
TERMINAL = {
    "openai_text": b'"finish_reason":"stop"}',
    "openai_tools": b'"finish_reason":"tool_calls"}',
    "openai_responses_text": b'{"type":"response.completed"',
    "openai_responses_tools": b'{"type":"response.completed"',
    "anthropic_text": b'{"type":"message_stop"}',
    "anthropic_tools": b'{"type":"message_stop"}',
}


def dialect_of(name):
    if name.startswith("openai_responses"):
        return DIALECTS["openai_responses"]
    return DIALECTS["openai_chat" if name.startswith("openai") else "anthropic_messages"]


def line_ends(body, end):
    return body.replace(b"\n", end)


def decode(name, pieces):
    decoder = dialect_of(name).decoder()
    out = b"".join(decoder.feed(piece) for piece in pieces)
    end = decoder.close()
    return out, end, decoder.committed, decoder.failure, decoder.usage, decoder.model, decoder.progressed


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("name", sorted(RECORDINGS))
def test_every_split_position_yields_the_same(name, end):
    body = line_ends(RECORDINGS[name], end)
    whole = decode(name, [body])
    for position in range(len(body) + 1):
        assert decode(name, [body[:position], body[position:]]) == whole
    assert decode(name, [body[i : i + 1] for i in range(len(body))]) == whole


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(RECORDINGS)),
    cuts=st.lists(st.integers(0, 5000), max_size=12),
    ends=st.lists(st.sampled_from([b"\n", b"\r\n", b"\r"]), min_size=1, max_size=7),
    bom=st.booleans(),
)
def test_many_splits_and_mixed_line_ends_yield_the_same_events(name, cuts, ends, bom):
    # One kind of line end per frame: CR followed by LF would be one line end, not two.
    frames = RECORDINGS[name].split(b"\n\n")[:-1]
    body = b"".join(line_ends(frame + b"\n\n", ends[i % len(ends)]) for i, frame in enumerate(frames))
    sent = b"\xef\xbb\xbf" * bom + body
    places = sorted({0, len(sent), *(cut % (len(sent) + 1) for cut in cuts)})
    pieces = [sent[a:b] for a, b in itertools.pairwise(places)]
    assert decode(name, pieces) == decode(name, [body])
    plain = decode(name, [RECORDINGS[name]])
    out, *rest = decode(name, pieces)
    assert list(events(out)) == list(events(plain[0]))
    assert rest == list(plain[1:])


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_recording_is_returned_byte_for_byte(name):
    out, end, committed, failure, usage, model, _ = decode(name, [RECORDINGS[name]])
    assert out == RECORDINGS[name]
    assert isinstance(end, Finished)
    assert committed
    assert failure is None
    assert usage is not None
    assert model


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("name", WHOLE)
def test_a_cut_is_finished_only_with_the_terminal_in(name, end):
    body = line_ends(RECORDINGS[name], end)
    frame_starts = body.rindex(TERMINAL[name])
    first_whole = body.index(end + end, frame_starts) + 2 * len(end)
    for position in range(len(body) + 1):
        out, ended, *_ = decode(name, [body[:position]])
        assert body.startswith(out)
        if position < first_whole - len(end) + (1 if end == b"\r\n" else len(end)):
            assert ended == Truncated(why="clean-end-too-soon")
        else:
            assert isinstance(ended, Finished)


@pytest.mark.parametrize("name", sorted(set(RECORDINGS) - set(WHOLE)))
def test_an_error_event_is_never_relayed_whatever_the_cut(name):
    body = RECORDINGS[name]
    for position in range(len(body) + 1):
        out, ended, *_ = decode(name, [body[:position]])
        assert b"error" not in out
        assert isinstance(ended, Truncated)


@pytest.mark.parametrize("name", WHOLE)
def test_a_flipped_byte_is_never_relayed_in_a_frame_that_does_not_parse(name):
    body = RECORDINGS[name]
    for position in range(0, len(body), 3):
        broken = body[:position] + bytes([body[position] ^ 0x80]) + body[position + 1 :]
        out, *_ = decode(name, [broken])
        for _, data in events(out):
            if not data.startswith(b"[DONE]"):
                json.loads(data.decode())


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_the_scanner_loses_and_adds_nothing(pieces):
    scanner, body = FrameScanner(), b"".join(pieces)
    out = b"".join(frame for piece in pieces for frame in scanner.feed(piece))
    assert body.removeprefix(b"\xef\xbb\xbf").startswith(out) or body.startswith(out)


def as_the_standard_has_it(frame):
    """Event name and data, line by line, as WHATWG's HTML describes it."""
    name, data = b"", []
    for line in re.split(rb"\r\n|\n|\r", frame):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    return name, b"\n".join(data) if data else None


TOKENS = [b"event: ", b"event:", b"data: ", b"data:", b"\n", b"\r\n", b"\r", b"a", b" ", b":"]


@settings(max_examples=400)
@given(st.lists(st.sampled_from(TOKENS), max_size=9).map(b"".join))
def test_every_frame_is_parsed_as_the_standard_has_it(body):
    for frame in FrameScanner().feed(body + b"\n\n"):
        assert parse_frame(frame) == as_the_standard_has_it(frame)


@given(st.binary(max_size=400), st.integers(0, 400))
def test_any_bytes_are_survived_by_every_decoder(noise, position):
    for dialect in DIALECTS.values():
        decoder = dialect.decoder()
        decoder.feed(noise[:position])
        decoder.feed(noise[position:])
        assert isinstance(decoder.close(), Truncated) or decoder.finished
