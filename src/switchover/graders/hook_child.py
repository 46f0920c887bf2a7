"""The process in which a user's hook runs: reads questions on standard input, writes scores, and knows nothing else.

Run as a file by ``graders/hook.py``, it imports nothing of Switchover. A question is a line of JSON, and so is a reply.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

# A reason is a sentence; a longer one would not fit into the line that a reply is.
LONGEST_REASON = 10_000


def load(file: str, function: str) -> Callable[..., Any]:
    """The function in the file. Its folder is where it imports its neighbours from."""
    sys.path.insert(0, str(Path(file).parent))
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    found = getattr(module, function)
    if not callable(found):
        raise TypeError(f"{function} is no function")
    return found  # type: ignore[no-any-return]


def said(value: Any) -> dict[str, Any]:
    """What a hook returned, as a reply: a score, ungraded, or something that is neither."""
    reason = ""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str):
        value, reason = value[0], value[1][:LONGEST_REASON]
    if value is None:
        return {"score": None, "reason": reason or "the hook gave no score"}
    try:
        score = float(value)
    except (TypeError, ValueError, OverflowError):
        return {"score": None, "reason": f"the hook returned {type(value).__name__}, not a number from 0 to 1"}
    if not math.isfinite(score) or not 0 <= score <= 1:
        return {"score": None, "reason": f"the hook returned {score:g}, not a number from 0 to 1"}
    return {"score": score, "reason": reason}


def answer(hook: Callable[..., Any], question: dict[str, Any]) -> dict[str, Any]:
    """The reply to a question. Of what goes wrong only the kind is told: the text may quote the answer."""
    try:
        return said(hook(question["answer"], question["reference"], question["request"]))
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return {"raised": type(error).__name__}


def serve(file: str, function: str, questions: BinaryIO, replies: BinaryIO) -> None:
    """Loads the hook, says so, and answers until there are no more questions."""
    own = os.getpid()
    try:
        hook = load(file, function)
    except BaseException as error:
        _end_copy(own)
        _write(replies, {"ready": False, "why": f"{type(error).__name__}: {error}"})
        return
    _end_copy(own)
    _write(replies, {"ready": True})
    for line in questions:
        reply = answer(hook, json.loads(line))
        _end_copy(own)
        _write(replies, reply)


def _end_copy(own: int) -> None:
    """Ends a copy that the hook made of this process: its reply would pass for that to the next question."""
    if os.getpid() != own:
        os._exit(0)


def _write(replies: BinaryIO, value: dict[str, Any]) -> None:
    replies.write(json.dumps(value).encode() + b"\n")
    replies.flush()


def main() -> None:
    """Bounds the memory, keeps the pipes to itself, and serves."""
    file, function, memory = sys.argv[1:]
    with contextlib.suppress(OSError, ValueError):  # macOS knows no such bound
        resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # What a hook prints must not get into the replies, and what it reads must not be a question, or wait for one.
    questions, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    serve(file, function, questions, replies)


if __name__ == "__main__":
    main()
