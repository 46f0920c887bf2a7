"""Demonstrations as a way to propose: recorded baseline answers, the nearest shown with each request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from switchover.domain.answer import calls_tools
from switchover.domain.candidate import PromptKind, PromptVersion
from switchover.domain.exchange import Exchange
from switchover.domain.process import DEFAULT_CONTEXT, Process, UpstreamSpec
from switchover.errors import CallerError
from switchover.prompts import ask_text, chat_request
from switchover.prompts.demonstrations import Pair, Shown, to_bytes
from switchover.trial.cases import Case, cases_of
from switchover.trial.split import Split, split

# Of 2, 4 and 6 the one that costs least: 38, 42 and 43 % right for the starter weights; docs/design/students.md.
K = 2
# Kept free for the request itself and the answer.
SHARE_OF_CONTEXT = 0.5


def pairs_of(cases: Sequence[Case]) -> list[Pair]:
    """What was asked and what the baseline answered, each text once, in order of content; no answer that calls tools.

    Such a call, shown as words, would teach to write it instead of making it.
    """
    found: dict[str, Pair] = {}
    for case in cases:
        if case.reference is not None and case.text.strip() and not calls_tools(case.reference):
            found.setdefault(case.text, Pair(case.text, case.reference))
    return list(found.values())


def propose(
    process: Process, spec: UpstreamSpec, pairs: Sequence[Pair], keep: Callable[[bytes], str], now: float
) -> PromptVersion:
    """A version that shows the ``K`` nearest of ``pairs``; ``keep`` stores the artefact and returns its name."""
    return PromptVersion.make(
        process=process.name,
        upstream=spec.name,
        kind=PromptKind.DEMONSTRATIONS,
        parameters={"k": K, "tokens": int((spec.window or DEFAULT_CONTEXT) * SHARE_OF_CONTEXT)},
        artefact=keep(to_bytes(pairs)),
        made_at=now,
    )


def anchor(process: Process, exchanges: Iterable[Exchange], *, k: int = K) -> Callable[[Exchange], str | None]:
    """The plain anchor: the vote of the ``k`` nearest recorded answers of the adaptation split, without any model.

    For a rehearsal to show beside the candidate's own score. Returns a function of an exchange; None where it has
    nothing to vote on.
    """
    shown = Shown(pairs_of(in_split(process, exchanges)[Split.ADAPTATION]))

    def vote(exchange: Exchange) -> str | None:
        try:
            ask = ask_text(chat_request(exchange))
        except (CallerError, ValueError):
            return None
        return shown.vote(ask, k) if ask.strip() and shown.pairs else None

    return vote


def in_split(process: Process, exchanges: Iterable[Exchange]) -> dict[Split, list[Case]]:
    """The baseline's own answers of a process as cases, by split: the same split as a rehearsal's."""
    slices = process.rehearse.slices if process.rehearse else ()
    cases = cases_of((exchange for exchange in exchanges if exchange.upstream == process.baseline), slices)
    return {
        part: [case for group in groups for case in group.cases if case.reference is not None]
        for part, groups in split(cases, process.name).items()
    }
