"""Lines of the log: whole, in their form, bounded, and silent about what somebody sent."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import threading

import pytest

from switchover.log import PIPE_BUF, Bridge, Lines, OncePerChange, line_log
from switchover.testing.clock import ManualClock


class Kept:
    """A log's lines as they were handed over."""

    def __init__(self, **more):
        self.raw = []
        self.log = line_log("worker-0", ManualClock(), write=self.raw.append, **{"form": "json", **more})

    @property
    def lines(self):
        return [json.loads(line) for line in self.raw]


def test_a_line_of_json_says_when_how_bad_who_and_what():
    kept = Kept()
    kept.log("breaker open", level="warning", upstream="vendor", scope="upstream", fault=None)
    assert kept.lines == [
        {"at": "2026-05-28T20:26:40.000+00:00", "level": "warning", "part": "worker-0", "event": "breaker open",
         "upstream": "vendor", "scope": "upstream"}
    ]  # fmt: skip


def test_a_line_of_text_cannot_be_made_to_look_like_two_or_to_hold_another_field():
    kept = Kept(form="text")
    kept.log("child ended", detail="a\nb level=error", status=1, model=None, said="")
    [line] = kept.raw
    assert line == (
        b'2026-05-28T20:26:40.000+00:00 info worker-0: child ended detail="a\\nb level=error" status=1 said=""\n'
    )


def test_what_is_below_the_least_level_is_not_written():
    kept = Kept(least="warning")
    kept.log("a")
    kept.log("b", level="warning")
    kept.log("c", level="error")
    assert [line["event"] for line in kept.lines] == ["b", "c"]


@pytest.mark.parametrize(("terminal", "starts"), [(True, b"2026-"), (False, b'{"at"')])
def test_the_form_follows_where_standard_error_goes(monkeypatch, terminal, starts):
    class Screen(io.StringIO):
        def isatty(self):
            return terminal

    monkeypatch.setattr(sys, "stderr", Screen())
    kept = Kept(form="auto")
    kept.log("a")
    assert kept.raw[0].startswith(starts)


def test_lines_reach_the_pipe_whole_and_in_order_from_several_at_once():
    reading, writing = os.pipe()
    several = [Lines(writing) for _ in range(3)]
    for lines in several:
        lines.start()
    got = []

    def read():
        with open(reading, "rb") as pipe:
            got.extend(pipe.read().splitlines())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(500):
        for who, lines in enumerate(several):
            lines.put(b"%d:%d %b\n" % (who, number, b"x" * 300))
    for lines in several:
        lines.close()
    os.close(writing)
    reader.join(60)
    for who in range(3):
        mine = [line for line in got if line.startswith(b"%d:" % who)]
        assert mine == [b"%d:%d %b" % (who, number, b"x" * 300) for number in range(500)]
    assert [lines.dropped for lines in several] == [0, 0, 0]


def test_a_reader_that_does_not_read_costs_lines_that_are_counted_and_holds_up_nobody():
    reading, writing = os.pipe()
    lines = Lines(writing, most=10)
    lines.start()
    line = b"x" * (PIPE_BUF - 1) + b"\n"
    put = 500
    for _ in range(put):
        lines.put(line)
    assert lines.dropped > 0
    # What was not dropped is there for a reader who comes late.
    whole = (put - lines.dropped) * len(line)
    with open(reading, "rb", buffering=0) as pipe:
        read = 0
        while read < whole:
            read += len(pipe.read(65536))
        lines.close()
        os.close(writing)
        assert read + len(pipe.read()) == whole


def test_lines_for_a_pipe_that_nobody_holds_any_more_are_counted():
    reading, writing = os.pipe()
    os.close(reading)
    lines = Lines(writing)
    lines.start()
    lines.put(b"a\n")
    lines.close()
    os.close(writing)
    assert lines.dropped == 1


def bridged(name, work):
    """What comes of an exception that a module of this name logs."""
    kept = Kept()
    logger = logging.getLogger(name)
    bridge = Bridge(kept.log)
    logger.addHandler(bridge)
    try:
        work(logger)
    finally:
        logger.removeHandler(bridge)
    return kept


def failing(logger):
    try:
        {}["my prompt"]
    except KeyError:
        logger.exception("exchange %s failed", "x-1")


def test_of_an_exception_the_log_tells_its_kind_and_place_and_never_its_words():
    kept = bridged("switchover.gateway.handle", failing)
    [line] = kept.lines
    assert line["event"] == "exchange x-1 failed"
    assert line["level"] == "error"
    assert line["raised"] == "KeyError"
    assert line["where"].startswith("test_log.py:")
    assert line["where"].endswith(" failing")
    assert b"my prompt" not in kept.raw[0]


def test_a_librarys_words_stay_out_of_the_log():
    def tell(logger):
        logger.error("Exception in callback data_received(b'my prompt')")

    kept = bridged("asyncio", tell)
    assert kept.lines[0]["event"] == "trouble in a library"
    assert b"my prompt" not in kept.raw[0]


def test_a_trouble_is_said_once_until_it_changes():
    kept = Kept()
    say = OncePerChange(kept.log)
    for detail in ("a", "a", "b"):
        say("store", "store unavailable", detail, level="error")
    say("store", "")
    say("store", "store unavailable", "b", level="error")
    assert [line["detail"] for line in kept.lines] == ["a", "b", "b"]
