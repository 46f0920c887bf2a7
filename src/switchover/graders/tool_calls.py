"""Agreement of tool calls: which tools are called, with which arguments, in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from switchover.domain.answer import ToolCall, read_text
from switchover.domain.ports import Question, Score

from .alike import token_f1
from .fields import Rules, compare
from .leaves import agree
from .words import tokens

# More than any answer of use; matching calls takes the product of both numbers.
MOST_CALLS = 64


class ToolCalls:
    """Scores the share of calls that agree: the same tool, and all of its arguments that count.

    Order: ``strict`` compares them one by one, ``any`` whatever their order, and ``subset`` also leaves out of account
    what the answer calls beyond the recorded calls. Words beside calls are commentary and not compared. Where the
    recorded answer calls nothing, its words are compared instead, and an answer that calls a tool scores 0.
    """

    name = "tool_calls"
    by_merit = False

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._rules = Rules.of(settings)
        self._order: str = settings.get("order", "any")

    async def score(self, answer: str | None, question: Question) -> Score:
        """0–1; ungraded when the recorded answer calls as nobody could, or neither says nor calls anything."""
        words, wanted = read_text(question.reference or "")
        tools = _tools(question.request)
        if wrong := _wrong(wanted, tools):
            return Score(None, f"the recorded answer calls {wrong}")
        if not wanted and not tokens(words):
            return Score(None, "the recorded answer neither says nor calls anything")
        if answer is None:
            return Score(0.0, "no answer")
        said, got = read_text(answer)
        if wrong := _wrong(got, tools):
            return Score(0.0, f"calls {wrong}")
        if not wanted:
            return Score(0.0, "calls a tool unasked") if got else Score(token_f1(tokens(said), tokens(words)))
        if not got:
            return Score(0.0, "calls no tool")
        same = self._in_order(got, wanted) if self._order == "strict" else self._in_any_order(got, wanted)
        of = len(wanted) if self._order == "subset" else max(len(got), len(wanted))
        return Score(same / of, "" if same == of else f"{of - same} of {of} calls differ")

    def _in_order(self, got: Sequence[ToolCall], wanted: Sequence[ToolCall]) -> int:
        return sum(map(self._agree, got, wanted))

    def _in_any_order(self, got: Sequence[ToolCall], wanted: Sequence[ToolCall]) -> int:
        """The most calls that can be paired; by augmenting paths, as within a tolerance one call may agree with two."""
        fits = [[place for place, one in enumerate(got) if self._agree(one, call)] for call in wanted]
        taken: dict[int, int] = {}

        def place_for(call: int, tried: set[int]) -> bool:
            for place in fits[call]:
                if place not in tried:
                    tried.add(place)
                    if place not in taken or place_for(taken[place], tried):
                        taken[place] = call
                        return True
            return False

        return sum(place_for(call, set()) for call in range(len(wanted)))

    def _agree(self, got: ToolCall, wanted: ToolCall) -> bool:
        if got.name != wanted.name:
            return False
        if isinstance(got.arguments, str) or isinstance(wanted.arguments, str):
            return agree(got.arguments, wanted.arguments)
        # Under the tool's name, so that a setting can be for one tool: create_claim.amount.
        found = compare({got.name: got.arguments}, {wanted.name: wanted.arguments}, self._rules)
        return not found.differing


def _tools(request: Mapping[str, Any]) -> dict[str, bool]:
    """The tools that a chat request offers, and whether each takes a JSON object; none: it names none."""
    found: dict[str, bool] = {}
    for tool in _listed(request.get("tools")):
        inner = tool.get("function") or tool.get("custom") if isinstance(tool, Mapping) else None
        if isinstance(inner, Mapping) and isinstance(inner.get("name"), str):
            found[inner["name"]] = "function" in tool
    for function in _listed(request.get("functions")):
        if isinstance(function, Mapping) and isinstance(function.get("name"), str):
            found[function["name"]] = True
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _wrong(calls: Sequence[ToolCall], tools: Mapping[str, bool]) -> str:
    """What is wrong with calls by themselves; "" when nothing is."""
    if len(calls) > MOST_CALLS:
        return f"more than {MOST_CALLS} tools"
    for call in calls:
        if tools and call.name not in tools:
            return "a tool that was not offered"
        if isinstance(call.arguments, str) and tools.get(call.name, True):
            return "a tool with arguments that are no JSON object"
    return ""
