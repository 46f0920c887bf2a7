"""Runs commands of the product as processes of their own, without each having to import it first.

``python commands.py FD`` listens on the socket it inherits: a request is a JSON line ``{"argv", "cwd", "env"}`` with
the command's three standard streams; a child forked for it runs the command as ``python -m switchover`` would, and its
exit status (negative: the signal) comes back in a line. The socket's end is the end of all.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys

# What most commands import; numpy and what rests on it starts threads, which no fork survives.
AHEAD = (
    "switchover.cli.common",
    "switchover.wiring.answer",
    "switchover.wiring.diagnosis",
    "switchover.wiring.explanation",
    "switchover.store.exchanges",
)


class Commands:
    """The other end: :meth:`run` is ``subprocess.run`` for the product's commands."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())], pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL
            )
        self._socket = ours
        self._answers = ours.makefile("r")

    def run(self, words, *, cwd, env, timeout):
        """The command's end, its output as text. Raises TimeoutExpired, and ends the command with it."""
        streams = [os.open(os.devnull, os.O_RDONLY), *(os.memfd_create(name) for name in ("out", "err"))]
        try:
            asked = json.dumps({"argv": list(words), "cwd": str(cwd), "env": dict(env), "timeout": timeout})
            socket.send_fds(self._socket, [asked.encode() + b"\n"], streams)
            status = json.loads(self._answers.readline())
            out, err = (_text(stream) for stream in streams[1:])
        finally:
            for stream in streams:
                os.close(stream)
        if status is None:
            raise subprocess.TimeoutExpired(list(words), timeout, out, err)
        return subprocess.CompletedProcess(list(words), status, out, err)

    def close(self) -> None:
        self._answers.close()
        self._socket.close()
        self._server.wait(60)


def _text(stream: int) -> str:
    os.lseek(stream, 0, os.SEEK_SET)
    with os.fdopen(os.dup(stream), "rb") as file:
        return file.read().decode()


def serve(asking: socket.socket) -> None:
    for name in AHEAD:
        importlib.import_module(name)
    while True:
        data, streams, _, _ = socket.recv_fds(asking, 1 << 20, 3)
        while data and not data.endswith(b"\n"):
            data += asking.recv(1 << 20)
        if not data:
            return
        asked = json.loads(data)
        child = os.fork()
        if not child:
            _become(asked, streams, asking)
        for stream in streams:
            os.close(stream)
        asking.sendall(json.dumps(_status(child, asked["timeout"])).encode() + b"\n")


def _status(child: int, seconds: float) -> int | None:
    """The child's exit status, None when it had to be ended."""
    late = False

    def end(*_: object) -> None:
        nonlocal late
        late = True
        os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    _, how = os.waitpid(child, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return None if late else os.waitstatus_to_exitcode(how)


def _become(asked, streams, asking: socket.socket) -> None:
    """The command itself; never returns."""
    asking.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv = ["switchover", *asked["argv"]]
    from switchover.cli import main

    code = 1
    try:
        main()
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 0 if left.code is None else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
