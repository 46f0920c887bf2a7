"""Which chat template each of our own engines and servers runs: the settings as they are seen to be."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from switchover.clock import Clock
from switchover.domain.process import Settings, UpstreamSpec
from switchover.egress import Client
from switchover.errors import StoreUnavailable, SwitchoverError
from switchover.log import Log
from switchover.probes.chat_template import ask_template
from switchover.store.files import write_whole
from switchover.upstreams.local import child_name, read_place
from switchover.upstreams.templates import configured

from .parts import lives, read_key

# Within the time in which a breaker would be probed again.
EVERY_S = 10.0
_told = msgspec.json.Decoder(dict[str, str])
# The template that each engine was last seen to run.
_ran: dict[tuple[str, str], str] = {}


def with_templates(settings: Settings, *, idle: bool = False) -> Settings:
    """The settings, each upstream with the digest of the template it runs; ``idle``: or would run if it were started.

    Servers that are reached by their address have what they last told, see :func:`follow_templates`.
    """
    seen = templates(settings, idle=idle)
    upstreams = {name: replace(spec, template=seen[name]) for name, spec in settings.upstreams.items() if name in seen}
    return replace(settings, upstreams={**settings.upstreams, **upstreams}) if upstreams else settings


def templates(settings: Settings, *, idle: bool = False) -> dict[str, str]:
    """The digests by upstream, as far as they are known."""
    found = {}
    if any(map(_tells, settings.upstreams.values())):
        found = {name: one for name, one in _last_told(settings).items() if name in settings.upstreams}
    baselines = {process.baseline for process in settings.processes.values()}
    for name, spec in settings.upstreams.items():
        if spec.kind != "local":
            continue
        place = read_place(settings.data_dir, child_name(spec))
        if place is not None and place.engine is not None and lives(place.pid):
            found[name] = _ran[settings.data_dir, name] = place.engine.template
        elif idle and (digest := configured(spec, settings.data_dir, os.environ)) is not None:
            found[name] = digest
        elif name in baselines and (kept := _kept(settings, spec)) is not None:
            found[name] = kept
    return found


def _kept(settings: Settings, spec: UpstreamSpec) -> str | None:
    """What a baseline's engine ran last, or would run: lost, it stays what proofs were made against."""
    place = settings.data_dir, spec.name
    if place not in _ran and (digest := configured(spec, settings.data_dir, os.environ)) is not None:
        _ran[place] = digest
    return _ran.get(place)


async def follow_templates(current: Callable[[], Settings], client: Client, clock: Clock, log: Log) -> None:
    """Asks the servers that are reached by their address, every 10 s, until it is cancelled."""
    while True:
        settings = current()
        if any(map(_tells, settings.upstreams.values())):
            try:
                await learn_templates(settings, settings.upstreams.values(), client)
            except StoreUnavailable as error:
                log("chat templates not written", level="error", detail=str(error))
        await clock.sleep(EVERY_S)


async def learn_templates(settings: Settings, specs: Iterable[UpstreamSpec], client: Client) -> None:
    """Asks those of ``specs`` that are servers of ours at an address, and writes down what they tell.

    A server that can't be asked keeps what it told last: whether it answers is the breaker's affair.
    """
    asked = [spec for spec in specs if _tells(spec)]
    answers = await asyncio.gather(*(_ask(settings, spec, client) for spec in asked))
    before = _last_told(settings)
    after = dict(before)
    for spec, (was_asked, digest) in zip(asked, answers, strict=True):
        if not was_asked:
            continue
        if digest is None:
            after.pop(spec.name, None)
        else:
            after[spec.name] = digest
    if after != before:
        _file(settings).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(_file(settings), msgspec.json.encode(after))


async def _ask(settings: Settings, spec: UpstreamSpec, client: Client) -> tuple[bool, str | None]:
    try:
        return True, await ask_template(spec, read_key(settings, spec.key) if spec.key else None, client)
    except SwitchoverError:
        return False, None


def _tells(spec: UpstreamSpec) -> bool:
    return spec.is_self_hosted and spec.kind != "local"


def _last_told(settings: Settings) -> Mapping[str, str]:
    try:
        return _told.decode(_file(settings).read_bytes())
    except (OSError, msgspec.MsgspecError):
        return {}


def _file(settings: Settings) -> Path:
    return Path(settings.data_dir, "run", "templates.json")
