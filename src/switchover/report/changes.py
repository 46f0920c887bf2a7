"""Two reports → what changed, in words: per answer and per process. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from switchover.domain.candidate import State

from .headlines import Headlines, ProcessRow
from .model import Answer, Change, Fate, Since
from .wording import harmless, short

# From the worst to the best; what is not in a list shows nothing yet, and ranks below it.
FATES = tuple(
    map(
        str,
        (
            Fate.STOPS,
            Fate.ACCEPTED,
            Fate.FAILED,
            Fate.TOO_SLOW,
            Fate.UNTESTED,
            Fate.IN_PART,
            Fate.DRILLED,
            Fate.UNTOUCHED,
        ),
    )
)
STATES = tuple(map(str, (State.EXPIRED, State.PROVISIONAL, State.READY)))
# What got worse is read first.
READ = (False, True, None)
LONGEST_IN_WORDS = 60


def changes(before: Headlines, name: str, now: Headlines) -> Since:
    """What changed since the report ``name``, of which ``before`` was kept."""
    pairs = list(zip(before.answers, now.answers, strict=True))
    return Since(
        id=name,
        made_at=before.made_at,
        answers=tuple(_answer(was, now_is) for was, now_is in pairs),
        better=tuple(_is_better(was, now_is) for was, now_is in pairs),
        processes=tuple(_processes(before.processes, now.processes)),
    )


def _answer(was: Answer, now: Answer) -> str:
    if was.figure == now.figure:
        return f"still {now.figure}"
    if not was.known or not now.known:
        return f"was {was.figure}, is {now.figure}"
    rose = (now.value or 0.0) > (was.value or 0.0)
    return f"{'up' if rose else 'down'} from {was.figure} to {now.figure}"


def _is_better(was: Answer, now: Answer) -> bool | None:
    """Costs are better when they are lower, all else when it is higher. Unknown is worse than any figure."""
    if was.figure == now.figure:
        return None
    if not was.known or not now.known:
        return now.known
    rose = (now.value or 0.0) > (was.value or 0.0)
    return rose is (now.number != 3)


def _processes(before: Iterable[ProcessRow], now: Iterable[ProcessRow]) -> Iterable[Change]:
    was = {row.process: row for row in before}
    found = [change for row in now if (change := _process(was.pop(row.process, None), row)) is not None]
    found += [Change(process=name, words="is no process any more", better=None) for name in was]
    return sorted(found, key=lambda change: READ.index(change.better))


def _process(was: ProcessRow | None, now: ProcessRow) -> Change | None:
    if was is None:
        return Change(process=now.process, words=f"is new: {now.word}", better=None)
    said, better = list[str](), list[bool | None]()
    if was.fate != now.fate:
        said.append(f"from “{was.fate}” to “{now.fate}”")
        better.append(_rose(FATES, was.fate, now.fate))
    for name in dict.fromkeys((*was.candidates, *now.candidates)):
        before, after = was.candidates.get(name), now.candidates.get(name)
        if before != after:
            said.append(_candidate(short(name, LONGEST_IN_WORDS), before, after))
            better.append(None if before is None or after is None else _rose(STATES, before, after))
    for what, before, after in (("criticality", was.criticality, now.criticality), ("owner", was.owner, now.owner)):
        if before != after:
            said.append(f"{what} from {short(before, LONGEST_IN_WORDS)} to {short(after, LONGEST_IN_WORDS)}")
            better.append(None)
    if not said:
        return None
    return Change(process=now.process, words=harmless("; ".join(said)), better=_worst(better))


def _candidate(name: str, before: str | None, after: str | None) -> str:
    if before is None:
        return f"{name} was added as a candidate: {after}"
    return f"{name} is no candidate any more" if after is None else f"{name} from {before} to {after}"


def _rose(order: tuple[str, ...], before: str, after: str) -> bool | None:
    """None where both rank alike."""
    was, now = (order.index(found) if found in order else -1 for found in (before, after))
    return None if was == now else now > was


def _worst(found: Iterable[bool | None]) -> bool | None:
    known = [one for one in found if one is not None]
    return all(known) if known else None
