"""What a doctor looks at: configuration, keys, folder, store, weights, and what runs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from switchover.domain.process import Settings, UpstreamSpec
from switchover.errors import SwitchoverError
from switchover.upstreams.local import child_name
from switchover.upstreams.templates import digest_of, in_force, template_file
from switchover.upstreams.weights import resolve as resolve_weights

from .budget import named_budgets, standings
from .parts import open_store, read_key, read_login, references
from .running import endpoints, runs

# What other programs obey, and we do not.
PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
# Below this a busy day's record may fill the disk before anyone looks.
LOW_DISK = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; ``said`` says what is wrong and how to mend it, or that it is well."""

    what: str
    well: bool
    said: str


def examine(settings: Settings) -> list[Finding]:
    """Looks at everything; finds all faults, not only the first."""
    found = [Finding("configuration", True, settings.source)]
    for what, reference in references(settings):
        found.append(_try(what, lambda key=reference: _key(settings, key)))  # type: ignore[misc]  # bound per turn
    for name, spec in settings.upstreams.items():
        if spec.kind == "local":
            found.append(_try(f"weights of {name}", lambda one=spec: _weights(settings, one)))  # type: ignore[misc]  # as above
        if spec.is_self_hosted and spec.window is None:
            said = "not said, so that no prompt is counted before it is sent; set context to what one request may fill"
            found.append(Finding(f"context of {name}", True, said))
    found += _proxy(settings)
    if (login := settings.egress.proxy_login) is not None:
        found.append(_try("login of the proxy", lambda: _login(settings, login)))
    found.append(_try("data folder", lambda: _folder(settings)))
    found.append(_try("store", lambda: _store(settings)))
    if named_budgets(settings):
        found.append(_try("budget ledger", lambda: _ledger(settings)))
    return found + list(_running(settings))


def _try(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except (SwitchoverError, OSError) as error:
        return Finding(what, False, str(error))


def _key(settings: Settings, reference: str) -> str:
    read_key(settings, reference)
    return f"{reference} can be read"


def _proxy(settings: Settings) -> Iterator[Finding]:
    """Named where the environment has one and the configuration none; its value may hold a login and is not shown."""
    named = [name for name in PROXY_VARIABLES if os.environ.get(name)]
    if settings.egress.proxy is None and named:
        said = f"none; {named[0]} is set and not obeyed; name the proxy as egress.proxy if it is needed"
        yield Finding("proxy", True, said)


def _login(settings: Settings, reference: str) -> str:
    read_login(settings, reference)
    return f"{reference} can be read"


def _weights(settings: Settings, spec: UpstreamSpec) -> str:
    path = resolve_weights(spec.weights or "starter", settings.data_dir, os.environ)
    template = digest_of(in_force(path, template_file(spec)))
    return f"{path.name} is there, with the chat template {template}"


def _folder(settings: Settings) -> str:
    folder = Path(settings.data_dir)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    probe = folder / ".doctor"
    probe.write_bytes(b"ok")
    probe.unlink()
    free = shutil.disk_usage(folder).free
    if free < LOW_DISK:
        raise OSError(f"only {free >> 20} MiB are free in {folder}; free some space")
    return f"{folder}, {free >> 30} GiB free"


def _store(settings: Settings) -> str:
    with open_store(settings):
        return "answers, schema is the newest"


def _ledger(settings: Settings) -> str:
    told = standings(settings)
    spent = [f"{one.budget} ({one.period})" for one in told if one.is_spent]
    return f"answers; used up: {', '.join(spent)}" if spent else f"answers, {len(told)} caps"


def _running(settings: Settings) -> Iterator[Finding]:
    run = Path(settings.data_dir, "run")
    if not runs(settings):
        yield Finding("gateway", True, "not running; start it with `switchover up`")
        return
    here = endpoints(settings)
    for name, spec in settings.upstreams.items():
        if spec.is_own:
            said = (
                "its engine runs" if name in here else f"its engine does not run; see {run / f'{child_name(spec)}.log'}"
            )
            yield Finding(f"engine of {name}", name in here, said)
    try:
        keeper = json.loads((run / "keeper.json").read_bytes())
    except (OSError, ValueError):
        yield Finding("keeper", False, "says nothing; restart `switchover up`")
        return
    for part in ("store", "configuration", "evidence", "budgets"):
        yield Finding(f"keeper, {part}", keeper.get(part) == "ok", str(keeper.get(part)))
