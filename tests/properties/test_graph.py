"""Over random organisations: shares, concentration, and what losing more, or merging owners, can and cannot do."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchover.domain.candidate import State
from switchover.domain.cut_off import Target, TargetKind
from switchover.domain.process import Criticality, DataClass, Process, Provider
from switchover.domain.register import Snapshot
from switchover.report.dependence import Losses, surviving_of
from switchover.report.flow_chart import flow_chart
from switchover.report.graph import COLUMNS, Flow, Level, Weight, graph, herfindahl
from switchover.testing.served import proof_for, spec

NOW = 1_000.0
HOSTS = ("a", "b", "c", "d")
HOMES = ("US", "DE", "IE", "CN")
UPSTREAMS = ("u0", "u1", "u2", "u3", "u4", "u5")


@st.composite
def organisations(draw):
    """A register of up to five processes on six upstreams, some of them our own, with proofs for some."""
    specs = {}
    for name in UPSTREAMS:
        host, developer = draw(st.sampled_from(HOSTS)), draw(st.sampled_from(HOSTS))
        specs[name] = replace(spec(name, f"http://{name}.test", "openai"), host=host, developer=developer)
    providers = {}
    for name in HOSTS:
        parent = draw(st.sampled_from((None, "p", "q")))
        home = draw(st.sampled_from(HOMES)) if parent else None
        providers[name] = Provider(name=name, home=draw(st.sampled_from(HOMES)), parent=parent, parent_home=home)
    processes, proofs, versions = {}, [], {}
    for number in range(draw(st.integers(1, 5))):
        order = draw(st.permutations(UPSTREAMS))[: draw(st.integers(1, 4))]
        processes[f"p{number}"] = Process(
            name=f"p{number}", owner="o", criticality=draw(st.sampled_from(list(Criticality))),
            data=DataClass.INTERNAL, baseline=order[0], fallbacks=tuple(order[1:]),
        )  # fmt: skip
        for name in order[1:]:
            if draw(st.booleans()):
                proof, version = proof_for(specs[name], f"p{number}", expires_at=draw(st.sampled_from((1.0, 9e9))))
                proofs.append(replace(proof, id=f"{number}-{name}", state=State.READY))
                versions[version.id] = version
    return Snapshot(
        version=1, made_at=NOW, providers=providers, upstreams=specs, processes=processes,
        proofs=tuple(proofs), prompt_versions=versions,
    )  # fmt: skip


flows = st.lists(
    st.builds(
        Flow,
        process=st.sampled_from([f"p{n}" for n in range(5)]),
        route=st.sampled_from(("r", "s")),
        upstream=st.sampled_from((*UPSTREAMS, "gone")),
        answers=st.integers(0, 10_000),
        spent=st.decimals(0, 1_000, places=9),
    ),
    max_size=12,
)


@settings(max_examples=40)
@given(organisations(), flows)
def test_shares_of_a_level_add_up_to_one_and_links_carry_all_of_it(snapshot, recorded):
    found = graph(recorded, snapshot)
    for weight in Weight:
        total = found.totals.of(weight)
        for level in Level:
            shares = [one.shares[weight] for one in found.at(level)]
            assert (sum(shares) == pytest.approx(1.0)) if total else (set(shares) == {None})
        for column in COLUMNS[1:]:
            carried = sum((link.amounts.of(weight) for link in found.links if link.right[0] is column), Decimal(0))
            assert carried == total


@settings(max_examples=40)
@given(organisations(), flows)
def test_concentration_lies_between_evenly_spread_and_one_holds_all(snapshot, recorded):
    found = graph(recorded, snapshot)
    for level in Level:
        for weight in Weight:
            holding = [one for one in found.at(level) if one.amounts.of(weight)]
            index = found.concentration[level][weight]
            assert (index is None) == (not holding)
            if index is not None:
                assert 1 / len(holding) - 1e-12 <= index <= 1 + 1e-12


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=8))
def test_merging_two_never_lowers_concentration(amounts):
    apart, together = herfindahl(amounts), herfindahl([amounts[0] + amounts[1], *amounts[2:]])
    assert (apart is None and together is None) or together >= apart - 1e-12


@settings(max_examples=40)
@given(organisations(), flows)
def test_merging_two_parents_never_lowers_concentration_by_parent(snapshot, recorded):
    merged = {name: replace(one, parent="p") if one.parent == "q" else one for name, one in snapshot.providers.items()}
    before = graph(recorded, snapshot).concentration[Level.PARENT]
    after = graph(recorded, replace(snapshot, providers=merged)).concentration[Level.PARENT]
    for weight in Weight:
        assert (before[weight] is None) == (after[weight] is None)
        assert before[weight] is None or after[weight] >= before[weight] - 1e-12


targets = st.sampled_from(
    [
        *(Target(TargetKind.UPSTREAM, name) for name in UPSTREAMS),
        *(Target(TargetKind.PROVIDER, name) for name in (*HOSTS, "p", "q")),
        *(Target(TargetKind.JURISDICTION, home) for home in (*HOMES, "EU")),
    ]
)


@settings(max_examples=60)
@given(organisations(), st.lists(targets, max_size=3), targets)
def test_losing_more_never_saves_a_process(snapshot, lost, more):
    losses = Losses(snapshot, dict.fromkeys(snapshot.processes, 1), snapshot.proofs, [], NOW, {})
    for before, after in zip(losses.fates(lost), losses.fates([*lost, more]), strict=True):
        assert before.served_by is not None or after.served_by is None
    # Nothing was drilled: only who keeps the baseline is shown to go on, and of those losing more leaves no more.
    (first, _), (second, _) = surviving_of(losses.fates(lost)), surviving_of(losses.fates([*lost, more]))
    assert first is None or second <= first


@settings(max_examples=20)
@given(organisations(), flows, st.sampled_from(list(Weight)))
def test_the_drawing_has_a_band_for_each_link_and_a_box_for_each_node_of_weight(snapshot, recorded, weight):
    found = graph(recorded, snapshot)
    drawn = flow_chart(found, weight, opened=COLUMNS)
    if not found.totals.of(weight):
        assert drawn == ""
        return
    assert drawn.count("<path") == sum(bool(link.amounts.of(weight)) for link in found.links)
    weighty = [one for level in COLUMNS for one in found.at(level) if one.amounts.of(weight)]
    assert drawn.count("<rect") == len(weighty)
