"""A stream cut at any byte: a caller never takes what came for complete.

Every byte of every recording is cut by ``cutting``, for callers of each dialect, with and without a replacement behind,
where all is held back, and where a replacement goes on with what was sent: through the real gateway without sockets,
judged by the bytes and by official clients. `make cuts` does all of that; here every byte is cut for callers of the
recording's own dialect, and each seventh, from a place drawn anew, in the other ways. A spread of places is cut over
real connections to the real server.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import anthropic
import openai
import pytest

from switchover.domain.process import Criticality, DataClass, Process
from switchover.testing.scripted import RESET, ScriptedServer, stream
from switchover.testing.served import ServedGateway, register, spec

HERE = Path(__file__).parent
KINDS = {"openai": {}, "anthropic": {"kind": "anthropic"}, "openai_responses": {"speaks": "responses"}}
DIALECTS = ("chat", "messages", "responses")
PROCESS = Process(
    name="claims", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor"
)
SAY = [{"role": "user", "content": "?"}]
# The event with which a recording is whole; one that breaks off with an error never is.
LAST = {
    ("openai", "text"): b'"finish_reason":"stop"',
    ("openai", "tools"): b'"finish_reason":"tool_calls"',
    ("openai", "error"): b"",
    ("anthropic", "text"): b"event: message_stop",
    ("anthropic", "tools"): b"event: message_stop",
    ("anthropic", "error"): b"",
    ("openai_responses", "text"): b"event: response.completed",
    ("openai_responses", "tools"): b"event: response.completed",
}


def test_cut_at_every_byte_it_is_whole_or_switched_or_continued_or_says_that_it_is_not():
    step = 1 if os.environ.get("CUTS") else 7
    begin = random.randrange(step)  # seeded for each test, and printed, by pytest-randomly
    # Processes use both cores.
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    run = [sys.executable, str(HERE / "cutting")]
    cutting = [
        subprocess.Popen(
            [*run, caller, str(step), str(begin)],
            env=path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for caller in DIALECTS
    ]
    said = [one.communicate()[0] for one in cutting]
    assert [re.sub(r"^\d{4,5} cuts judged\n$", "right", one[-2000:]) for one in said] == ["right"] * 3


@pytest.mark.parametrize(("kind", "what"), LAST)
def test_the_official_clients_raise_on_a_spread_of_cuts_over_real_connections(kind, what):
    whole = (HERE.parent / "recordings" / f"{kind}_{what}.sse").read_bytes()
    ended = whole.index(b"\n\n", whole.index(LAST[kind, what])) + 2 if LAST[kind, what] else len(whole)
    script = []
    with ScriptedServer(lambda number, seen: script[0]) as vendor:
        snapshot, token = register(PROCESS, [spec("vendor", vendor.url, **KINDS[kind])])
        with (
            ServedGateway(snapshot) as served,
            openai.OpenAI(base_url=f"{served.url}/v1", api_key=token, max_retries=0) as client,
            anthropic.Anthropic(base_url=served.url, api_key=token, max_retries=0) as messages,
        ):
            for number in range(9):
                place = ended * number // 9
                served.gateway.failover.board.clear(served.source.current.upstreams["vendor"], 0.0)
                script[:] = [[*stream(whole[:place], end=False), RESET] if number % 2 else stream(whole[:place])]
                with pytest.raises(openai.APIError):
                    list(client.chat.completions.create(model="claims", messages=SAY, stream=True))
                with pytest.raises(openai.APIError):
                    list(client.responses.create(model="claims", input="?", stream=True))
                with (
                    pytest.raises(anthropic.APIError),
                    messages.messages.stream(model="claims", messages=SAY, max_tokens=50) as events,
                ):
                    events.get_final_message()
