"""Assumptions that people edit: which row is in force, and what an edit needs to be one."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from switchover.costs.ahead import Inputs, Terms
from switchover.costs.assumed import Overtaken, assume, standing, standings, with_edits
from switchover.costs.doubts import doubts
from switchover.costs.options import Known
from switchover.domain.costing import Assumption, Costing, Edit
from switchover.domain.people import Actor, Role
from switchover.domain.process import Price
from switchover.errors import NotFound, OperatorError
from switchover.evidence.compare import Entry, Noted, differences
from switchover.evidence.events import unnoted
from switchover.store import Store
from switchover.store.assumptions import edits, history, save_edit
from switchover.testing.builders import NOW, make_process, make_settings, make_upstream
from switchover.testing.sample_costs import usage

ACTOR = Actor(id="p-1", name="jane", roles=frozenset([Role.ADMIN]))
GIVEN = {"value": "5", "low": "2", "high": "9", "source": "counted", "owner": "claims", "date": "2026-11-20"}


def filed(name: str, value: float) -> Assumption:
    return Assumption(
        name=name, means="", value=value, low=value, high=value, unit="USD", source="s", owner="o", date="2026-11-01",
        kept_in="file",
    )  # fmt: skip


def edit(name: str, version: int, value: float | None, **more) -> Edit:
    given = {"source": "s", "owner": "o", "date": "2026-11-02"} if value is not None else dict.fromkeys(
        ("source", "owner", "date"), ""
    )  # fmt: skip
    return Edit(name=name, version=version, value=value, low=value, high=value, reason="r", at=NOW, by="p-1",
                **given | more)  # fmt: skip


def settings(*rows: Assumption):
    made = make_settings(
        upstreams={"vendor": make_upstream()}, processes={"claims": make_process("claims", fallbacks=())}
    )
    return replace(made, costing=Costing(assumptions={row.name: row for row in rows}))


@pytest.mark.parametrize(
    ("files", "edited", "value", "kept_in"),
    [
        ((), {}, 1.0, "shipped"),
        ((filed("defect_usd", 2.0),), {}, 2.0, "file"),
        ((filed("defect_usd", 2.0),), {"defect_usd": 3.0}, 3.0, "edited"),
        ((filed("defect_usd:claims", 4.0),), {"defect_usd": 3.0}, 4.0, "file"),
        ((filed("defect_usd:claims", 4.0),), {"defect_usd": 3.0, "defect_usd:claims": 5.0}, 5.0, "edited"),
        ((filed("defect_usd", 2.0),), {"defect_usd": None}, 2.0, "file"),
    ],
)
def test_what_is_said_of_one_process_stands_before_what_is_said_of_all_and_an_edit_before_the_file(
    files, edited, value, kept_in
):
    found = {name: edit(name, 1, one) for name, one in edited.items()}
    row = standing(settings(*files), found, "defect_usd:claims").row
    assert (row.value, row.kept_in) == (value, kept_in)
    told, voids = with_edits(settings(*files), found)
    rows = told.costing.assumptions
    simulated = rows.get("defect_usd:claims") or rows.get("defect_usd")
    assert (simulated.value if simulated else 1.0) == value
    assert voids == []


def test_an_edit_that_is_no_value_any_more_is_named_and_not_in_force():
    found = {
        "pue": edit("pue", 1, 40.0),
        "gone": edit("gone", 1, 1.0),
        "defect_usd:old": edit("defect_usd:old", 1, 1.0),
    }
    told, voids = with_edits(settings(), found)
    assert told.costing.assumptions == {}
    assert len(voids) == 3
    assert any("the edit of pue is not in force: 40.0; wanted times, from 1 to 4" in one for one in voids)
    (pue,) = [one for one in standings(settings(), found) if one.name == "pue"]
    assert (pue.row.kept_in, pue.version) == ("shipped", 1)
    assert "not in force" in pue.void


def said(store: Store, value: dict | None, seen: int, notes=None, name: str = "defect_usd:claims"):
    return assume(
        store, settings(), name, value, seen=seen, reason="because", actor=ACTOR, now=NOW + seen,
        note=notes.append if notes is not None else unnoted,
    )  # fmt: skip


def test_edits_are_kept_one_by_one_and_their_entries_vouch_for_the_rows(store):
    notes: list = []
    first = said(store, GIVEN, 0, notes)
    assert isinstance(first, Edit)
    assert said(store, GIVEN | {"value": "6"}, 0) == Overtaken("defect_usd:claims")
    assert said(store, None, 1, notes) == edits(store)["defect_usd:claims"]
    with pytest.raises(OperatorError, match="nothing to take back"):
        said(store, None, 2)
    with pytest.raises(NotFound):
        said(store, GIVEN, 0, name="defect_usd:nobody")
    assert [(one.version, one.value) for one in history(store, "defect_usd:claims")] == [(2, None), (1, 5.0)]
    noted = Noted()
    for entry in notes:
        noted.rows["assumption", entry["id"]] = Entry(0, entry["sha256"], None, late=False)
    assert differences(store, noted) == []
    with store.write() as connection:
        connection.exec_driver_sql("update assumption set low = 0 where version = 1")
    assert [one for one in differences(store, noted) if "its row was changed" in one]


def test_of_many_who_edit_the_same_version_at_once_one_is_saved(store):
    if not store.is_shared:
        pytest.skip("a store in memory has one connection")
    saved = []
    ready = threading.Barrier(4)

    def go(value: float) -> None:
        ready.wait(10)
        saved.append(save_edit(store, edit("pue", 1, value)))

    threads = [threading.Thread(target=go, args=(1.0 + n / 10,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one is not None for one in saved) == 1
    assert save_edit(store, edit("pue", 3, 1.1)) is None
    assert len(history(store, "pue")) == 1


def test_a_projection_is_like_another_until_something_moves_that_anybody_would_see():
    base = Inputs(settings=settings(), usage={"claims": usage()}, known=Known(), begins=0.0, gaps=(), terms=Terms())
    assert base.is_like(replace(base, usage={"claims": usage(calls=100_500.0, hours=1001.0)}))
    for other in (
        replace(base, usage={"claims": usage(output=103e6)}),
        replace(base, usage={}),
        replace(base, begins=86_400.0),
        replace(base, gaps=("4 records",)),
        replace(base, settings=settings(filed("pue", 1.2))),
        replace(base, terms=Terms(seed=2)),
    ):
        assert not base.is_like(other)


@pytest.mark.parametrize(
    ("price", "said"),
    [
        (None, "no price is known for acme/big-1"),
        (Price(input_mtok="0", output_mtok="0"), "its price is stated as nothing, so it counts as free"),
        (Price(priced_as="openai/gpt-4.1-mini"), None),
        (Price(input_mtok="0.40", output_mtok="1.60"), None),
    ],
)
def test_a_price_that_is_none_or_nothing_is_doubtful(price, said):
    made = make_settings(
        upstreams={"vendor": make_upstream(price=price)}, processes={"claims": make_process("claims", fallbacks=())}
    )
    assert [one.said for one in doubts(made, NOW)] == ([] if said is None else [said])


def test_a_price_far_from_the_published_one_is_doubtful():
    spec = make_upstream(host="openai", model="gpt-4.1-mini", price=Price(input_mtok="400", output_mtok="1.60"))
    made = make_settings(upstreams={"vendor": spec}, processes={"claims": make_process("claims", fallbacks=())})
    assert [one.said for one in doubts(made, NOW)] == ["its stated price of input is 1,000 times the published one"]
