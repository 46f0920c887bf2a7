"""What recorded answers look like, and which grader suits them: a proposal to read and edit, with its reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from switchover.domain.answer import read_text
from switchover.graders.fields import parse
from switchover.graders.refusals import refuses
from switchover.graders.source import all_of
from switchover.graders.words import normalise, tokens

from .cases import Case
from .json_shape import NEARLY_ALL, copied_of, fractions_of, keys_of, schema_of

# Answers that call tools where some do: the others are compared by their words.
SOME_CALL = 0.2
# A closed set: few enough to list, and each answer of it seen often.
MOST_LABELS, SEEN_EACH, LABEL_WORDS = 100, 8, 5
# One that is rarer may be a slip of the model's.
RARE = 0.005
SHORT_WORDS = 8
FROM_REQUEST = 0.8
FEWEST = 50


@dataclass(frozen=True, slots=True)
class Proposal:
    """A drafted ``rehearse`` section (without the margin) with what was ``seen`` and what it is ``unsure`` about.

    ``of`` counts the recorded answers that were looked at; with none the section is empty.
    """

    of: int
    section: Mapping[str, Any]
    seen: tuple[str, ...]
    unsure: tuple[str, ...]


@dataclass(slots=True)
class _Answers:
    """What is counted: words by answer, the requests beside them, parsed JSON, and calls."""

    words: list[str] = field(default_factory=list)
    requests: list[Mapping[str, Any]] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    calling: int = 0

    @property
    def all(self) -> int:
        return len(self.words) + self.calling


def propose(cases: Sequence[Case]) -> Proposal:
    """The grader that suits the recorded answers of these cases."""
    answers = _read(cases)
    if not answers.all:
        return Proposal(0, {}, (), ("no answer is on record that says or calls anything",))
    seen, unsure = [f"{answers.all} recorded answers"], []
    if answers.all < FEWEST:
        unsure.append(f"{answers.all} answers show little: look again when {FEWEST} are on record")
    declined = sum(map(refuses, answers.words))
    if declined:
        unsure.append(
            f"{_share(declined, answers.all)} of the answers refuse; with `checks: {{no_refusal: true}}` such a "
            "recorded answer leaves its case ungraded"
        )
    section = next(found for suits in _RULES if (found := suits(answers, seen, unsure)) is not None)
    return Proposal(answers.all, section, tuple(seen), tuple(unsure))


def _read(cases: Sequence[Case]) -> _Answers:
    answers = _Answers()
    for case in cases:
        words, calls = read_text(case.reference or "")
        if calls:
            answers.calling += 1
        elif words.strip():
            answers.words.append(words)
            answers.requests.append(case.request)
            answers.values.append(parse(words))
    return answers


def _tool_calls(answers: _Answers, seen: list[str], unsure: list[str]) -> dict[str, Any] | None:
    if answers.calling < SOME_CALL * answers.all:
        return None
    seen.append(f"{_share(answers.calling, answers.all)} call tools")
    unsure.append("whether the order of calls matters: `order: strict` if it does")
    if answers.words:
        unsure.append(f"{_share(len(answers.words), answers.all)} call no tool; their words are compared by token F1")
    return {"grader": "tool_calls"}


def _json_fields(answers: _Answers, seen: list[str], unsure: list[str]) -> dict[str, Any] | None:
    values = [value for value in answers.values if value]
    if len(values) < NEARLY_ALL * answers.all:
        if len(values) > answers.all / 2:
            unsure.append(f"{_share(len(values), answers.all)} are JSON; the others would be ungraded, so not proposed")
        return None
    seen.append(f"{_share(len(values), answers.all)} are JSON objects or lists")
    section: dict[str, Any] = {"grader": "json_fields"}
    pairs = [(value, request) for value, request in zip(answers.values, answers.requests, strict=True) if value]
    if keys := keys_of(values):
        section["keys"] = keys
        unsure.append(f"whether items of {', '.join(keys)} may come in any order, as `keys` lets them")
    if schema := schema_of(pairs):
        section["schema"] = schema
        seen.append("the requests ask for one JSON schema, and the answers keep it")
    if copied := copied_of(pairs):
        section["must_match"] = copied
        unsure.append(f"whether {', '.join(copied)} must agree: copied from the request, and a wrong one is costly")
    else:
        unsure.append("whether a field has to agree for an answer to be worth anything: name it under `must_match`")
    if fractions := fractions_of(values):
        unsure.append(f"which difference of {', '.join(fractions)} is accepted: `tolerance: {{{fractions[0]}: 0.01}}`")
    return section


def _label(answers: _Answers, seen: list[str], unsure: list[str]) -> dict[str, Any] | None:
    counts = Counter(map(normalise, answers.words))
    common = {name: count for name, count in counts.items() if count >= max(2, RARE * len(answers.words))}
    covered = sum(common.values())
    if not 2 <= len(common) <= MOST_LABELS or covered < NEARLY_ALL * answers.all or len(common) * SEEN_EACH > covered:
        return None
    spelt: dict[str, Counter[str]] = {}
    for words in answers.words:
        spelt.setdefault(normalise(words), Counter())[words.strip()] += 1
    # Answers that only signs tell apart, such as 1 and -1, would be one label.
    if any(not name or len({tuple(tokens(words)) for words in spelt[name]}) > 1 for name in common):
        return None
    labels = [spelt[name].most_common(1)[0][0] for name in sorted(common, key=lambda name: (-common[name], name))]
    if max(len(label.split()) for label in labels) > LABEL_WORDS:
        return None
    seen.append(f"{len(labels)} answers make up {_share(covered, answers.all)}: a closed set")
    if len(counts) > len(common):
        unsure.append(f"{len(counts) - len(common)} rare answers are left out: labels of their own, aliases, or slips?")
    unsure.append("whether other answers are allowed: a label that nobody recorded is missing here")
    return {"grader": "label", "labels": labels}


def _exact(answers: _Answers, seen: list[str], unsure: list[str]) -> dict[str, Any] | None:
    short = sum(len(words.split()) <= SHORT_WORDS and "\n" not in words.strip() for words in answers.words)
    if short < NEARLY_ALL * answers.all:
        return None
    seen.append(f"{_share(short, answers.all)} have {SHORT_WORDS} words at most")
    unsure.append("whether two spellings mean the same: name them under `aliases`, or compare by `text`")
    if any(words[:1].isdecimal() for words in answers.words):
        unsure.append("whether numbers have a decimal comma: `decimal: ','`")
    return {"grader": "exact"}


def _text(answers: _Answers, seen: list[str], unsure: list[str]) -> dict[str, Any] | None:
    pairs = zip(answers.words, answers.requests, strict=True)
    copied = sum(f" {normalise(words)} " in f" {normalise(all_of(request))} " for words, request in pairs)
    if copied < FROM_REQUEST * answers.all:
        return None
    seen.append(f"{_share(copied, answers.all)} stand in the request as they are: extracted text")
    unsure.append("how much of a span has to be right: `accept: 0.8` counts it from there on, and not at all below")
    return {"grader": "text"}


def _free(answers: _Answers, seen: list[str], unsure: list[str]) -> dict[str, Any]:
    words = sorted(len(one.split()) for one in answers.words)
    seen.append(f"free text, {words[len(words) // 2]} words in the middle")
    unsure.append(
        "checks say nothing of whether an answer is right: that takes a judge (`grader: rubric`, with "
        "`judge: UPSTREAM` of a third family, set right by labels), a hook of yours, or people (`grader: human`)"
    )
    return {"grader": "checks", "checks": {"no_refusal": True, "language": "request"}}


_RULES: tuple[Callable[[_Answers, list[str], list[str]], dict[str, Any] | None], ...] = (
    _tool_calls,
    _json_fields,
    _label,
    _exact,
    _text,
    _free,
)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}"
