"""The command line: one file per command, which parses, calls and prints.

Exit codes: 0 done; 1 it could not be carried out; 2 the command or the configuration is wrong; 3 carried out, and the
answer is no (a verdict that is not READY, a drill that failed, a process that would stop, an import with nothing to
take, a projection without a price, a store that is not sound, an invoice that differs, a channel that an alert
does not reach); 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from switchover import __version__
from switchover.errors import ConfigError, SwitchoverError

from .running import Command, Group

# Name → (module of this package, one line of help). Only the command that is called gets imported.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Run the whole loop on an insurer's inbox, with a simulated vendor."),
    "init": ("init", "Draft a configuration."),
    "check": ("check", "Read the configuration and say what is wrong with it."),
    "up": ("up", "Run the gateway, the keeper and the local engines."),
    "import": ("import_", "Take in exchanges that were recorded elsewhere."),
    "keys": ("keys", "Make, list, rotate and revoke caller keys."),
    "access": ("access", "Say who may act here, in which role, with which key."),
    "approvals": ("approvals", "Show what waits for a second person."),
    "approve": ("approve", "Agree to what another person asked for."),
    "decline": ("decline", "Turn down what somebody asked for."),
    "exchanges": ("exchanges", "List and show recorded exchanges."),
    "explain": ("explain", "Show what would serve a process, now or without a provider."),
    "propose-grader": ("propose_grader", "Say which grader suits a process, from the answers on record."),
    "rehearse": ("rehearse", "Replay recorded traffic on a candidate and decide whether it is good enough."),
    "label": ("label", "Look at pairs of answers, blinded, and say how good each is."),
    "adapt": ("adapt", "Find the prompt version or student that makes a candidate good enough."),
    "verdicts": ("verdicts", "List verdicts and proofs."),
    "watch": ("watch", "Probe what processes rest on, and show which rehearsals are due."),
    "accept": ("accept", "Let a candidate serve without a proof, as the owner of a process, until a day."),
    "placement": ("placement", "Show where each process should be placed and why, and what was decided."),
    "decide": ("decide", "Decide where a process is placed, as its owner, for a reason and until a review."),
    "compare": ("compare", "Show a process's candidates side by side, and where they fail."),
    "drill": ("drill", "Lose an upstream on purpose, for a while, and watch."),
    "cut": ("cut", "Cut off an upstream, a provider or a jurisdiction, really."),
    "restore": ("restore", "Lift a cut-off."),
    "report": ("report", "Answer the board's four questions."),
    "erase": ("erase", "Make what was recorded of a person, a process or a period unreadable for good."),
    "keyring": ("keyring", "Back up, rotate and list the keys of what is recorded."),
    "budget": ("budget", "Show what was spent of each budget, and how long it will last."),
    "alerts": ("alerts", "Show what people were told of budgets, and try whether it reaches them."),
    "costs": ("costs", "Show what was spent, hold invoices against it, and project what options will cost."),
    "evidence": ("evidence", "Show, sign and check the log of what happened."),
    "archive": ("archive", "Write, list, check and open finished days as Parquet files."),
    "retention": ("retention", "Delete what has had its time."),
    "export": ("export", "Write what others read without Switchover."),
    "store": ("store", "Back up, restore, rebuild and check the store."),
    "weights": ("weights", "Fetch and check the starter weights."),
    "doctor": ("doctor", "Say what is wrong and how to mend it."),
}
INTERRUPTED = 130
HIDDEN = {"worker": "children", "keeper": "children", "watcher": "children", "pages": "children"}


def build(called: str | None) -> typer.Typer:
    """The application, with only the ``called`` command imported."""
    app = typer.Typer(
        name="switchover",
        help="Know that you can switch AI models before you have to.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_options)
    for name, (module, line) in COMMANDS.items():
        if name == called:
            _add(app, name, import_module(f"{__name__}.{module}").app, line)
        else:
            app.command(name, help=line)(_elsewhere)
    if called in HIDDEN:
        app.add_typer(import_module(f"{__name__}.{HIDDEN[called]}").app, hidden=True)
    return app


def _add(app: typer.Typer, name: str, found: typer.Typer, line: str) -> None:
    """A command with commands below it, or one alone: a group would take options only before its arguments."""
    if found.registered_commands or found.registered_callback is None:
        for one in found.registered_commands:
            one.cls = Command
        app.add_typer(found, cls=Group, name=name, help=line)
    elif found.registered_callback.callback is not None:
        app.command(name, cls=Command)(found.registered_callback.callback)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"switchover {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and stop.", is_eager=True, callback=_show_version)
    ] = False,
    as_: Annotated[
        str | None,
        typer.Option("--as", metavar="FILE", help="The file with your key, if not in $SWITCHOVER_OPERATOR_KEY."),
    ] = None,
) -> None:
    """Takes the options that go before the command."""


def _elsewhere() -> None:
    """Stands for a command that was not called."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command; every error of ours becomes one clear message and a non-zero exit."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    called = _called(words)
    try:
        build(called)(words)
    except ConfigError as error:
        _fail(error, 2)
    except SwitchoverError as error:
        _fail(error, getattr(error, "exit_code", 1))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except KeyboardInterrupt:
        _fail("interrupted", INTERRUPTED)
    except SystemExit as left:
        # typer ends an interrupted command without a word.
        if left.code == INTERRUPTED:
            _fail("interrupted", INTERRUPTED)
        raise


def _called(words: Sequence[str]) -> str | None:
    """The command among the words: the first that is neither an option nor the file of ``--as``."""
    before = ""
    for word in words:
        if not word.startswith("-") and before != "--as":
            return word
        before = word
    return None


def _fail(error: object, code: int) -> None:
    print(f"switchover: {error}", file=sys.stderr)
    sys.exit(code)
