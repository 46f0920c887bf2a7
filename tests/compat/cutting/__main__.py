"""Cuts all recordings for callers of one dialect: ``cutting DIALECT [STEP [BEGIN]]``.

A recording in the caller's own dialect is cut at every byte. The other ways to meet a cut (across dialects, with a
replacement, held, continued) are tried at every byte too, or at each ``STEP``th from ``BEGIN``. Prints what was wrong,
and how often it cut.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import uvloop
from judge import is_continued, is_whole
from play import CLEAN, PATHS, RESET, SILENT, TOOLS, Rig

from switchover.domain.candidate import Continuation
from switchover.domain.process import Midstream
from switchover.gateway import retries

RECORDINGS = Path(__file__).parents[2] / "recordings"
FILES = {"chat": "openai", "messages": "anthropic", "responses": "openai_responses"}
# The event by which each recording's first content came, and the one by which all of it has.
FIRST = {
    ("chat", "text"): b'"content":"Geachte"', ("chat", "tools"): b'"tool_calls":[{',
    ("chat", "error"): b'"content":"Dear"',
    ("messages", "text"): b'"text":"Sehr"', ("messages", "tools"): b'"text":"Let me look."',
    ("messages", "error"): b'"text":"Dear"',
    ("responses", "text"): b'"delta":"Cover"', ("responses", "tools"): b'"type":"function_call"',
}  # fmt: skip
LAST = {
    ("chat", "text"): b'"finish_reason":"stop"', ("chat", "tools"): b'"finish_reason":"tool_calls"',
    ("messages", "text"): b"event: message_stop", ("messages", "tools"): b"event: message_stop",
    ("responses", "text"): b"event: response.completed", ("responses", "tools"): b"event: response.completed",
}  # fmt: skip
# The first words of each recorded text, and others in their place: a rest that repeats nothing.
OTHERWISE = {"chat": (b"Geachte", b"~~"), "messages": (b"Sehr", b"~~"), "responses": (b"Cover", b"~~")}
REST = {
    "chat": '~~ heer, uw schade van €250 wordt beoordeeld 🏠.\n"finish_reason":"stop"',
    "messages": "~~ geehrte Frau, Ihr Schaden über €250 wird geprüft 🏠.\nevent: error",
    "responses": '~~ed – für 1.200 €. The field "type":"response.completed"'
    " and data: [DONE]\n\nare only words. 日本 🙂",
}
# How many of the ways to go on there are in each dialect.
WAYS_KNOWN = {"chat": 3, "messages": 2, "responses": 1}
# Nearly every place is cut by a clean end, the one that looks most like an answer; the others take turns with it.
WAYS = (CLEAN, CLEAN, CLEAN, RESET, CLEAN, CLEAN, SILENT)


def recording(speaks, what):
    return (RECORDINGS / f"{FILES[speaks]}_{what}.sse").read_bytes()


def after(whole, mark):
    """The number of bytes with which the event that bears the mark is whole; more than there are without a mark."""
    return len(whole) + 1 if mark is None else whole.index(b"\n\n", whole.index(mark)) + 2


def reads(came, place):
    """What came, as it is read: at once, or the whole frames first."""
    last = came.rfind(b"\n\n") + 2
    return tuple(part for part in ((came[:last], came[last:]) if place % 2 and last > 1 else (came,)) if part)


def frames(whole):
    """A recording as it is read when each frame comes by itself."""
    return tuple(frame + b"\n\n" for frame in whole.split(b"\n\n")[:-1])


async def cut(caller, speaks, what, places):
    """Cuts with nothing behind: whole, or the beginning and an error. Returns how often."""
    rig, whole, ended = Rig(speaks), recording(speaks, what), after(recording(speaks, what), LAST.get((speaks, what)))
    vendor = rig.upstreams["vendor"]
    vendor.script = frames(whole)
    _, complete = await rig.ask(caller)
    for place in places:
        vendor.script, vendor.way = reads(whole[:place], place), WAYS[place % len(WAYS)]
        status, body = await rig.ask(caller)
        try:
            assert is_whole(caller, status, body, complete) is (place >= ended)
        except (AssertionError, ValueError):
            print("wrong:", caller, speaks, what, place, vendor.way, status, body)
    return len(places)


async def switch(caller, speaks, what, places, more=(), midstream=Midstream.STOP):
    """Cuts with each dialect behind in turn: the replacement must answer, alone and whole. Returns how often."""
    whole, complete, rigs = recording(speaks, what), [], [Rig(speaks, own, midstream) for own in PATHS]
    for own, rig in zip(PATHS, rigs, strict=True):
        rig.upstreams["own"].script = (recording(own, "text" if what == "error" else what),)
        _, body = await rig.ask(caller, more)
        assert is_whole(caller, 200, body, body)
        complete.append(body)
    for place in places:
        turn = place % len(rigs)
        vendor, own = rigs[turn].upstreams["vendor"], rigs[turn].upstreams["own"]
        vendor.script, vendor.way = reads(whole[:place], place), WAYS[place % len(WAYS)]
        asked, answered = vendor.asked, own.asked
        said = await rigs[turn].ask(caller, more)
        tries = (vendor.asked - asked, own.asked - answered)
        if said != (200, complete[turn]) or tries != (1, 1):
            print("wrong:", caller, speaks, what, place, vendor.way, own.dialect, *tries, *said)
    return len(places)


async def go_on(caller, speaks, what, places):
    """Cuts where each dialect goes on in turn: one answer with the rest behind what was sent. Returns how often."""
    whole, ways = recording(speaks, what), (Continuation.QUOTE, Continuation.PREFILL, Continuation.RAW)
    alone, begun = Rig(speaks), {}
    rigs = [(own, Rig(speaks, own, Midstream.CONTINUE, way)) for own in PATHS for way in ways[: WAYS_KNOWN[own]]]
    rests = {own: recording(own, "text").replace(*OTHERWISE[own]) for own in PATHS}
    for place in places:
        (speaks_own, rig), way = rigs[place % len(rigs)], WAYS[place % len(WAYS)]
        vendor, own, came = rig.upstreams["vendor"], rig.upstreams["own"], reads(whole[:place], place)
        key = (whole[:place].count(b"\n\n"), way)
        if key not in begun:
            alone.upstreams["vendor"].script, alone.upstreams["vendor"].way = came, way
            begun[key] = (await alone.ask(caller))[1]
        vendor.script, vendor.way = came, way
        # The rest comes at once, or each frame by itself.
        own.script = frames(rests[speaks_own]) if place // len(rigs) % 2 else (rests[speaks_own],)
        asked, answered = vendor.asked, own.asked
        status, body = await rig.ask(caller)
        try:
            gone_on = is_continued(caller, begun[key], body, REST[speaks_own])
            assert (status, vendor.asked - asked, own.asked - answered) == (200, 1, int(gone_on))
        except (AssertionError, ValueError) as error:
            print("wrong:", caller, speaks, what, place, way, speaks_own, repr(error), status, body)
    return len(places)


async def cut_all(caller, step=1, begin=0):
    """Everything for the callers of one dialect. Returns how often it was cut."""
    tried, turn = 0, list(PATHS).index(caller)
    for speaks, what in FIRST:
        until = after(recording(speaks, what), FIRST[speaks, what])
        # Two dialects are across; they take turns.
        across = range((turn - list(PATHS).index(speaks)) % 3 - 1, until, 2)
        tried += await switch(caller, speaks, what, (range(until) if caller == speaks else across)[begin::step])
        # What comes before the first content was cut just now.
        whole = recording(speaks, what)
        own = range(len(whole) + 1)
        tried += await cut(caller, speaks, what, own if caller == speaks else own[until:][begin::step])
        # What was sent is gone on with, unless a tool call or its end had begun; in a text, at every byte.
        ended = len(whole) if what == "error" else after(whole, LAST[speaks, what])
        tried += await go_on(caller, speaks, what, range(until, ended, 1 if what == "text" else 5)[begin::step])
        if what != "error":
            # Where all is held, the replacement answers to the last byte. The callers take turns.
            places = range(until + turn, after(recording(speaks, what), LAST[speaks, what]), 3)[begin::step]
            tools, mode = (TOOLS[caller], Midstream.STOP) if what == "tools" else ({}, Midstream.HOLD)
            tried += await switch(caller, speaks, what, places, tools.items(), mode)
    return tried


if __name__ == "__main__":
    # One try for each cut: a second one would meet the same.
    retries.AT_ONCE = retries.SHARE = 0
    gc.freeze()
    gc.set_threshold(100_000)
    print(uvloop.run(cut_all(sys.argv[1], *map(int, sys.argv[2:]))), "cuts judged")
