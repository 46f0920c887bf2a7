"""The drawing of dependence: what is gathered, what leads where, and that nothing from outside is markup."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from switchover.domain.process import Criticality, DataClass, Process, Provider
from switchover.domain.register import Snapshot
from switchover.report.flow_chart import MOST, flow_chart, gathered
from switchover.report.graph import COLUMNS, Flow, Level, Weight, graph
from switchover.testing.served import spec

# (level, name) as the address of a node; a level alone opens its column.
WHERE = "/{}/{}".format


def many(processes, upstreams):
    """So many processes on so many upstreams, each of a host of its own; process n has n + 1 answers."""
    specs = {
        f"u{n}": replace(spec(f"u{n}", f"http://u{n}.test", "openai"), host=f"h{n}", developer=f"h{n}")
        for n in range(upstreams)
    }
    hosts = {f"h{n}": Provider(name=f"h{n}", home="US" if n % 2 else "DE") for n in range(upstreams)}
    made = {
        f"p{n}": Process(
            name=f"p{n}",
            owner="o",
            criticality=Criticality.CRITICAL,
            data=DataClass.INTERNAL,
            baseline=f"u{n % upstreams}",
        )
        for n in range(processes)
    }
    snapshot = Snapshot(version=1, made_at=0.0, providers=hosts, upstreams=specs, processes=made)
    flows = [
        Flow(process=f"p{n}", route=f"p{n}", upstream=f"u{n % upstreams}", answers=n + 1) for n in range(processes)
    ]
    return graph(flows, snapshot)


def named(drawn):
    return [" ".join(re.sub(r"<[^>]+>", " ", one).split()) for one in re.findall(r"<title>(.*?)</title>", drawn)]


def test_few_are_drawn_each_by_name():
    drawn = named(flow_chart(many(3, 3), Weight.VOLUME))
    # 1 + 2 + 3 = 6 answers; two of the hosts are at home in Germany.
    assert {"p2: 50 %", "u1: 33 %", "h0 · DE: 17 %", "DE: 67 %", "US: 33 %"} <= set(drawn)
    assert not any("others" in one for one in drawn)


def test_of_many_the_smallest_of_each_column_are_drawn_as_one_that_opens():
    found = many(40, 15)
    drawn = flow_chart(found, Weight.VOLUME, address=WHERE)
    boxes = named(drawn)
    # p0 to p31 have 1 + … + 32 = 528 of 1 + … + 40 = 820 answers.
    assert "32 others: 64 %" in boxes
    # Routes are called as their processes.
    assert len([one for one in boxes if one.startswith("p")]) == 2 * MOST
    assert len(boxes) <= len(COLUMNS) * (MOST + 1)
    assert 'href="/process/None"' in drawn
    opened = flow_chart(found, Weight.VOLUME, address=WHERE, opened=(Level.PROCESS,))
    assert len([one for one in named(opened) if one.startswith("p")]) == 40 + MOST
    assert 'href="/process/p0"' in opened


def test_the_boxes_of_a_column_do_not_overlap_and_lie_in_the_drawing():
    drawn = flow_chart(many(40, 15), Weight.VOLUME, opened=COLUMNS)
    high = float(re.search(r'class="flow" width="100%" height="(\d+)"', drawn)[1])
    columns = {}
    for x, y, tall in re.findall(
        r'<rect class="node [^"]*" x="([\d.]+)%" y="([\d.]+)" width="[\d.]+%" height="([\d.]+)"', drawn
    ):
        columns.setdefault(x, []).append((float(y), float(y) + float(tall)))
    assert len(columns) == len(COLUMNS)
    for boxes in columns.values():
        # A line of letters is 12 px high.
        assert all(after[0] - before[0] >= 19 for before, after in zip(sorted(boxes), sorted(boxes)[1:], strict=False))
        assert all(end <= after[0] for (_, end), after in zip(sorted(boxes), sorted(boxes)[1:], strict=False))
        assert max(end for _, end in boxes) <= high


def test_one_too_many_is_drawn_as_it_takes_no_more_room_than_the_others_would():
    nodes = many(MOST + 1, 2).at(Level.PROCESS)
    assert [len(part) for part in gathered(nodes, Weight.VOLUME)] == [MOST + 1, 0]
    nodes = many(MOST + 2, 2).at(Level.PROCESS)
    assert [len(part) for part in gathered(nodes, Weight.VOLUME)] == [MOST, 2]


def test_nothing_is_drawn_by_a_weight_of_which_nothing_is_known():
    assert many(3, 3).totals.of(Weight.SPEND) == Decimal(0)
    assert flow_chart(many(3, 3), Weight.SPEND) == ""


def test_names_from_outside_are_text():
    found = many(1, 1)
    hostile = "<script>alert(1)</script>\u202e"
    nodes = tuple(replace(one, home=hostile) if one.level is Level.PARENT else one for one in found.nodes)
    drawn = flow_chart(replace(found, nodes=nodes), Weight.VOLUME)
    assert "<script" not in drawn
    assert "&lt;script&gt;" in drawn
    assert "\u202e" not in drawn
