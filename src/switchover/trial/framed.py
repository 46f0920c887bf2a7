"""The frames of a whole record by name, so that a replay counts for the traffic that was asked in its frame.

Which pieces stand, what is a core and from when on two are alike is said in ``frames.py``. A record is split as long as
its parts differ in what is their own: first by their cores, then by what they have beside the core of all. A part that
less than a tenth is like is not told from the others of its kind: quoted documents come in ever other combinations.
A frame is named by the pieces that half of its requests share, so that it keeps its name while the record moves on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from switchover.domain.candidate import digest

from .copies import ALIKE
from .frames import CORE, FEWEST, SHARE, Pieces

# Of a record with more pieces, in all its different frames together, every second one is looked at, or fourth, …: so
# that a hundred thousand prompts that quote documents take 300 MB at most.
MOST = 8_000_000
# No more parts than twice as many as can be a tenth.
LEADERS = round(2 / SHARE)

Row = npt.NDArray[np.int64]
Group = list[int]


def framed(record: Iterable[Pieces]) -> list[str]:
    """The name of each request's frame (16 hex digits; "" for one without), for requests in order of time."""
    rows, places, bare = _gathered(record)
    times = np.bincount(np.array(places, dtype=np.int64), minlength=len(rows))
    pieces, rows = _common(rows, times)
    found: list[tuple[frozenset[int], Group]] = []
    groups = [[number for number in range(len(rows)) if number != bare]]
    while groups:
        group = groups.pop()
        if not group:
            continue
        parts, core = _split(group, rows, times, len(pieces))
        if len(parts) > 1:
            groups += parts
        else:
            found.append((frozenset(np.flatnonzero(core).tolist()), group))
    names = [""] * len(rows)
    for core_of_all, group in _merged(found, times):
        name = digest(pieces[sorted(core_of_all)].tolist())
        for number in group:
            names[number] = name
    return [names[place] for place in places]


def _merged(found: Iterable[tuple[frozenset[int], Group]], times: Row) -> list[tuple[frozenset[int], Group]]:
    """Parts with like cores together, by the core of the largest: a date that is in half of them splits no frame."""
    merged: list[tuple[frozenset[int], Group]] = []
    for core, group in sorted(found, key=lambda part: (-int(times[part[1]].sum()), min(part[1]))):
        like = next((inside for leader, inside in merged if _resemble(core, leader)), None)
        if like is None:
            merged.append((core, list(group)))
        else:
            like += group
    return merged


def _gathered(record: Iterable[Pieces]) -> tuple[list[Row], list[int], int | None]:
    """The different frames as sorted pieces, for each request the place of its own, and the place of the empty one."""
    rows, places, known = list[Row](), list[int](), dict[bytes, int]()
    held, every, bare = 0, 1, None
    for one in record:
        row = np.sort(np.fromiter(one, dtype=np.int64, count=len(one)))
        key = hashlib.blake2b(row.tobytes(), digest_size=16).digest()
        if key not in known:
            known[key] = len(rows)
            bare = bare if one else len(rows)
            rows.append(row[row % every == 0].astype(np.uint32))
            held += len(rows[-1])
        places.append(known[key])
        while held > MOST:
            every *= 2
            rows = [row[row % every == 0] for row in rows]
            held = sum(map(len, rows))
    return rows, places, bare


def _common(rows: Sequence[Row], times: Row) -> tuple[Row, list[Row]]:
    """The pieces that can stand at all, and each frame as places among these."""
    if not rows:
        return np.zeros(0, dtype=np.int64), []
    pieces, counts = _counted(rows, times)
    pieces = pieces[counts >= FEWEST]
    found = []
    for row in rows:
        place = np.searchsorted(pieces, row)
        is_in = place < len(pieces)
        is_in[is_in] = pieces[place[is_in]] == row[is_in]
        found.append(place[is_in])
    return pieces, found


def _counted(rows: Sequence[Row], times: Row) -> tuple[Row, Row]:
    every, where = np.unique(np.concatenate(rows), return_inverse=True)
    return every, np.bincount(where, np.repeat(times, [len(row) for row in rows]), minlength=len(every))


def _split(group: Group, rows: Sequence[Row], times: Row, size: int) -> tuple[list[Group], npt.NDArray[np.bool_]]:
    """The parts of a group, itself where it has none; and which pieces are its core."""
    own, weight = [rows[number] for number in group], times[group]
    many = int(weight.sum())
    least = max(FEWEST, SHARE * many)
    counts = np.bincount(np.concatenate(own), np.repeat(weight, [len(row) for row in own]), minlength=size)
    counts[counts < least] = 0
    core = counts >= max(CORE * many, 1)

    def own_core(row: Row) -> Row:
        found: Row = row[counts[row] >= max(CORE * counts[row].max(initial=0), 1)]
        return found

    def beside(row: Row) -> Row:
        shared = core[row]
        return np.sort(np.concatenate([row[shared], own_core(row[~shared])]))

    ways: tuple[Callable[[Row], Row], ...] = (own_core, beside)
    for way in ways:
        parts = _alike({number: way(rows[number]) for number in group}, times, least)
        if len(parts) > 1:
            return parts, core
    return [group], core


def _alike(keys: dict[int, Row], times: Row, least: float) -> list[Group]:
    """Those with like keys together; what so few are like that it does not stand is one part together."""
    members: dict[bytes, Group] = {}
    for number, row in keys.items():
        members.setdefault(row.tobytes(), []).append(number)
    sets = {key: frozenset(keys[inside[0]].tolist()) for key, inside in members.items()}
    many = {key: int(times[inside].sum()) for key, inside in members.items()}
    commonest = sorted(members, key=lambda key: -many[key])[:LEADERS]
    leaders: list[frozenset[int]] = []
    for key in commonest:
        if not any(_resemble(sets[key], leader) for leader in leaders):
            leaders.append(sets[key])
    parts: list[Group] = [[] for _ in range(len(leaders) + 1)]
    for key, inside in members.items():
        parts[next((n for n, one in enumerate(leaders) if _resemble(sets[key], one)), len(leaders))] += inside
    stand = [part for part in parts[:-1] if int(times[part].sum()) >= least]
    others = [number for part in parts if not any(part is one for one in stand) for number in part]
    return [part for part in (*stand, sorted(others)) if part]


def _resemble(one: frozenset[int], other: frozenset[int]) -> bool:
    if not one or not other:
        return not one and not other
    return len(one & other) >= ALIKE * max(len(one), len(other))
