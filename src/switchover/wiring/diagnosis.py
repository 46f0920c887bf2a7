"""What a doctor looks at: configuration, keys, folder, store, weights, and what runs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from switchover.domain.alert import DeliveryState
from switchover.domain.budget import has_budgets
from switchover.domain.people import PersonKey
from switchover.domain.process import Settings, UpstreamSpec
from switchover.domain.register import CallerKey
from switchover.domain.watching import OrderState
from switchover.errors import StoreUnavailable, SwitchoverError
from switchover.privacy import presidio
from switchover.store.alerts import undelivered
from switchover.store.due_orders import due_orders
from switchover.store.exchanges import newest_keys
from switchover.store.gaps import missing
from switchover.store.watching import failing_since, newest_probes
from switchover.upstreams.local import child_name
from switchover.upstreams.templates import digest_of, in_force, template_file
from switchover.upstreams.weights import resolve as resolve_weights
from switchover.watch import retirements

from . import access, register
from .budget import standings, without_key
from .parts import CLOCK, open_store, read_key, read_login, references, ring_of
from .running import endpoints, runs

# What other programs obey, and we do not.
PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
# Below this a busy day's record may fill the disk before anyone looks.
LOW_DISK = 1 << 30
# What is missing from the record is old after a day: nothing brings it back.
RECENT_S = 86_400.0
# So long before a key's end an organisation wants to know.
SOON_S = 14 * 86_400.0
# Alerts that never came are old after a week.
LOST_S = 7 * 86_400.0


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
    found += _privacy(settings)
    if (login := settings.egress.proxy_login) is not None:
        found.append(_try("login of the proxy", lambda: _login(settings, login)))
    found.append(_try("data folder", lambda: _folder(settings)))
    found.append(_try("store", lambda: _store(settings)))
    found.append(_try("key ring", lambda: _ring(settings)))
    found.append(_try("record", lambda: _record(settings)))
    if found[-1].well:
        found += _watch(settings)
        found += _access(settings)
        found += _alerts(settings)
    if has_budgets(settings):
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


def _privacy(settings: Settings) -> Iterator[Finding]:
    """Whether what is to find personal data is there: without it everything counts as the most sensitive."""
    languages = settings.privacy.presidio
    if languages:
        lacking = presidio.missing(languages)
        said = f"reads {', '.join(languages)}"
        if lacking:
            said = f"{', '.join(lacking)} can't be found, so that every request counts as secret and none is redacted; "
            said += "install switchover[presidio] and the models, or leave privacy.presidio out"
        yield Finding("presidio", not lacking, said)


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


def _ring(settings: Settings) -> str:
    with open_store(settings) as store, closing(ring_of(settings)) as ring:
        ring.look()
        newest = newest_keys(store)
        unknown = [key for key in newest if not ring.file.knows(key)]
        if unknown:
            raise StoreUnavailable(
                f"it lacks {len(unknown)} of the {len(newest)} keys of the newest records, which can't be read",
                mend="restore it from its backup: switchover keyring restore FROM",
            )
        return f"{len(ring.file.rows())} keys under the master key that is there; keep it apart: keyring backup"


def _record(settings: Settings) -> str:
    with open_store(settings) as store:
        found = missing(store)
    said = "; ".join(map(str, found))
    if any(CLOCK.now() - one.last < RECENT_S for one in found):
        raise OSError(f"missing, some of it since yesterday: {said}; see that the disk of {settings.data_dir} has room")
    return f"missing: {said}" if found else "nothing is known to be missing"


def _access(settings: Settings) -> Iterator[Finding]:
    """Who may act, and keys that end soon and were not replaced."""
    people, keys = access.people(settings)
    named = {person.id: person.name for person in people if person.revoked_at is None}
    said = f"{len(named)} known" if named else "nobody is known, so whoever runs commands here may do everything"
    yield Finding("people", True, said)
    ending: list[tuple[str, CallerKey | PersonKey, str]] = [
        *((f"key {key.id} of {key.process}", key, f"keys rotate {key.id}") for key in register.keys(settings)),
        *((f"key of {named[key.person]}", key, "access rotate") for key in keys if key.person in named),
    ]
    now = CLOCK.now()
    for what, key, mend in ending:
        if key.revoked_at is None and key.expires_at is not None and now < key.expires_at <= now + SOON_S:
            day = datetime.fromtimestamp(key.expires_at, UTC).date()
            yield Finding(what, False, f"expires on {day}; replace it: switchover {mend}")


def _watch(settings: Settings) -> Iterator[Finding]:
    """What the daily round last found of upstreams and retirements, and rehearsals that nobody tries any more."""
    now = CLOCK.now()
    with open_store(settings) as store:
        probes = newest_probes(store)
        retiring = retirements.ahead(settings, store, now)
        given_up = [one for one in due_orders(store) if one.state is OrderState.GIVEN_UP and one.tries]
        since = {name: failing_since(store, name) for name in probes}
    for name in settings.upstreams:
        probe = probes.get(name)
        if probe is not None and probe.failed is not None:
            day = datetime.fromtimestamp(since[name] or probe.at, UTC).date()
            said = f"fails since {day} in its {probe.failed}: {probe.said}; mend it, then: switchover watch run"
            yield Finding(f"probe of {name}", False, said)
    for one in retiring:
        mend = "" if one.well else "; rehearse a fallback, or add one"
        yield Finding(f"retirement, {one.about}", one.well, one.said + mend)
    for order in given_up:
        if order.done_at is not None and now - order.done_at < RECENT_S and order.process in settings.processes:
            said = f"given up after {order.tries} tries: {order.trouble}"
            yield Finding(f"due rehearsal of {order.candidate} for {order.process}", False, said)


def _alerts(settings: Settings) -> Iterator[Finding]:
    """What each channel could not be told lately, and budgets of keys that nobody has."""
    with open_store(settings) as store:
        tried = undelivered(store)
    now = CLOCK.now()
    for name in settings.alerts.names:
        waiting = [way for _, way in tried if way.channel == name and way.state is DeliveryState.WAITING]
        lost = [
            way
            for _, way in tried
            if way.channel == name and way.state is DeliveryState.GIVEN_UP and now - (way.done_at or now) < LOST_S
        ]
        said = "all of them were delivered"
        if waiting or lost:
            last = (waiting or lost)[-1]
            said = f"{len(waiting)} wait and {len(lost)} were given up; the last try: {last.trouble}; "
            said += "mend it, then: switchover alerts test"
        yield Finding(f"alerts by {name}", not waiting and not lost, said)
    for name, said in without_key(settings).items():
        yield Finding(f"budget of key {name}", False, said)


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
