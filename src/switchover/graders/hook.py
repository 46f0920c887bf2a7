"""The user's own Python function, in a process of its own that can be stopped.

The child is warm between calls and started anew after one that hung or died. It gets none of our environment but what
a program needs to run, so no keys; its memory is bounded. What it runs is its owner's code, trusted as that.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from switchover.domain.ports import Question, Score
from switchover.errors import GraderFailed, OperatorError

SECONDS = 10.0
# Loading may import much; it is no part of a call's time.
START_SECONDS = 60.0
MEMORY_BYTES = 4 << 30
# An answer may be long; a reply is short.
LINE_BYTES = 1 << 20
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")


class Hook:
    """Scores as the function does: ``score(answer, reference, request)`` gives 0–1, (0–1, reason) or None.

    ``by_merit``: it needs no recorded answer, and gets None for it. ``seconds``: the longest a call may take.
    """

    name = "hook"

    def __init__(self, file: str, function: str, *, by_merit: bool = False, seconds: float = SECONDS) -> None:
        self.by_merit = by_merit
        self._file, self._function, self._seconds = file, function, seconds
        self._child: asyncio.subprocess.Process | None = None
        self._alone = asyncio.Lock()

    async def score(self, answer: str | None, question: Question) -> Score:
        """What the function says; ungraded when it hangs, gives no score or one outside 0–1.

        Raises GraderFailed when it raises or its process dies, OperatorError when it can't be loaded.
        """
        if answer is None:
            return Score(0.0, "no answer")
        reference = None if self.by_merit else question.reference
        asked = {"answer": answer, "reference": reference, "request": dict(question.request)}
        async with self._alone:
            child = await self._started()
            try:
                reply = await asyncio.wait_for(_exchange(child, asked), self._seconds)
            except TimeoutError:
                await self._end()
                return Score(None, f"the hook gave no score within {self._seconds:g} s")
            except BaseException:
                # Cancelled midway, it would answer the next question with this one's score.
                await self._end()
                raise
            if reply is None:
                await self._end()
                raise GraderFailed("the hook's process died")
        if "raised" in reply:
            raise GraderFailed(f"the hook raised {reply['raised']}")
        return Score(reply["score"], reply["reason"], remark=reply["remark"])

    async def start(self) -> None:
        """Starts the child, so that a function that can't be loaded is known before anything is asked."""
        async with self._alone:
            await self._started()

    async def close(self) -> None:
        """Ends the child."""
        async with self._alone:
            await self._end()

    async def _started(self) -> asyncio.subprocess.Process:
        if self._child is not None and self._child.returncode is None:
            return self._child
        runner = str(Path(__file__).with_name("hook_child.py"))
        self._child = await asyncio.create_subprocess_exec(
            # Isolated: neither our folder nor the caller's settings of Python get into it.
            *(sys.executable, "-I", runner, self._file, self._function, str(MEMORY_BYTES)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
            limit=LINE_BYTES,
            start_new_session=True,
        )
        try:
            said = await asyncio.wait_for(_reply(self._child), START_SECONDS)
        except BaseException as error:
            await self._end()
            if isinstance(error, TimeoutError):
                raise self._unloadable(f"it took more than {START_SECONDS:g} s") from error
            raise
        if said is None or not said["ready"]:
            await self._end()
            raise self._unloadable(said["why"] if said else "its process died")
        return self._child

    def _unloadable(self, why: str) -> OperatorError:
        return OperatorError(
            f"the hook {self._function} in {self._file} can't be loaded: {why}",
            mend=f"see that `python -I {self._file}` runs, and that it defines {self._function}",
        )

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            # Its session, so that what it started goes, too.
            os.killpg(child.pid, 9)
        if child.stdin is not None:
            child.stdin.close()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                await child.stdin.wait_closed()
        await child.wait()


async def _exchange(child: asyncio.subprocess.Process, asked: dict[str, Any]) -> dict[str, Any] | None:
    if child.stdin is None:
        return None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        child.stdin.write(json.dumps(asked).encode() + b"\n")
        await child.stdin.drain()
    return await _reply(child)


async def _reply(child: asyncio.subprocess.Process) -> dict[str, Any] | None:
    """The next reply; None where the process is gone, or has said something that is none."""
    if child.stdout is None:
        return None
    try:
        line = await child.stdout.readline()
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
