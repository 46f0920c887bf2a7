"""What is counted, and the text that Prometheus reads, checked against a strict reading of its format."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import parser

from switchover.domain.exchange import AttemptRecord, Outcome, Usage
from switchover.gateway.exposition import escape, join, render
from switchover.gateway.metric_table import BOUNDS_S, GAP_BOUNDS_S, METRICS
from switchover.gateway.metrics import Gaps, Metrics, Sample
from switchover.testing.clock import ManualClock

LINE = re.compile(r'(?P<name>[a-z_]+)\{(?P<labels>(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\} (?P<value>\S+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
ENDS = {"counter": [""], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}


def parse(text):
    """{(name, labels): value}. Fails on whatever the format does not allow, and on a metric that is not declared."""
    assert text.endswith("\n")
    values, families, family, kind = {}, [], None, None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            family = line.split(" ")[2]
            assert family not in families, "all values of a metric stand together"
            families.append(family)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert (name, kind) == (family, METRICS[family].kind)
        else:
            match = LINE.fullmatch(line)
            assert match, line
            assert match["name"] in [family + end for end in ENDS[kind]]
            labels = [(k, re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), v))
                      for k, v in LABEL.findall(match["labels"])]  # fmt: skip
            named = {k for k, _ in labels} - {"le"}
            assert named == {"worker", *METRICS[family].labels}
            key = (match["name"], *sorted(labels))
            assert key not in values, "a value is given twice"
            values[key] = float(match["value"])
    return values


def tried(upstream, fault=None, **more):
    return AttemptRecord(upstream=upstream, model="m", fault=fault, status=None, elapsed_ms=1.0, **more)


def value(text, name, **labels):
    """The one value of a metric whose labels include these."""
    wanted = set(labels.items())
    found = [v for (n, *have), v in parse(text).items() if n == name and wanted <= set(have)]
    assert len(found) == 1, (name, labels, found)
    return found[0]


def test_a_retry_and_a_failover_are_told_apart():
    metrics = Metrics()
    attempts = [tried("a", "server-error"), tried("a", "server-error"), tried("b")]
    metrics.ended("p", "b", "openai_chat", Outcome.COMPLETE, 0.3, attempts, switched=True)
    text = render(metrics.samples(), "worker-0")
    assert value(text, "switchover_attempts_total", upstream="a") == 2
    assert value(text, "switchover_attempts_total", upstream="b") == 1
    assert value(text, "switchover_retries_total", upstream="a") == 1
    assert value(text, "switchover_retries_total", upstream="b") == 0
    assert value(text, "switchover_errors_total", upstream="a", fault="server-error", drilled="false") == 2
    assert value(text, "switchover_failovers_total", upstream="b") == 1
    assert value(text, "switchover_failovers_total", upstream="a") == 0
    assert value(text, "switchover_requests_total", outcome="complete", upstream="b", process="p") == 1


def test_a_drilled_failure_is_marked():
    metrics = Metrics()
    metrics.ended("p", "", "openai_chat", Outcome.FAILED, 0.3, [tried("a", "key-revoked", cut_off="cut-1")])
    text = render(metrics.samples(), "worker-0")
    assert value(text, "switchover_errors_total", fault="key-revoked", drilled="true") == 1
    assert value(text, "switchover_requests_total", outcome="failed", upstream="") == 1


@given(st.lists(st.floats(0, 2000), min_size=1, max_size=50))
def test_a_histogram_counts_every_value_under_each_bound_it_does_not_exceed(durations):
    metrics = Metrics()
    for duration in durations:
        metrics.ended("p", "a", "openai_chat", Outcome.COMPLETE, duration, [tried("a")])
    text, name = render(metrics.samples(), "w"), "switchover_request_duration_seconds"
    for bound in BOUNDS_S:
        assert value(text, f"{name}_bucket", le=str(bound)) == sum(d <= bound for d in durations)
    assert value(text, f"{name}_bucket", le="+Inf") == value(text, f"{name}_count") == len(durations)
    assert value(text, f"{name}_sum") == pytest.approx(math.fsum(durations))


def test_only_a_stream_has_a_first_content_and_gaps():
    metrics = Metrics()
    metrics.ended("p", "a", "openai_chat", Outcome.COMPLETE, 1.0, [tried("a")])
    metrics.ended("p", "b", "openai_chat", Outcome.COMPLETE, 1.0, [tried("b")], first=0.9)
    metrics.gaps("p", "c", "openai_chat").add(0.05)
    metrics.ended("p", "c", "openai_chat", Outcome.COMPLETE, 1.0, [tried("c")], first=0.2)
    values = parse(render(metrics.samples(), "w"))
    having = {
        name: {dict(labels)["upstream"] for n, *labels in values if n == f"{name}_count"}
        for name in METRICS
        if "upstream" in METRICS[name].labels
    }
    assert having["switchover_request_duration_seconds"] == {"a", "b", "c"}
    assert having["switchover_first_content_seconds"] == {"b", "c"}
    assert having["switchover_chunk_gap_seconds"] == {"c"}


def test_every_gap_of_a_stream_is_counted_but_what_passed_while_the_caller_did_not_read():
    metrics, clock = Metrics(), ManualClock()
    pace = Gaps(metrics.gaps("p", "a", "openai_chat"), clock.monotonic)
    for gap in (0.004, 0.03, 7.0):
        clock.advance(gap)
        pace.step()
    clock.advance(50.0)
    pace.restart()
    clock.advance(0.03)
    pace.step()
    text, name = render(metrics.samples(), "w"), "switchover_chunk_gap_seconds"
    so_far = [value(text, f"{name}_bucket", le=str(bound)) for bound in GAP_BOUNDS_S]
    assert so_far == [sum(gap <= bound for gap in (0.004, 0.03, 7.0, 0.03)) for bound in GAP_BOUNDS_S]
    assert value(text, f"{name}_sum") == pytest.approx(7.064)


def test_tokens_are_added_up_by_kind():
    metrics = Metrics()
    for _ in range(2):
        usage = Usage(input=100, output=7, cached_input=60, written_input=30, reasoning=5)
        metrics.ended("p", "a", "openai_chat", Outcome.COMPLETE, 1.0, [tried("a")], usage=usage)
    text = render(metrics.samples(), "w")
    told = {"input": 200, "output": 14, "cached_input": 120, "written_input": 60, "reasoning": 10}
    assert {kind: value(text, "switchover_tokens_total", kind=kind) for kind in told} == told


def test_each_attempt_has_a_duration_of_its_own_beside_that_of_the_request():
    metrics = Metrics()
    metrics.ended("p", "b", "openai_chat", Outcome.COMPLETE, 3.0, [tried("a", "server-error"), tried("b")])
    text = render(metrics.samples(), "w")
    for upstream in ("a", "b"):
        assert value(text, "switchover_attempt_duration_seconds_sum", upstream=upstream) == pytest.approx(0.001)


@given(st.text(max_size=20))
def test_whatever_a_name_holds_it_is_read_back_as_it_was(name):
    text = render([Sample("switchover_breaker_reason", (name, "provider", "answers", "overloaded"), 1)], worker=name)
    [(_, *labels)] = parse(text)
    assert dict(labels) == {
        "worker": name,
        "upstream": name,
        "scope": "provider",
        "asked_for": "answers",
        "fault": "overloaded",
    }


def test_quotes_backslashes_and_line_ends_are_escaped():
    assert escape('a"b\\c\nd') == r"a\"b\\c\nd"


def test_pages_of_workers_join_metric_by_metric():
    one, two = Metrics(), Metrics()
    for metrics, times in ((one, 1), (two, 3)):
        for _ in range(times):
            metrics.ended("p", "a", "openai_chat", Outcome.COMPLETE, 0.1, [tried("a")])
    text = join([render(one.samples(), "worker-0"), render(two.samples(), "worker-1")])
    assert value(text, "switchover_requests_total", worker="worker-0") == 1
    assert value(text, "switchover_requests_total", worker="worker-1") == 3


def test_the_page_reads_the_same_to_prometheus_own_parser():
    metrics = Metrics()
    metrics.ended(
        "p\\q", "a", "openai_chat", Outcome.COMPLETE, 0.3, [tried("a", "server-error"), tried("a")], first=0.1
    )
    text = join([render(metrics.samples(), 'w"1"\n'), render(metrics.samples(), "worker-1")])
    theirs = {}
    for family in parser.text_string_to_metric_families(text):
        for sample in family.samples:
            theirs[sample.name, *sorted(sample.labels.items())] = sample.value
    assert theirs == parse(text)


def test_every_metric_has_a_name_that_says_its_kind_and_unit():
    for metric in METRICS.values():
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.name.endswith("_seconds") == (metric.unit == "seconds")
        assert "\n" not in metric.says
        assert "\\" not in metric.says
        assert metric.worry.endswith(".")
