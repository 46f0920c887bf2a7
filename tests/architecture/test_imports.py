"""The import contracts hold, and each of them, the types and the tests can go red: a violation is planted to see it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "switchover"


class Planted(NamedTuple):
    """A line that breaks one contract, the file it goes into, and the contract's name."""

    file: str
    line: str
    contract: str


VIOLATIONS = (
    Planted("domain/secret.py", "import switchover.store", "Imports point down"),
    Planted("rehearsal/run.py", "import switchover.gateway", "A story never imports a story"),
    Planted("faults/denied.py", "import switchover.faults.slow", "Plug-ins ignore each other"),
    Planted("importers/otel.py", "import switchover.importers.litellm", "Sources of an import ignore each other"),
    Planted("capacity/measure.py", "import sqlalchemy", "Only the store speaks SQL"),
    Planted("upstreams/openai.py", "import urllib.request", "Only egress opens HTTP connections"),
    Planted("planning/plan.py", "import time", "Pure modules know no I/O, clock or chance"),
    Planted("gateway/app.py", "import switchover.testing", "Only the demo and the tests use testing"),
)


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the import contracts on the ``src`` in ``folder``."""
    script = (
        f"import sys; sys.path.insert(0, {str(folder / 'src')!r}); "
        "from importlinter.cli import lint_imports_command; lint_imports_command()"
    )
    return subprocess.run(
        [sys.executable, "-c", script, "--no-cache"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source and its contracts in a folder where they may be broken."""
    folder = tmp_path_factory.mktemp("tree")
    ignore = shutil.ignore_patterns("__pycache__", "*.jsonl", "templates")
    shutil.copytree(SOURCE, folder / "src" / "switchover", ignore=ignore)
    shutil.copy(ROOT / ".importlinter", folder)
    return folder


def verdicts(output: str) -> dict[str, bool]:
    """Contract → kept, as import-linter prints them."""
    rows = re.findall(r"^(.+?) (KEPT|BROKEN)(?: \(.*\))?$", output, re.MULTILINE)
    return {name: word == "KEPT" for name, word in rows}


def test_every_contract_holds() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout[-3000:]
    assert set(verdicts(result.stdout)) == {planted.contract for planted in VIOLATIONS}


def test_every_planted_import_turns_its_contract_red(copy: Path) -> None:
    for planted in VIOLATIONS:
        target = copy / "src" / "switchover" / planted.file
        target.write_text(f"{target.read_text(encoding='utf-8')}\n{planted.line}\n", encoding="utf-8")
    result = lint(copy)
    assert result.returncode == 1
    kept = {name for name, held in verdicts(result.stdout).items() if held}
    assert kept == set()
    for planted in VIOLATIONS:
        module = f"switchover.{planted.file.removesuffix('.py').replace('/', '.')}"
        imported = planted.line.removeprefix("import ").removesuffix(".request")
        assert f"{module} -> {imported} (l." in " ".join(result.stdout.split()), planted.contract


def test_a_folder_without_a_layer_turns_the_layers_red(copy: Path) -> None:
    part = copy / "src" / "switchover" / "utils"
    part.mkdir()
    (part / "__init__.py").touch()
    try:
        result = lint(copy)
    finally:
        shutil.rmtree(part)
    assert result.returncode == 1
    assert "switchover.utils" in result.stdout + result.stderr


def test_a_planted_type_error_turns_mypy_red(tmp_path: Path) -> None:
    package = tmp_path / "planted"
    package.mkdir()
    (package / "__init__.py").write_text("def half(n: int) -> int:\n    return n // 2\n", encoding="utf-8")
    assert mypy(tmp_path).returncode == 0
    (package / "__init__.py").write_text("def half(n):\n    return n // 2\n", encoding="utf-8")
    untyped = mypy(tmp_path)
    (package / "__init__.py").write_text('def half(n: int) -> int:\n    return "n"\n', encoding="utf-8")
    wrong = mypy(tmp_path)
    assert (untyped.returncode, wrong.returncode) == (1, 1)
    assert "no-untyped-def" in untyped.stdout
    assert "Incompatible return value type" in wrong.stdout


def mypy(folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs mypy with the project's settings on the package in ``folder``."""
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")]
    return subprocess.run(
        [*command, "--cache-dir", str(folder / "cache"), str(folder / "planted")],
        cwd=folder, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        "def test_a_sum():\n    assert 1 + 1 == 3\n",
        "import warnings\n\n\ndef test_a_warning():\n    warnings.warn('old')\n",
        "import pytest\n\n\n@pytest.mark.misspelt\ndef test_a_marker():\n    pass\n",
    ],
    ids=["a failing test", "a warning", "an unknown marker"],
)
def test_a_planted_failure_turns_pytest_red(body: str, tmp_path: Path) -> None:
    (tmp_path / "test_planted.py").write_text(body, encoding="utf-8")
    config = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "-p", "no:cacheprovider"]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *config, str(tmp_path)],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert result.returncode != 0
    assert "passed" not in result.stdout
