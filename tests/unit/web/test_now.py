"""The first page: what is asked, who answers, what is degraded, what runs and how fresh that is, what it can't know."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from journeys.served_pages import with_people

from switchover.domain.exchange import AttemptRecord, Outcome
from switchover.domain.register import Suspension
from switchover.domain.watching import Probe
from switchover.gateway.exposition import render
from switchover.gateway.metrics import Sample
from switchover.store.indexing import save_exchanges
from switchover.store.register import register_version, set_suspension
from switchover.store.watching import save_probe
from switchover.testing.builders import make_exchange
from switchover.wiring import alive

SAID = {"store": "ok", "configuration": "ok", "evidence": "ok", "budgets": "ok", "snapshot_version": 1}


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """Pages over a record of the last minutes: of messages one in five went on to other."""
    made = with_people(tmp_path_factory.mktemp("office"))
    now = time.time()
    overloaded = AttemptRecord(upstream="vendor", model="big-1", fault="overloaded", status=529, elapsed_ms=9.0)
    save_exchanges(
        made.keeping(),
        [
            make_exchange(
                id=f"n-{number}", process="messages", route="messages", started_at=now - 5 - number, elapsed_ms=200.0,
                outcome=Outcome.FAILED if number == 9 else Outcome.COMPLETE,
                upstream=None if number == 9 else "other" if number % 5 == 0 else "vendor",
                attempts=(
                    *((overloaded,) if number % 5 == 0 or number == 9 else ()),
                    *((answered("other"),) if number % 5 == 0 else (answered("vendor"),) if number != 9 else ()),
                ),
            )
            for number in range(20)
        ],
    )  # fmt: skip
    yield made
    made.close()


def answered(name):
    return AttemptRecord(upstream=name, model="m", fault=None, status=200, elapsed_ms=200.0)


@pytest.fixture
def run(office):
    """Files of a `switchover up` that runs: this process stands for all of its children."""
    folder = Path(office.settings.data_dir, "run")
    folder.joinpath("metrics").mkdir(parents=True, exist_ok=True)
    here = {"pid": os.getpid(), "ready": True, "restarts": 0, "last_exit": None}
    told = {"pid": os.getpid(), "children": {"keeper": here, "pages": here, "worker-0": here, "worker-1": here}}
    folder.joinpath("supervisor.json").write_text(json.dumps(told))
    folder.joinpath("keeper.json").write_text(json.dumps({"pid": os.getpid(), **SAID}))
    yield Run(folder, told, register_version(office.keeping()))
    for path in (*folder.glob("*.json"), *folder.glob("metrics/*"), *folder.parent.glob("snapshot.json")):
        path.unlink()


class Run:
    def __init__(self, folder, told, version):
        self.folder, self.told, self.version = folder, told, version
        for name in ("worker-0", "worker-1"):
            self.figures(name)

    def figures(self, name, *samples, version=None):
        shared = [Sample("switchover_snapshot_version", (), self.version if version is None else version)]
        self.folder.joinpath("metrics", f"{name}.prom").write_text(render([*samples, *shared], name))

    def keeper(self, **said):
        self.folder.joinpath("keeper.json").write_text(json.dumps({"pid": os.getpid(), **SAID, **said}))

    def register(self, ago):
        """A register that the keeper wrote for the workers so many seconds ago."""
        path = self.folder.parent / "snapshot.json"
        path.write_text("{}")
        os.utime(path, (time.time() - ago, time.time() - ago))

    def children(self, **changed):
        told = {**self.told, "children": {**self.told["children"], **changed}}
        self.folder.joinpath("supervisor.json").write_text(json.dumps(told))


def first_page(office):
    reply = office.known("operator").get("/")
    assert reply.status == 200, reply.text
    return reply


def test_it_says_what_is_asked_who_answers_and_how_it_ends(office, run):
    reply = first_page(office)
    assert "Every process is answered, as it should be" in reply.text
    assert "20 asked, 1 failed" in reply.text
    assert "other 21 %, vendor 79 %" in reply.text or "vendor 79 %, other 21 %" in reply.text
    assert reply.page.count('class="minute"') >= 1
    assert reply.page.count('class="minute failed"') == 1
    assert 'aria-label="messages: 20 requests in the last sixty minutes, 1 failed"' in reply.page
    assert 'href="/exchanges/n-0">overloaded</a>' in reply.page


def test_of_an_hour_in_which_nobody_asked_no_busiest_minute_is_told(office, run):
    told = office.known("auditor").get("/").text
    assert "most: 1 a minute" not in told
    assert "replies important vendor its baseline an hour ago nobody asked now" in told


def test_it_says_what_would_fall_with_whom_and_on_what_that_rests(office, run):
    text = first_page(office).text
    assert "provider:acme 1 of 2 stops" in text
    assert "replies stops: nobody takes over" in text
    assert "messages moves to other: proven, untested: never drilled" in text
    assert "provider:beta nobody notices" in text


def test_a_held_breaker_takes_a_replacement_out_of_what_would_happen(office, run):
    state = Sample("switchover_breaker_state", ("other", "model", "answers"), 3)
    run.figures("worker-1", state, Sample("switchover_breaker_reason", ("other", "model", "answers", "model-gone"), 1))
    text = first_page(office).text
    assert "other: its breaker is held (model: model-gone)" in text
    assert "provider:acme 2 of 2 stop" in text


def test_everything_that_is_degraded_is_told(office, run):
    store = office.keeping()
    set_suspension(store, "other", Suspension(at=1.0, why="its probe was refused"))
    run.figures("worker-1", version=register_version(store))
    run.figures(
        "worker-0",
        Sample("switchover_recording_healthy", (), 0),
        Sample("switchover_breaker_state", ("vendor", "credential", "answers"), 3),
        Sample("switchover_budget_cap_usd", ("process:messages", "day"), 5),
        Sample("switchover_budget_settled_usd", ("process:messages", "day"), 5.5),
        Sample("switchover_credential_paused_until_seconds", ("third",), time.time() + 30),
        version=0,
    )
    os.utime(run.folder / "metrics" / "worker-0.prom", (time.time() - 4, time.time() - 4))
    run.register(ago=4)
    run.keeper(evidence="the disk is full", snapshot_version=register_version(store))
    run.children(**{"worker-1": {"pid": None, "ready": False, "restarts": 3, "last_exit": 1}})
    save_probe(store, Probe(upstream="other", at=time.time(), failed="key", fault="denied", said="401"))
    try:
        text = first_page(office).text
    finally:
        set_suspension(store, "other", None)
        save_probe(store, Probe(upstream="other", at=time.time(), failed=None, fault=None, said=""))
    assert "things to look at" not in text  # nobody answers, which comes first
    assert "2 of 2 processes are answered by nobody" in text
    for said in (
        "messages is answered by nobody. vendor: it turned us away",
        "vendor: its breaker is held (credential)",
        "third: its credential is asked to wait until",
        "other: its last probe failed in its key",
        "other: its proofs are suspended since 1970-01-01 00:00:01 UTC: its probe was refused",
        "worker-1 is down",
        "The evidence log can't be written: the disk is full",
        "worker-0 went by register 0 of",
        "worker-0 can't write the record",
        "The budget of process:messages for the day is used up",
        "only 1 of 2 go by the register as it is",
        "1 of 2 workers run",
        "worker-1 3 times",
    ):
        assert said in text, said


@pytest.mark.parametrize(("ago", "written", "behind"), [(30, 1, True), (0.2, 1, False), (30, 0, False)])
def test_a_register_is_followed_within_a_moment_before_anybody_is_alarmed(office, run, ago, written, behind):
    """Neither by one written just now, nor by one that the keeper has still to write."""
    version = register_version(office.keeping())
    run.figures("worker-0", version=version - 1)
    os.utime(run.folder / "metrics" / "worker-0.prom", (time.time() - 4, time.time() - 4))
    run.register(ago)
    run.keeper(snapshot_version=version - 1 + written)
    text = first_page(office).text
    assert (f"worker-0 went by register {version - 1} of {version}" in text) == behind
    assert "only 1 of 2 go by the register as it is" in text


def test_each_figure_says_how_old_it_is_and_old_ones_of_the_keeper_are_a_trouble(office, run):
    for name, ago in (("metrics/worker-0.prom", 4), ("keeper.json", 34)):
        os.utime(run.folder / name, (time.time() - ago, time.time() - ago))
    text = first_page(office).text
    assert "their figures are 4 seconds old" in text
    assert "The keeper has not gone round for 34 s: no change reaches the workers meanwhile." in text
    # On every page, not the first one alone.
    assert "has not gone round" in office.known("operator").get("/processes").text


def test_without_a_keeper_or_a_worker_every_page_says_what_that_means(office, run):
    (run.folder / "keeper.json").write_text(json.dumps({**SAID, "pid": 2**22 + 1}))
    assert "The keeper does not run" in office.known("operator").get("/processes").text
    run.keeper(store="no route to host")
    assert "The keeper can't use the store" in office.known("operator").get("/processes").text
    gone = {"pid": None, "ready": False, "restarts": 9, "last_exit": 1}
    run.children(**{"worker-0": gone, "worker-1": gone})
    assert "No worker runs" in office.known("operator").get("/processes").text


def test_where_nothing_runs_it_says_so_and_that_it_cannot_know(office):
    text = first_page(office).text
    assert "Nothing runs on this machine: no request is answered here" in text
    assert "how upstreams go can't be known" in text
    assert text.count("not known") >= 3
    assert "closed" not in text.partition("How each upstream goes")[2].partition("If one of them")[0]


def test_what_lies_in_the_run_folder_and_is_no_file_of_ours_says_nothing(office, run):
    for said in ("", "[]", '{"pid": "x", "children": []}', '{"pid": -1}', "\0"):
        (run.folder / "supervisor.json").write_text(said)
        (run.folder / "keeper.json").write_text(said)
        found = alive.running(office.settings)
        assert not found.is_up
        assert list(found.troubles())
    nowhere = replace(office.settings, data_dir=str(run.folder / "nowhere"))
    assert alive.running(nowhere).register_age is None


def test_the_part_that_follows_by_itself_is_small_and_keeps_no_session_alive(office, run, monkeypatch):
    visitor = office.signed_in(office.keys["operator"])
    touched = []
    monkeypatch.setattr("switchover.web.session.TOUCH_S", -1.0)
    monkeypatch.setattr("switchover.web.session.rows.touch_session", lambda *row: touched.append(row))
    reply = visitor.get("/?part=live")
    assert reply.page.lstrip().startswith('<div id="notices">')
    assert '<div id="live">' in reply.page
    assert "<html" not in reply.page
    assert touched == []
    visitor.get("/")
    assert len(touched) == 1


def test_a_store_that_is_away_leaves_what_the_machine_itself_tells_and_no_name(office, run, monkeypatch):
    from switchover.errors import StoreUnavailable

    (run.folder.parent / "snapshot.json").write_text("{}")

    def away(*_):
        raise StoreUnavailable("the store is away", mend="wait for it")

    visitor = office.known("operator")
    monkeypatch.setattr(office.keeping, "_store", None)
    monkeypatch.setattr("switchover.wiring.pages.database", away)
    run.keeper(store="the store is away")
    for path in ("/", "/cut?target=provider:acme", "/processes"):
        reply = visitor.get(path)
        assert reply.status == 503
        assert "The store is away" in reply.text
        assert "2 of 2 workers run, and go on answering by what they knew at 20" in reply.text
        assert "None can be placed or lifted until the store is back" in reply.text
        assert not any(name in reply.text for name in ("messages", "vendor", "operator", "acme"))
    assert visitor.post("/cut", target="provider:acme", reason="x", until="1h", anyway="yes").status == 503
