"""How much a model is to reason, and how it is to sample, told in the other dialect.

Sources: platform.openai.com/docs/guides/reasoning, platform.claude.com/docs/en/build-with-claude/effort and
/extended-thinking, platform.claude.com/docs/en/about-claude/models/migration-guide. A model that does not know a field
rejects the request, so it is told only to those that do.
"""

from __future__ import annotations

import re
from typing import Any

# Models that take `output_config.effort`, in OpenAI's own words.
_EFFORT = re.compile(r"claude-(?:opus-4-5|[a-z]+-(?:4-[6-9]|[5-9]))(?!\d)")
_EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})
# Those after Opus 4.6 know every effort, and no temperature, top p or top k.
_NEWEST = re.compile(r"claude-(?:[a-z]+-(?:4-[7-9]|[5-9]))(?!\d)")
# Models of OpenAI's that reason take no temperature and no top p; those for chatting do.
_REASONS = re.compile(r"(?:o\d|gpt-[5-9])(?!.*chat)")
# Older ones that reason within a budget of tokens. Below the first, Anthropic takes none.
_BUDGET = re.compile(r"claude-(?:3-7-sonnet|(?:opus|sonnet|haiku)-4)(?!\d)")
LEAST_BUDGET = 1024
# A budget stands for the effort whose number it does not exceed.
_BUDGETS = {"low": 2048, "medium": 8192, "high": 16384}


def to_messages_effort(effort: Any, model: str, out: dict[str, Any]) -> bool:
    """Tells Anthropic's request ``out`` an effort; False when the model, or what else is asked, does not take it."""
    if effort in ("none", "minimal"):
        # Anthropic's models reason only when told to.
        return True
    if effort not in _EFFORTS:
        return False
    if _EFFORT.match(model):
        effort = effort if _NEWEST.match(model) or effort in _BUDGETS else "high"
        out["output_config"] = {**out.get("output_config", {}), "effort": effort}
        return True
    budget = _BUDGETS.get(effort, _BUDGETS["high"])
    if not _BUDGET.match(model) or not _may_think(out):
        return False
    # The limit counts reasoning in both dialects; half of it is left for the answer.
    budget = min(budget, out["max_tokens"] // 2)
    if budget < LEAST_BUDGET:
        return False
    out["thinking"] = {"type": "enabled", "budget_tokens": budget}
    return True


def _may_think(out: dict[str, Any]) -> bool:
    """Whether nothing else in the request forbids a budget: sampling, a forced tool, calls told without reasoning."""
    choice = out.get("tool_choice", {}).get("type", "auto")
    called = any(
        block["type"] == "tool_use"
        for turn in out["messages"]
        if isinstance(turn["content"], list)
        for block in turn["content"]
    )
    return "temperature" not in out and "top_p" not in out and choice in ("auto", "none") and not called


def takes_sampling(model: str) -> bool:
    """Whether a model can be told a temperature or top p."""
    return not (_NEWEST.match(model) or _REASONS.match(model))


def chat_effort(thinking: Any, config: Any) -> str | None:
    """The chat's effort for Anthropic's ``thinking`` and ``output_config``; None when they name none."""
    effort = config.get("effort") if isinstance(config, dict) else None
    if effort in _EFFORTS:
        return str(effort)
    budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    if not isinstance(budget, int) or thinking.get("type") != "enabled":
        return None
    return next((name for name, most in _BUDGETS.items() if budget <= most), "high")
