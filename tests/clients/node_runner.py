"""The JavaScript half: one Node process that does jobs side by side."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OLDEST = 18
ANSWER_S = 240


def lacking() -> str:
    """What this half lacks; nothing if it may run."""
    if shutil.which("node") is None:
        return "there is no node"
    if int(re.findall(r"\d+", node_version())[0]) < OLDEST:
        return f"node is {node_version()}; these clients run on {OLDEST} or newer"
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    stale = [package for package, version in wanted.items() if version_of(package) != version]
    return f"run `npm ci` in tests/clients, for {', '.join(stale)}" if stale else ""


def node_version() -> str:
    """As node says it."""
    return subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()


def version_of(package: str) -> str | None:
    """The version that is installed, or None."""
    manifest = HERE / "node_modules" / package / "package.json"
    return str(json.loads(manifest.read_text())["version"]) if manifest.is_file() else None


class Node:
    """Jobs in, what the callers saw out. Use as a context manager; ``act`` may be called from any thread."""

    def __init__(self) -> None:
        command = ["node", "javascript_clients.mjs"]
        self._child = subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._writing = threading.Lock()
        self._waiting: list[Future[dict[str, Any]]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Node:
        self._reader.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._child.kill()
        self._child.wait(60)
        self._reader.join(5)
        self._child.stdin.close()
        self._child.stdout.close()

    def act(self, job: dict[str, Any]) -> dict[str, Any]:
        """Has Node do a job. Raises RuntimeError when it ended, TimeoutError when it is late."""
        told: Future[dict[str, Any]] = Future()
        with self._writing:
            self._waiting.append(told)
            print(json.dumps({**job, "number": len(self._waiting) - 1}), file=self._child.stdin, flush=True)
        return told.result(ANSWER_S)

    def _read(self) -> None:
        for line in self._child.stdout:
            said = json.loads(line)
            self._waiting[said["number"]].set_result(said["told"])
        for told in self._waiting:
            if not told.done():
                told.set_exception(RuntimeError("node ended; its errors are above"))
