"""Figures as Prometheus reads them: its text format, version 0.0.4."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .metric_table import METRICS, Metric
from .metrics import Histogram, Sample

VALUE = re.compile(r"\w+\{(.*)\} ([0-9.e+-]+)")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
ESCAPED = re.compile(r"\\(.)")


def render(samples: Iterable[Sample], worker: str) -> str:
    """One worker's page: every metric that has a value, each value with the label ``worker``."""
    families: dict[str, list[Sample]] = {}
    for sample in samples:
        families.setdefault(sample.metric, []).append(sample)
    lines: list[str] = []
    for name, metric in METRICS.items():
        if name in families:
            lines += [f"# HELP {name} {metric.says}", f"# TYPE {name} {metric.kind}"]
            lines += [line for sample in families[name] for line in _lines(metric, sample, worker)]
    return "\n".join(lines) + "\n"


def join(pages: Iterable[str]) -> str:
    """Several workers' pages as one: the format wants all values of a metric together."""
    families: dict[str, list[str]] = {}
    family: list[str] = []
    is_new = False
    for page in pages:
        for line in page.split("\n"):
            if line.startswith("# HELP "):
                name = line.split(" ", 3)[2]
                is_new = name not in families
                family = families.setdefault(name, [])
            if line and (is_new or not line.startswith("#")):
                family.append(line)
    return "\n".join(line for lines in families.values() for line in lines) + "\n"


def read(page: str, name: str) -> Iterator[tuple[dict[str, str], float]]:
    """The values of one metric on a page that :func:`render` made, each with its labels; what is torn is left out."""
    for line in page.split("\n"):
        match = VALUE.fullmatch(line) if line.startswith(f"{name}{{") else None
        if match is not None:
            yield {label: _plain(value) for label, value in LABEL.findall(match[1])}, float(match[2])


def _plain(value: str) -> str:
    return ESCAPED.sub(lambda match: "\n" if match[1] == "n" else match[1], value)


def escape(value: str) -> str:
    """A label's value as it stands between quotes."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _lines(metric: Metric, sample: Sample, worker: str) -> Iterator[str]:
    named = [f'worker="{escape(worker)}"']
    named += [f'{name}="{escape(value)}"' for name, value in zip(metric.labels, sample.labels, strict=True)]
    labels, value = ",".join(named), sample.value
    if not isinstance(value, Histogram):
        yield f"{metric.name}{{{labels}}} {value}"
        return
    so_far = 0
    for bound, count in zip((*value.bounds, "+Inf"), value.counts, strict=True):
        so_far += count
        yield f'{metric.name}_bucket{{{labels},le="{bound}"}} {so_far}'
    yield f"{metric.name}_sum{{{labels}}} {value.total}"
    yield f"{metric.name}_count{{{labels}}} {so_far}"
