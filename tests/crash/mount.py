"""The lossy disk as a file system: `python mount.py FOLDER`, told what befalls it on standard input.

One JSON object a line in, one a line out when it is done; and a line `"off"` when the power has gone.
"""

from __future__ import annotations

import ctypes.util
import json
import os
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from disk import Disk, File, Folder, Trouble


def why_not() -> str:
    """Why nothing can be mounted on this machine, or nothing."""
    if sys.platform != "linux":
        return "FUSE is used on Linux only"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse is not there or may not be opened"
    if not (ctypes.util.find_library("fuse3") or ctypes.util.find_library("fuse")):
        return "libfuse is not installed (Debian: fuse3 and libfuse3-3)"
    return ""


class Mounted:
    """A lossy disk in a process of its own, mounted on ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = [sys.executable, __file__, str(folder)]
        with tempfile.TemporaryFile() as said:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, bufsize=0
            )
            if self._line() != "mounted":
                said.seek(0)
                raise RuntimeError(f"nothing could be mounted on {folder}: {said.read().decode(errors='replace')}")

    def new(self, seed: int, name: str) -> Path:
        """An empty disk; returns the folder on it that is there already."""
        self._do(do="new", seed=seed, name=name)
        return self.folder / name

    def begin(self, trouble: Trouble | None = None) -> None:
        """Switches the power on."""
        found = trouble or Trouble()
        told = {"off": found.off, "failing_syncs": sorted(found.failing_syncs), "full": found.full}
        self._do(do="begin", **told)

    @property
    def says(self) -> IO[bytes]:
        """Where a line comes when the power has gone; it is for :meth:`went_off` to read."""
        assert self.process.stdout is not None
        return self.process.stdout

    def went_off(self) -> None:
        """Reads that the power has gone."""
        if self._line() != "off":
            raise RuntimeError("the disk says something else than that it is off")

    def lose_power(self) -> None:
        """What was not synced is forgotten, or some of it."""
        self._do(do="lose")

    def end(self) -> None:
        """Unmounts."""
        if self.process.poll() is None and self.process.stdin is not None:
            self.process.stdin.close()
            self.process.wait(10)

    def _do(self, **what: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what).encode() + b"\n")
        self.process.stdin.flush()
        if self._line() != "done":
            raise RuntimeError(f"the disk did not do {what}")

    def _line(self) -> Any:
        line = self.says.readline()
        return json.loads(line) if line else None


@contextmanager
def mounted() -> Iterator[Mounted]:
    """A disk on a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="lossy-") as name:
        disk = Mounted(Path(name))
        try:
            yield disk
        finally:
            disk.end()


class _Told:
    """What is told to whoever mounted it, by whichever thread."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def __call__(self, what: str) -> None:
        with self.lock:
            print(json.dumps(what), flush=True)


def serve(folder: str) -> None:
    """Mounts, and stays until standard input ends."""
    import mfusepy

    told, current = _Told(), [Disk(0)]

    def obey() -> None:
        while not os.path.ismount(folder):
            time.sleep(0.005)
        told("mounted")
        for line in sys.stdin:
            what = json.loads(line)
            if what["do"] == "new":
                current[0] = disk = Disk(what["seed"], lambda: told("off"))
                made = disk.create(f"/{what['name']}", folder=True)
                for node in (made, disk.root):
                    disk.sync(node)
            elif what["do"] == "begin":
                current[0].begin(Trouble(what["off"], frozenset(what["failing_syncs"]), tuple(what["full"])))
            elif what["do"] == "lose":
                current[0].lose_power()
            told("done")
        subprocess.run(["umount", folder] if os.geteuid() == 0 else ["fusermount3", "-u", folder], check=False)

    class Operations(mfusepy.Operations):  # type: ignore[misc]  # it has no types that mypy reads
        use_ns = True

        def __init__(self) -> None:
            self.open_files: dict[int, File] = {}
            self.next = 0

        def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
            node = current[0].find(path)
            if isinstance(node, Folder):
                return {"st_mode": stat.S_IFDIR | 0o700, "st_nlink": 2, "st_uid": os.getuid()}
            return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": len(node.cache), "st_uid": os.getuid()}

        def readdir(self, path: str, fh: int) -> list[str]:
            node = current[0].find(path)
            return [".", "..", *(node.names if isinstance(node, Folder) else ())]

        def mkdir(self, path: str, mode: int) -> int:
            current[0].create(path, folder=True)
            return 0

        def create(self, path: str, mode: int, fi: Any = None) -> int:
            return self._opened(current[0].create(path))

        def open(self, path: str, flags: int) -> int:
            return self._opened(current[0].find(path))

        def _opened(self, node: File | Folder) -> int:
            assert isinstance(node, File)
            self.next += 1
            self.open_files[self.next] = node
            return self.next

        def release(self, path: str, fh: int) -> int:
            self.open_files.pop(fh, None)
            return 0

        def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
            return bytes(self.open_files[fh].cache[offset : offset + size])

        def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
            return current[0].write(self.open_files[fh], data, offset)

        def truncate(self, path: str, length: int, fh: int | None = None) -> int:
            node = self.open_files[fh] if fh else current[0].find(path)
            assert isinstance(node, File)
            current[0].truncate(node, length)
            return 0

        def rename(self, old: str, new: str) -> int:
            current[0].rename(old, new)
            return 0

        def unlink(self, path: str) -> int:
            current[0].unlink(path)
            return 0

        def rmdir(self, path: str) -> int:
            current[0].unlink(path)
            return 0

        def chmod(self, path: str, mode: int) -> int:
            return 0

        def utimens(self, path: str, times: Any = None) -> int:
            return 0

        def fsync(self, path: str, datasync: int, fh: int) -> int:
            current[0].sync(self.open_files[fh])
            return 0

        def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
            current[0].sync(current[0].find(path))
            return 0

    threading.Thread(target=obey, daemon=True).start()
    # Whatever the kernel remembered would survive a loss of power that it knows nothing of.
    forgetful = {"attr_timeout": 0, "entry_timeout": 0, "negative_timeout": 0, "hard_remove": True, "max_threads": 8}
    mfusepy.FUSE(Operations(), folder, foreground=True, fsname="lossy", **forgetful)


if __name__ == "__main__":
    serve(sys.argv[1])
