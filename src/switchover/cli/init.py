"""``switchover init``: draft a configuration."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from switchover.config import load
from switchover.config.draft import draft, rehearse_section
from switchover.domain.process import Settings
from switchover.errors import OperatorError, SwitchoverError

from .common import DEFAULT_CONFIG, Config, visible

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def init(
    config: Config = DEFAULT_CONFIG,
    domicile: Annotated[str, typer.Option("--domicile", help="Your country, ISO 3166-1 alpha-2.")] = "NL",
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Draft a configuration from the keys found in the environment (their names, never their values).

    Where the data folder has a record, its processes are drafted, too, each with the grader that suits its answers.
    """
    path = Path(config)
    if path.exists() and not force:
        raise OperatorError(f"{path} is there already", mend="name another file with --config, or say --force")
    _write(path, draft(os.environ, domicile))
    recorded = _recorded(load(str(path)))
    if recorded:
        _write(path, draft(os.environ, domicile, recorded))
        load(str(path))
        print(f"The graders of {', '.join(recorded)} are proposed from what is on record; the comments say why.")
    print(f"{path} is drafted. Read it through, then: switchover check, switchover up.")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as cause:
        raise OperatorError(f"{path}: {cause.strerror}", mend="choose a folder that you may write to") from cause


def _recorded(found: Settings) -> dict[str, str]:
    """The ``rehearse`` section proposed for each process that the data folder has a record of."""
    # Late: most first configurations have no store, which takes its time to import.
    if not Path(found.data_dir).exists():
        return {}
    from switchover.wiring.proposals import on_record

    try:
        proposals = on_record(found)
    except SwitchoverError as error:
        print(f"What is on record was not read: {error}")
        return {}
    return {
        name: rehearse_section(one.section, "    ", [f"Seen: {'; '.join(one.seen)}.", *_unsure(one.unsure)])
        for name, one in proposals.items()
    }


def _unsure(remarks: Sequence[str]) -> list[str]:
    return [f"Unsure: {visible(one)}." for one in remarks]
