"""The rules and expressions we show ask for metrics that there are, by labels that these have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from switchover.domain.exchange import Outcome
from switchover.gateway.metric_table import METRICS

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
RULES = [
    rule
    for group in yaml.safe_load((HOW_TO / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
ROW = re.compile(r"^\| [^|]+ \| `((?:[^`])+)` \|$", re.MULTILINE)
ASKED = [row.replace("\\|", "|") for row in ROW.findall((HOW_TO / "observe.md").read_text(encoding="utf-8"))]
ENDS = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
NAMES = {name + end: metric for name, metric in METRICS.items() for end in ENDS[metric.kind]}
USE = re.compile(r"(switchover_\w+)(?:\{([^}]*)\})?")
WORDS = {
    "sum", "max", "by", "rate", "increase", "histogram_quantile", "absent", "or",
}  # fmt: skip


def check(expression: str) -> set[str]:
    """Fails on what there is not; the labels that the values of the expression have."""
    used = USE.findall(expression)
    assert used, "it asks for nothing of ours"
    assert {name for name, _ in used} - set(NAMES) == set()
    known = set.union(*({*NAMES[name].labels, "worker"} for name, _ in used))
    for name, filters in used:
        mine = {*NAMES[name].labels, "worker"}
        assert {label for label, _ in re.findall(r'(\w+)=~?"([^"]*)"', filters)} <= mine
        for label, value in re.findall(r'(\w+)=~?"([^"]*)"', filters):
            if label == "outcome":
                assert set(value.split("|")) <= {outcome.value for outcome in Outcome}
    for name, metric in NAMES.items():
        if name in dict(used) and metric.kind == "counter":
            assert re.search(rf"(rate|increase)\({name}(\{{[^}}]*\}})?\[\d+m\]\)", expression), "a counter is no rate"
    groups = [set(group.split(", ")) for group in re.findall(r"by \(([^)]*)\)", expression)]
    for group in groups:
        assert group - {"le"} <= known
        assert ("le" in group) == ("histogram_quantile" in expression)
    assert expression.count("(") == expression.count(")")
    bare = re.sub(r'switchover_\w+|\{[^}]*\}|by \([^)]*\)|\[\d+m\]|"[^"]*"', " ", expression)
    assert set(re.findall(r"[a-z_]+", bare)) <= WORDS
    if groups:
        return groups[0] - {"le"}
    return set() if re.match(r"(sum|max|absent)\(", expression) else known


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_asks_for_what_there_is_and_says_what_is_wrong(rule: dict[str, object]) -> None:
    labels = check(str(rule["expr"]).strip())
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    told = rule["annotations"]
    assert isinstance(told, dict)
    assert set(re.findall(r"\$labels\.(\w+)", " ".join(told.values()))) <= labels
    assert told["summary"]
    assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})
    assert re.fullmatch(r"\d+m", str(rule.get("for", "1m")))


@pytest.mark.parametrize("expression", ASKED)
def test_an_expression_that_is_shown_asks_for_what_there_is(expression: str) -> None:
    check(expression)


def test_rules_have_names_of_their_own() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names)) > 8
    assert len(ASKED) > 10


@pytest.mark.parametrize(
    "wrong",
    [
        "switchover_request_total > 1",
        "sum by (scope) (rate(switchover_requests_total[5m]))",
        'sum(rate(switchover_requests_total{outcome="broken"}[5m]))',
        "switchover_failovers_total > 3",
        "histogram_quantile(0.9, sum by (upstream) (rate(switchover_chunk_gap_seconds_bucket[5m])))",
        "max(switchover_chunk_gap_seconds)",
    ],
)
def test_a_wrong_expression_is_seen(wrong: str) -> None:
    with pytest.raises(AssertionError):
        check(wrong)
