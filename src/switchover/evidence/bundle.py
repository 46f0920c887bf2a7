"""A log for an auditor: its files, what checks them, and a page that says how."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from switchover.errors import OperatorError

from . import verify
from .log import EvidenceLog

# What an auditor reads and runs; the private key lies outside the log's folder.
PARTS = ("checkpoint", "checkpoints", "key.pub", "stamps", "tile")


def export(log: EvidenceLog, to: Path) -> None:
    """Writes the bundle to a new folder, or to a zip file where ``to`` ends so.

    Raises OperatorError when something is there already, or it can't be written.
    """
    if to.exists():
        raise OperatorError(f"{to} is there already", mend="name a file or folder that is not")
    try:
        if to.suffix != ".zip":
            return _copy(log, to)
        to.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=to.parent) as folder:
            bundle = Path(folder, to.stem)
            _copy(log, bundle)
            draft = Path(folder, "zip")
            with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as file:
                for path in sorted(bundle.rglob("*")):
                    file.write(path, path.relative_to(folder))
            draft.rename(to)
    except OSError as cause:
        raise OperatorError(f"{to}: {cause.strerror or cause}", mend="name a place you may write to") from cause


def _copy(log: EvidenceLog, to: Path) -> None:
    to.mkdir(parents=True)
    with log.reading():
        for part in PARTS:
            found = log.folder / part
            for path in [found] if found.is_file() else sorted(found.rglob("*")):
                if path.is_file() and not path.name.startswith("."):
                    target = to / path.relative_to(log.folder)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(path.read_bytes())
    source = Path(verify.__file__)
    to.joinpath("verify.py").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    to.joinpath("README.md").write_text(source.with_name("auditor.md").read_text(encoding="utf-8"), encoding="utf-8")
