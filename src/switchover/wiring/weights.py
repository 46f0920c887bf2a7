"""What the weights of our own engines hold: each file is hashed once for each state it is in.

What was found lies in ``run/weights.json``, by path and state. To look a file up costs a ``stat``; to hash 8 GB takes
ten seconds or more, and nobody waits for that but a rehearsal.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from switchover.clock import Clock
from switchover.domain.process import Settings, UpstreamSpec
from switchover.errors import SwitchoverError, WeightsMissing
from switchover.log import Log, OncePerChange
from switchover.store.files import write_whole
from switchover.upstreams.local import child_name, read_place
from switchover.upstreams.weights import hash_of, state_of

from .parts import lives

EVERY_S = 0.5
# Of one path: the file an engine still runs, the one in its place, and those it was taken for and put back.
MOST_STATES = 8
Known = dict[str, dict[str, str]]
_known = msgspec.json.Decoder(Known)


def weights_hashes(settings: Settings) -> dict[str, str]:
    """The SHA-256 of their weights by upstream, as far as that is known.

    An engine that runs has what it loaded, as long as its file holds the same; one that does not, what its file holds.
    A file that is gone held what it held last: a baseline that is lost stays what proofs were made against.
    """
    files = {name: spec for name, spec in settings.upstreams.items() if spec.weights_file is not None}
    known = _read(settings) if files else {}
    found = {name: _hash(settings, spec, known) for name, spec in files.items()}
    return {name: one for name, one in found.items() if one is not None}


def _hash(settings: Settings, spec: UpstreamSpec, known: Mapping[str, Mapping[str, str]]) -> str | None:
    states = known.get(spec.weights_file or "", {})
    state = _state(spec)
    there = states.get(state) if state is not None else next(reversed(list(states.values())), None)
    place = read_place(settings.data_dir, child_name(spec))
    if place is None or place.engine is None or not lives(place.pid):
        return there
    loaded = states.get(place.engine.weights)
    return loaded if state is None or loaded == there else None


def _state(spec: UpstreamSpec) -> str | None:
    try:
        return state_of(Path(spec.weights_file or ""))
    except OSError:
        return None


async def follow_weights(current: Callable[[], Settings], clock: Clock, log: Log) -> None:
    """Hashes what is new or was replaced, until it is cancelled."""
    say = OncePerChange(log)
    while True:
        settings = current()
        try:
            await learn_weights(settings, settings.upstreams.values())
            say("weights", "")
        except SwitchoverError as error:
            say("weights", "weights not read", str(error), level="error")
        await clock.sleep(EVERY_S)


async def learn_weights(settings: Settings, specs: Iterable[UpstreamSpec]) -> None:
    """Hashes, in a thread, the files of ``specs`` that are in a state nobody has read, and writes down what they hold.

    A file that changes meanwhile is left for the next time. Raises WeightsMissing for one that can't be read.
    """
    ended = threading.Event()
    for spec in specs:
        if spec.weights_file is None or (state := _state(spec)) is None:
            continue
        if state in _read(settings).get(spec.weights_file, {}):
            continue
        try:
            found = await asyncio.to_thread(hash_of, Path(spec.weights_file), ended)
        except OSError as cause:
            raise WeightsMissing(
                f"the weights of {spec.name} can't be read: {spec.weights_file} ({cause.strerror})",
                mend="make the file readable to the user that Switchover runs as",
            ) from cause
        finally:
            ended.set()
        ended = threading.Event()
        if found is not None:
            _write(settings, spec.weights_file, state, found)


def _write(settings: Settings, path: str, state: str, found: str) -> None:
    known = dict(_read(settings))
    states = {**known.get(path, {}), state: found}
    known[path] = dict(list(states.items())[-MOST_STATES:])
    _file(settings).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(_file(settings), msgspec.json.encode(known))


def _read(settings: Settings) -> Known:
    try:
        return _known.decode(_file(settings).read_bytes())
    except (OSError, msgspec.MsgspecError):
        return {}


def _file(settings: Settings) -> Path:
    return Path(settings.data_dir, "run", "weights.json")
