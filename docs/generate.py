"""Makes the reference pages from the code: the commands, the settings, the errors and the metrics.

``make docs`` writes them; ``tests/docs`` makes them again and fails when a page differs.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from switchover import cli, errors
from switchover.config import schema, values
from switchover.gateway.metric_table import METRICS, Metric
from switchover.store.archive.columns import COLUMNS, arrow_schema

HERE = Path(__file__).parent
MADE = "<!-- Made by docs/generate.py from the code. Change the code, then `make docs`. -->\n\n"


def commands() -> str:
    """The page of commands, from the Typer applications that run."""
    page = [MADE, "# Commands\n\n", "`switchover COMMAND --help` prints the same.\n\n", *_exit_codes(), *_before()]
    for name in cli.COMMANDS:
        root: Any = typer.main.get_command(cli.build(name))
        page += _command(f"switchover {name}", root.commands[name], cli.COMMANDS[name][1])
    return "".join(page)


def _exit_codes() -> Iterator[str]:
    _, _, text = (cli.__doc__ or "").partition("Exit codes: ")
    yield "## Exit codes\n\n| Code | Meaning |\n|-|-|\n"
    for row in " ".join(text.split()).rstrip(".").split("; "):
        code, _, meaning = row.partition(" ")
        yield f"| {code} | {meaning[0].upper()}{meaning[1:]}. |\n"
    yield "\n"


def _before() -> Iterator[str]:
    """The options that go before the command."""
    root: Any = typer.main.get_command(cli.build(None))
    yield "## Before the command\n\n| Name | Default | Meaning |\n|-|-|-|\n"
    for option in root.params:
        if option.name != "help":
            yield f"| `{', '.join(option.opts)}` | {_default_of(option)} | {_cell(option.help or '')} |\n"
    yield "\n"


def _command(path: str, command: Any, line: str = "", level: str = "##") -> Iterator[str]:
    """One command, then the commands below it."""
    subcommands = getattr(command, "commands", {})
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help" and not p.hidden]
    more = " ".join((command.help or "").split())
    yield f"{level} `{path}`\n\n{line or more}\n\n"
    if line and more and more != line:
        yield f"{more}\n\n"
    if not subcommands:
        shape = "".join(f" {_argument(p)}" for p in arguments)
        yield f"```text\n{path}{shape}{' [OPTIONS]' if options else ''}\n```\n\n"
    if arguments or options:
        yield "| Name | Default | Meaning |\n|-|-|-|\n"
    for parameter in (*arguments, *options):
        names = _argument(parameter) if parameter in arguments else ", ".join(parameter.opts)
        yield f"| `{names}` | {_default_of(parameter)} | {_cell(parameter.help or '')} |\n"
    if arguments or options:
        yield "\n"
    for name, below in subcommands.items():
        yield from _command(f"{path} {name}", below, level=level + "#")


def _argument(parameter: Any) -> str:
    name = str(parameter.name).upper().replace("_", "-")
    return name if parameter.required else f"[{name}]"


def _default_of(parameter: Any) -> str:
    if parameter.required:
        return "required"
    default = "" if parameter.default in (None, False, (), []) else f"`{parameter.default}`"
    return f"{default}{' or ' if default else ''}`${parameter.envvar}`" if parameter.envvar else default


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def settings() -> str:
    """The page of settings, from the descriptions in ``config/schema.py``."""
    page = [
        MADE,
        "# Settings\n\n",
        "`switchover.yaml` has the sections below; `NAME` stands for a name you choose. An unknown name is an error, "
        "and an invalid file is refused with its line while the one before stays in force.\n\n"
        "A duration is a number with `ms`, `s`, `m`, `h` or `d`, such as `5m`. `switchover check` reads the file and "
        "says what is wrong with it.\n\n",
    ]
    whole = _section(schema.ConfigurationFile, "", "The whole file")
    return "".join((*page, *whole, *_section(schema.AssumptionsFile, "", "The file of assumptions")))


def setting_names() -> list[str]:
    """Every setting by its full name, as the headings show it."""
    files = (schema.ConfigurationFile, schema.AssumptionsFile)
    return [name for file in files for name, _ in _walk(file, "")]


def _walk(section: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in section.model_fields.items():
        full = f"{prefix}{field.alias or name}"
        yield full, field
        below, many = _below(field.annotation)
        if below is not None:
            yield from _walk(below, f"{full}.NAME." if many else f"{full}.")


def _section(section: type[BaseModel], prefix: str, title: str) -> Iterator[str]:
    """A section's own settings, then the sections in it."""
    yield f"## {title}\n\n{' '.join((section.__doc__ or '').split())}\n\n"
    within = []
    for name, field in section.model_fields.items():
        full = f"{prefix}{field.alias or name}"
        below, many = _below(field.annotation)
        yield f"### `{full}`\n\n{field.description}\n\n- {_meaning(field)}\n- {_default(field, below)}\n\n"
        if below is not None:
            within.append((below, f"{full}.NAME" if many else full))
    for below, full in within:
        yield from _section(below, f"{full}.", f"`{full}`")


def _parts(annotation: Any) -> Iterator[Any]:
    """A type and whatever it is made of."""
    yield annotation
    for part in typing.get_args(annotation):
        if not isinstance(part, str):
            yield from _parts(part)


def _below(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The section a setting holds, if any, and whether it holds many by name."""
    for part in _parts(annotation):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part, typing.get_origin(annotation) is dict
    return None, False


def _meaning(field: FieldInfo) -> str:
    below, many = _below(field.annotation)
    if below is not None:
        return "Kind: sections by name." if many else "Kind: a section."
    kind = _kind(field.annotation, field.metadata)
    limits = [
        f"{words} {getattr(limit, attribute):g}"
        for limit in field.metadata
        for attribute, words in (("gt", "above"), ("ge", "at least"), ("lt", "below"), ("le", "at most"))
        if getattr(limit, attribute, None) is not None
    ]
    if kind == "a duration":
        return "Kind: a duration."
    return f"Kind: {', '.join((kind, *limits))}."


def _kind(annotation: Any, metadata: list[Any]) -> str:
    pattern = next((m.pattern for m in metadata if getattr(m, "pattern", None)), None)
    if any(getattr(m, "func", None) is values.seconds for m in metadata):
        return "a duration"
    if any(getattr(m, "func", None) is values.micro_usd for m in metadata):
        return "an amount, such as `500 USD`"
    if pattern is not None:
        return values.PATTERN_MEANS.get(pattern, "`env:NAME` or `file:PATH`")
    origin = typing.get_origin(annotation)
    inner = [part for part in typing.get_args(annotation) if part is not type(None)]
    if origin is typing.Annotated:
        return _kind(inner[0], _flat(inner[1:]))
    if origin is Literal:
        return "one of " + ", ".join(f"`{choice}`" for choice in inner)
    if origin in (typing.Union, types.UnionType):
        return _kind(inner[0], metadata)
    if origin is dict:
        return "values by name"
    if origin is tuple:
        return "a list"
    return {bool: "`true` or `false`", int: "a whole number", float: "a number"}.get(annotation, "text")


def _flat(metadata: list[Any]) -> list[Any]:
    return [inner for m in metadata for inner in (m.metadata if isinstance(m, FieldInfo) else [m])]


def _default(field: FieldInfo, below: type[BaseModel] | None) -> str:
    value = field.default
    if field.is_required():
        return "Required."
    if below is not None or value in (None, ()) or value is PydanticUndefined:
        return "Optional."
    if _kind(field.annotation, field.metadata) == "a duration":
        return f"Default: `{_duration(value)}`."
    return f"Default: `{str(value).lower() if isinstance(value, bool) else value}`."


def _duration(seconds: float) -> str:
    for unit in ("d", "h", "m"):
        size = values.SECONDS[unit]
        if seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def error_page() -> str:
    """The page of errors, from the classes in ``errors.py``."""
    tree = (errors.__doc__ or "").partition("\n\n")[2].strip()
    page = [
        MADE,
        "# Errors\n\n",
        "Each class says what happens next. A command prints one message with what to do about it; a caller gets the "
        "status and code below, in the caller's own dialect, with the exchange's id. A provider's own 401, 403 or 404 "
        "is never passed on: the caller's key and route are fine.\n\n",
        f"```text\n{tree}\n```\n\n",
    ]
    return "".join((*page, *(line for cls in error_classes() for line in _error(cls))))


def error_classes(root: type[BaseException] = errors.SwitchoverError) -> Iterator[type[BaseException]]:
    """Every class of the tree in ``errors.py``, top first; what else is imported by now makes no difference."""
    yield root
    for below in root.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from error_classes(below)


def _error(cls: Any) -> Iterator[str]:
    yield f"## `{cls.__name__}`\n\n{' '.join((cls.__doc__ or '').replace('``', '`').split())}\n\n"
    if hasattr(cls, "http_status"):
        yield f"- A caller sees: `{cls.http_status} {cls.code}`\n"
    if hasattr(cls, "fault"):
        yield f"- Fault in the catalogue: `{cls.fault}`\n"
        yield f"- Breaker: {_breaker(cls)}\n- Then: {_then(cls)}\n"
    if issubclass(cls, errors.ConfigError):
        yield "- Exit code: 2\n"
    elif issubclass(cls, errors.OperatorError):
        yield f"- Exit code: {cls.exit_code}\n"
    yield "\n"


def _breaker(cls: type[errors.UpstreamError]) -> str:
    scope = cls.breaker_scope
    return {
        "none": "left alone",
        "count": f"one failure of the {scope}",
        "slow": f"one slow call of the {scope}",
        "trip": f"opens for the {scope} at once",
        "hold": f"opens for the {scope} and stays so until someone restores it",
    }[cls.breaker_effect]


def _then(cls: type[errors.UpstreamError]) -> str:
    if cls.stops:
        return "stop; the caller is told why"
    return "one more try, then the next attempt" if cls.retry == "once" else "the next attempt of the plan"


def metrics() -> str:
    """The page of metrics, from the table in ``gateway/metric_table.py``."""
    by_bounds: dict[tuple[float, ...], list[str]] = {}
    for metric in METRICS.values():
        if metric.kind == "histogram":
            by_bounds.setdefault(metric.bounds, []).append(f"`{metric.name}`")
    return "".join(
        (
            MADE,
            "# Metrics\n\n",
            "`GET /metrics` answers in Prometheus' text format, 0.0.4, without a key. Counters begin at 0 when a "
            "worker does. [How to watch it, and what to ask](../how-to/observe.md).\n\n",
            "Each value also has the label `worker`. No label ever holds a caller's text: processes and upstreams are "
            "those of the configuration, dialects, outcomes, scopes and faults those of the program.\n\n",
            *(_metric(metric) for metric in METRICS.values()),
            "## Buckets, in seconds\n\n",
            *(
                f"- {', '.join(names)}: {', '.join(f'{bound:g}' for bound in bounds)}, +Inf.\n"
                for bounds, names in by_bounds.items()
            ),
        )
    )


def _metric(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return (
        f"## `{metric.name}`\n\n{metric.says}\n\n"
        f"- A {metric.kind}; unit: {metric.unit}.\n"
        f"{f'- Labels: {labels}.{chr(10)}' if labels else ''}"
        f"- When to worry: {metric.worry}\n\n"
    )


def archive() -> str:
    """The page of the archive: the columns, from ``store/archive/columns.py``, and what stands above and below them."""
    frame = (HERE / "reference" / "archive.in.md").read_text(encoding="utf-8")
    types = {field.name: str(field.type) for field in arrow_schema()}
    rows = ["| Column | Arrow type | May be null | What it says |", "|-|-|-|-|"]
    for column in COLUMNS:
        null = "no" if column.always else "yes"
        rows.append(f"| `{column.name}` | `{_cell(types[column.name])}` | {null} | {_cell(column.says)} |")
    table = "\n".join(rows)
    return MADE + frame.replace("{{columns}}", table)


PAGES: dict[str, Callable[[], str]] = {
    "reference/commands.md": commands,
    "reference/settings.md": settings,
    "reference/errors.md": error_page,
    "reference/metrics.md": metrics,
    "reference/archive.md": archive,
}


def main() -> None:
    """Writes every generated page."""
    for path, make in PAGES.items():
        (HERE / path).write_text(make().rstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
