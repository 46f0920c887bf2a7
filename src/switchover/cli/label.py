"""``switchover label``: look at pairs of answers, blinded, and say how good each is."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from switchover.domain.label import MARKS
from switchover.domain.people import LOCAL
from switchover.errors import OperatorError
from switchover.rehearsal import Desk, Pair
from switchover.wiring import labels

from .common import DEFAULT_CONFIG, Config, Json, acting, counted, print_json, process_named, settings, visible
from .rehearse import people_line, print_verdict

app = typer.Typer(rich_markup_mode=None)

KEYS: Mapping[str, float] = {"1": MARKS["good"], "2": MARKS["half"], "3": MARKS["bad"]}
UNCLEAR, SKIP, UNDO, QUIT = "0", "s", "u", "q"
HELP = "1 good  2 half  3 bad  0 can't tell  s skip  u undo  q quit"
INTERRUPT, END = "\x03", "\x04"
WIDEST = 100


@app.callback(invoke_without_command=True)
def label(
    process: Annotated[str, typer.Argument(help="The process.")],
    candidate: Annotated[str, typer.Option("--candidate", help="A fallback of it that was rehearsed.")],
    by: Annotated[str | None, typer.Option("--by", help="Who labels, where no key says so.")] = None,
    prompt_version: Annotated[
        str | None, typer.Option("--prompt-version", help="As `adapt` lists them; default: the newest rehearsed.")
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", help="A JSONL file of labels: case, and left and right or candidate and baseline."),
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Show pairs of answers in random order, without saying whose is which; each is marked with one key.

    With --json and no --from it prints the pairs that wait, one a line, for another tool to label. Labels are saved at
    once; the verdict is drawn again at the end.
    """
    found = settings(config)
    name = process_named(found, process).name
    source = "terminal" if from_ is None else "file"
    with labels.desk(
        found, name, candidate, actor=acting(), by=by, prompt_version=prompt_version, source=source
    ) as desk:
        if from_ is not None:
            taken = take(desk, Path(from_))
        elif as_json:
            for case in desk.waiting():
                print(json.dumps(_as_json(desk.pair(case)), ensure_ascii=False))
            return
        else:
            _sit(desk)
        verdict = desk.close()
        if as_json:
            print_json({"taken": taken, "people": desk.progress(), "verdict": verdict})
            return
        if from_ is not None:
            print(f"{counted(taken, 'label', 'labels')} taken from {visible(from_)}")
        if verdict is None:
            print(f"people: {people_line(desk.progress())}")
        else:
            print_verdict(verdict)


def _sit(desk: Desk) -> None:
    if not sys.stdin.isatty():
        raise OperatorError(
            "labels are given at a terminal", mend="run it in one, or hand in a file: --from labels.jsonl"
        )
    with keys(sys.stdin.fileno()) as read:
        sit(desk, read, print)


def sit(desk: Desk, read: Callable[[], str], say: Callable[[str], None]) -> None:
    """Shows pair after pair and takes marks, key by key, until there is none left or the person leaves."""
    say(f"{desk.person.removeprefix(f'{LOCAL} user ')}: {people_line(desk.progress())}")
    again: str | None = None
    while True:
        pair = desk.pair(again) if again is not None else desk.next()
        again = None
        if pair is None:
            say("Nothing is left to look at.")
            return
        say(shown(pair))
        marks = _marks(read, say)
        if marks == QUIT:
            return
        if marks == SKIP:
            desk.skip(pair.case)
        elif marks == UNDO:
            again = desk.undo()
            say("There is nothing to undo." if again is None else "The last label is taken back.")
        elif isinstance(marks, tuple):
            desk.mark(pair.case, *marks)
            say(f"{counted(len(desk.given), 'label', 'labels')} given, {len(desk.waiting())} to go")


def _marks(read: Callable[[], str], say: Callable[[str], None]) -> tuple[float | None, float | None] | str:
    """Both marks, or what else the person wants; a key that means nothing is asked for again."""
    given: list[float] = []
    while len(given) < len(("left", "right")):
        say(f"{('left', 'right')[len(given)]}?  {HELP}")
        key = read()
        if key in (INTERRUPT, END, ""):
            return QUIT
        if key == UNCLEAR:
            return None, None
        if key == UNDO and given:
            given.pop()
        elif key in (SKIP, UNDO, QUIT):
            return key
        elif key in KEYS:
            given.append(KEYS[key])
    return given[0], given[1]


@contextmanager
def keys(terminal: int) -> Iterator[Callable[[], str]]:
    """Reads single keys of a terminal (a file descriptor), which is put back as it was."""
    import os
    import termios
    import tty

    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    try:
        yield lambda: os.read(terminal, 1).decode("ascii", "replace").lower()
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def shown(pair: Pair, width: int | None = None) -> str:
    """A pair as a terminal shows it; what callers and models wrote is made harmless."""
    width = min(width or shutil.get_terminal_size().columns, WIDEST)
    parts = [("request", _request(pair.request)), ("left", pair.left), ("right", pair.right)]
    return "\n".join(f"{f'── {title} '.ljust(width, '─')}\n{_wrapped(text, width)}" for title, text in parts)


def _request(request: Mapping[str, Any]) -> str:
    lines = []
    for message in request.get("messages") or ():
        content = message.get("content") if isinstance(message, Mapping) else None
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        lines.append(f"{message.get('role') if isinstance(message, Mapping) else '?'}: {text}")
    return "\n".join(lines)


def _wrapped(text: str, width: int) -> str:
    lines = visible(text).split("\n")
    return "\n".join(textwrap.fill(line, width, drop_whitespace=False) if line else "" for line in lines)


def _as_json(pair: Pair) -> dict[str, Any]:
    return {"case": pair.case, "request": pair.request, "left": pair.left, "right": pair.right}


def take(desk: Desk, file: Path) -> int:
    """Takes the labels of a file; returns how many. Raises OperatorError at the line that is none: nothing is taken.

    Lines of cases that nobody is to look at are left out: whom to ask was drawn before anybody looked.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as cause:
        raise OperatorError(f"{file} can't be read: {cause}", mend="name a JSONL file of labels") from cause
    waiting = set(desk.waiting())
    read = [_read(file, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    wanted = [one for one in read if one[0] in waiting]
    for case, by_side, marks in wanted:
        (desk.mark if by_side else desk.give)(case, *marks)
    return len(wanted)


def _read(file: Path, number: int, line: str) -> tuple[str, bool, tuple[float | None, float | None]]:
    """The case of a line, whether its marks are those of left and right, and the marks."""
    try:
        value = json.loads(line)
        by_side = "left" in value
        one, other = (value[side] for side in (("left", "right") if by_side else ("candidate", "baseline")))
        marks = _mark(one), _mark(other)
        if (marks[0] is None) != (marks[1] is None):
            raise ValueError(line)
        return str(value["case"]), by_side, marks
    except (ValueError, TypeError, KeyError, RecursionError) as cause:
        raise OperatorError(
            f"{file}:{number} is no label",
            mend='write {"case": "…", "left": 1, "right": 0.5} in each line: numbers from 0 to 1, good, half or bad, '
            "or null for both where nobody can tell",
        ) from cause


def _mark(value: object) -> float | None:
    if value is None:
        return None
    mark = MARKS[value] if isinstance(value, str) else value
    if isinstance(mark, bool) or not isinstance(mark, int | float) or not 0 <= mark <= 1:
        raise ValueError(value)
    return float(mark)
