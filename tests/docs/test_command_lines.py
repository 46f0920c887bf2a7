"""Every ``switchover …`` that the documentation shows is a command there is, with options there are."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from switchover import cli

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "docs" / "reference"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`switchover ([^`]+)`")
SHELLS = {"sh", "bash", "console", "shell"}


class Shown(NamedTuple):
    """A command line and where it is shown."""

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def pages() -> list[Path]:
    """Every page people read, but for the generated ones."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "changes").glob("*.md"))]
    return [path for path in found if path.exists() and GENERATED not in path.parents]


def command_lines(path: Path) -> Iterator[str]:
    """The command lines of a page, without the word ``switchover``."""
    text = path.read_text(encoding="utf-8")
    for language, block in FENCE.findall(text):
        if language in SHELLS:
            for line in block.replace("\\\n", " ").splitlines():
                if match := re.match(r"(?:\$ )?(?:\S*/)?switchover (.+)", line.strip()):
                    yield match[1]
    yield from INLINE.findall(FENCE.sub("", text))


def shown() -> list[Shown]:
    """All of them, once each."""
    lines = {
        Shown(path.relative_to(ROOT).as_posix(), tuple(shlex.split(line, comments=True)))
        for path in pages()
        for line in command_lines(path)
        if "…" not in line
    }
    return sorted(line for line in lines if line.words)


@functools.cache
def root_command(name: str) -> Any:
    """The command called ``name``."""
    root: Any = typer.main.get_command(cli.build(name))
    return root.commands[name]


@pytest.mark.parametrize("line", shown(), ids=str)
def test_a_command_line_in_the_documentation_is_one_there_is(line: Shown) -> None:
    name, *rest = line.words if line.words[0] != "--as" else line.words[2:]
    if name in ("--help", "--version"):
        return
    assert name in {*cli.COMMANDS, "COMMAND"}
    if name == "COMMAND":
        return
    command, words = root_command(name), rest
    while words and not words[0].startswith("-") and getattr(command, "commands", None):
        assert words[0] in command.commands
        command, words = command.commands[words[0]], words[1:]
    options = {spelling for p in command.params for spelling in p.opts if spelling.startswith("-")} | {"--help"}
    used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert used <= options
    if "--help" not in used:
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        assert any(p.nargs < 0 for p in arguments) or len(values(command, words)) <= len(arguments)


def values(command: Any, words: list[str]) -> list[str]:
    """The words that are arguments: neither options nor an option's value."""
    takes = {spelling for p in command.params if not getattr(p, "is_flag", True) for spelling in p.opts}
    found, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = word in takes
        elif word not in ("&", "|", "&&", ">"):
            found.append(word)
    return found


def test_the_documentation_shows_command_lines_at_all() -> None:
    assert len(shown()) >= 20


def test_a_command_that_there_is_not_would_be_noticed() -> None:
    with pytest.raises(AssertionError):
        test_a_command_line_in_the_documentation_is_one_there_is(Shown("planted", ("exchanges", "erase")))
    with pytest.raises(AssertionError):
        test_a_command_line_in_the_documentation_is_one_there_is(Shown("planted", ("keys", "list", "--all")))
