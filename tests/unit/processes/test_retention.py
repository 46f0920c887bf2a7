"""What has had its time goes, whole days of it, and nothing else; what went is counted and noted."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import replace

import pytest
from sqlalchemy import text

from switchover.clock import SystemClock
from switchover.domain.candidate import ScoredCase
from switchover.domain.keeping import Archiving, Retention
from switchover.domain.process import Bodies
from switchover.errors import OperatorError, StoreUnavailable
from switchover.evidence import EvidenceLog, canonical
from switchover.evidence.archive import check, vouched
from switchover.log import OncePerChange
from switchover.processes import housekeeping
from switchover.processes.archiving import Archiver
from switchover.processes.housekeeping import Housekeeping
from switchover.processes.indexing import index_all
from switchover.processes.lease import Lease
from switchover.processes.retention import DOUBT_S, Leap, Retaining
from switchover.store import Store, retention, traffic
from switchover.store.archive.target import Folder
from switchover.store.exchanges import get_exchange, iter_exchanges, list_exchanges
from switchover.store.indexing import save_exchanges
from switchover.store.machine import machine_of
from switchover.store.spool import Spool
from switchover.store.spool_reader import segments
from switchover.store.trials import baseline_samples, save_baseline_sample, save_score, scored_cases
from switchover.testing.builders import make_exchange, make_process, make_settings
from switchover.testing.clock import ManualClock

DAY = 86_400.0
NOON = 1_780_012_800.0 + DAY / 2
MIDNIGHT = NOON - DAY / 2


class LeapingClock(ManualClock):
    """Its wall time may be put wrong; what has elapsed goes on as before."""

    wrong = 0.0

    def now(self):
        return super().now() + self.wrong

    def leap(self, seconds):
        self.wrong += seconds


class Kept:
    """A store with exchanges of the last ten days, noon each, in two processes, and the terms that a test sets."""

    def __init__(self, data):
        self.data = data
        self.clock = LeapingClock()
        self.clock.advance(NOON - self.clock.now())
        self.log = EvidenceLog(data, self.clock)
        self.url = f"sqlite:///{data}/store.sqlite"
        self.store = Store.open(self.url)
        self.target = Folder(data / "archive")
        save_exchanges(self.store, [one for name in ("claims", "letters") for one in days(name)])

    def settings(self, *, archive=False, **terms):
        """``terms`` hold for all; ``own`` is what claims has of its own."""
        own = terms.pop("own", None) or Retention(**terms)
        return make_settings(
            data_dir=str(self.data),
            database=self.url,
            retention=Retention(**terms),
            processes={"claims": make_process("claims", retention=own)},
            archive=Archiving(to=str(self.target.folder)) if archive else None,
        )

    def retaining(self, settings):
        return Retaining(self.data, settings, self.archiver(settings), self.clock, self.log.append)

    def archiver(self, settings):
        if settings.archive is None:
            return None
        return Archiver(self.data, settings.archive, self.target, self.clock, self.log.append)

    def go(self, settings=None, **terms):
        for _ in self.retaining(settings or self.settings(**terms)).steps(self.store):
            pass

    def left(self, process):
        return [
            int((NOON - one.started_at) // DAY) for one in list_exchanges(self.store, process=process, bodies=False)
        ]

    def noted(self, event="deleted"):
        entries = [canonical.decode(data) for data in self.log.entries()]
        return [entry for entry in entries if entry["event"] == event]


def days(process, first=0, last=10):
    return [make_exchange(id=f"{process}-{n}", process=process, started_at=NOON - n * DAY) for n in range(first, last)]


@pytest.fixture(scope="module")
def blank(tmp_path_factory):
    """An empty store's file: migrated once, copied for each test."""
    path = tmp_path_factory.mktemp("blank") / "store.sqlite"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def kept(tmp_path, blank):
    shutil.copy(blank, tmp_path)
    made = Kept(tmp_path)
    yield made
    made.store.close()


def test_without_terms_nothing_goes(kept):
    kept.go()
    assert kept.left("claims") == kept.left("letters") == list(range(10))
    assert kept.noted() == []


def test_a_day_goes_once_all_of_it_is_old_enough(kept):
    # Three days before today's noon is the noon of a day: that day has half a day left.
    kept.go(exchanges=3 * DAY)
    assert kept.left("claims") == kept.left("letters") == [0, 1, 2, 3]
    kept.clock.advance(DAY / 2)
    kept.go(exchanges=3 * DAY)
    assert kept.left("claims") == [0, 1, 2]


def test_figures_outlive_their_exchanges(kept):
    before = traffic.asked(kept.store, 0.0), traffic.minutes(kept.store)
    kept.go(exchanges=3 * DAY)
    assert (traffic.asked(kept.store, 0.0), traffic.minutes(kept.store)) == before


def test_bodies_go_before_their_exchanges_which_say_so(kept):
    kept.go(bodies=2 * DAY, exchanges=5 * DAY)
    found = {one.id: one for one in list_exchanges(kept.store, process="claims")}
    assert sorted(found) == [f"claims-{n}" for n in range(6)]
    kept_bodies = {name: (one.bodies, bool(one.request or one.answer)) for name, one in found.items()}
    assert kept_bodies == {f"claims-{n}": (Bodies.FULL, True) for n in range(3)} | {
        f"claims-{n}": (Bodies.METADATA, False) for n in range(3, 6)
    }
    # What has no body left can be replayed no more.
    assert [one.id for one in iter_exchanges(kept.store, "claims")] == ["claims-2", "claims-1", "claims-0"]


def test_what_a_verdict_rests_on_stays_and_the_words_go(kept):
    for name in ("claims-1", "claims-7"):
        row = ScoredCase(
            cell_id="c", exchange_id=name, graded_at=NOON, candidate=1.0, baseline=0.5, reason="it says words",
            slices=("s",), topic=1, seconds=1.0, answer="words", anchor=None, judge_calls=1,
        )  # fmt: skip
        save_score(kept.store, row)
        save_baseline_sample(kept.store, "claims", name, "e", "words", NOON)
    kept.go(exchanges=3 * DAY)
    rows = {row.exchange_id: row for row in scored_cases(kept.store, "c")}
    assert {name: (row.candidate, row.answer, row.reason) for name, row in rows.items()} == {
        "claims-1": (1.0, "words", "it says words"),
        "claims-7": (1.0, None, ""),
    }
    assert baseline_samples(kept.store, "claims", "e") == {"claims-1": "words"}


def test_a_process_has_terms_of_its_own_and_one_no_longer_configured_those_of_all(kept):
    kept.go(exchanges=8 * DAY, own=Retention(exchanges=2 * DAY))
    assert kept.left("claims") == [0, 1, 2]
    assert kept.left("letters") == list(range(9))


def test_nothing_of_a_process_goes_under_a_hold(kept):
    own = Retention(exchanges=DAY, bodies=DAY, archive=DAY, hold=True)
    settings = kept.settings(archive=True, own=own, exchanges=DAY)
    kept.archiver(settings).run(kept.store)
    kept.go(settings)
    assert (kept.left("claims"), kept.left("letters")) == (list(range(10)), [0, 1])
    assert all(one.request for one in list_exchanges(kept.store, process="claims"))
    assert any(path.startswith("process=claims/") for path in kept.target.paths())


def test_only_what_lies_in_the_archive_goes_where_there_is_one(kept):
    settings = kept.settings(archive=True, exchanges=3 * DAY, bodies=DAY)
    kept.go(settings)
    assert kept.left("claims") == list(range(10))
    assert get_exchange(kept.store, "claims-9").request
    kept.archiver(settings).run(kept.store)
    late = make_exchange(id="late", process="claims", started_at=NOON - 8 * DAY)
    save_exchanges(kept.store, [late])
    kept.go(settings)
    assert kept.left("claims") == [0, 1, 2, 3, 8]


def test_days_of_the_archive_go_whole_and_what_is_left_verifies(kept):
    settings = kept.settings(archive=True)
    kept.archiver(settings).run(kept.store)
    settings = replace(settings, retention=Retention(archive=4 * DAY), processes={})
    kept.go(settings)
    found = sorted({path.split("/")[1] for path in kept.target.paths()})
    assert found == ["day=2026-05-25", "day=2026-05-26", "day=2026-05-27", "day=2026-05-28"]
    checked = check(kept.target, vouched(kept.log.entries()))
    assert (checked.partitions, checked.wrong) == (8, ())
    removed = [(entry["process"], entry["day"], entry["rows"]) for entry in kept.noted("archive removed")]
    assert ("claims", "2026-05-24", 1) in removed
    assert len(removed) == 10
    kept.go(settings)
    assert len(kept.noted("archive removed")) == 10


def test_what_went_is_noted_with_its_count(kept):
    kept.go(exchanges=3 * DAY, bodies=2 * DAY)
    told = {(entry["what"], entry["process"]): entry["count"] for entry in kept.noted()}
    assert told == {
        ("bodies", "claims"): 7, ("bodies", "letters"): 7, ("exchanges", "claims"): 6, ("exchanges", "letters"): 6,
    }  # fmt: skip
    assert {entry["until"] for entry in kept.noted() if entry["what"] == "exchanges"} == {"2026-05-26T00:00:00.000000Z"}
    kept.go(exchanges=3 * DAY, bodies=2 * DAY)
    assert len(kept.noted()) == 4


def test_a_dry_run_says_what_a_pass_then_deletes_and_deletes_nothing(kept):
    settings = kept.settings(exchanges=3 * DAY, bodies=2 * DAY)
    due = kept.retaining(settings).due(kept.store)
    assert kept.left("claims") == list(range(10))
    assert {(one.what, one.process): one.count for one in due} == {
        ("bodies", "claims"): 7, ("bodies", "letters"): 7, ("exchanges", "claims"): 6, ("exchanges", "letters"): 6,
    }  # fmt: skip
    kept.go(settings)
    assert {(entry["what"], entry["process"]): entry["count"] for entry in kept.noted()} == {
        (one.what, one.process): one.count for one in due
    }
    assert kept.retaining(settings).due(kept.store) == []


def test_a_pass_that_ends_midway_is_gone_on_with_and_counted_once(kept, monkeypatch):
    monkeypatch.setattr(retention, "STEP", 2)
    settings = kept.settings(exchanges=3 * DAY)
    steps = kept.retaining(settings).steps(kept.store)
    for _ in range(2):
        next(steps)
    steps.close()
    assert len(kept.left("claims")) == 10 - 4
    kept.go(settings)
    assert kept.left("claims") == [0, 1, 2, 3]
    assert {(entry["process"], entry["count"]) for entry in kept.noted()} == {("claims", 6), ("letters", 6)}


def test_between_two_steps_whoever_indexes_writes_freely(kept, monkeypatch):
    monkeypatch.setattr(retention, "STEP", 2)
    with Store.open(kept.url, busy_seconds=0.0) as other:
        for number, _ in enumerate(kept.retaining(kept.settings(exchanges=DAY)).steps(kept.store)):
            save_exchanges(other, [make_exchange(id=f"new-{number}", started_at=NOON)])
    assert number > 8


def test_what_cannot_be_noted_is_noted_by_a_later_pass(kept, monkeypatch):
    def refuse(event):
        raise StoreUnavailable("no", mend="x")

    with monkeypatch.context() as patched:
        patched.setattr(kept.log, "append", refuse)
        with pytest.raises(StoreUnavailable):
            kept.go(exchanges=3 * DAY)
    assert kept.noted() == []
    kept.go(exchanges=3 * DAY)
    assert [entry["count"] for entry in kept.noted()] == [6, 6]


def test_space_is_given_back_to_the_disk(kept):
    big = [make_exchange(process="claims", started_at=NOON - 9 * DAY, answer="x" * 20_000) for _ in range(400)]
    save_exchanges(kept.store, big)

    def pages():
        with kept.store.read() as connection:
            return connection.scalar(text("PRAGMA page_count"))

    before = pages()
    kept.go(exchanges=3 * DAY)
    assert pages() < before / 5


def spooled(kept, names):
    spool = Spool(kept.data / "spool" / "w0", clock=SystemClock())
    spool.start()
    for name in names:
        spool.append(make_exchange(id=name, process="claims", started_at=NOON - DAY))
    spool.close()


def aged(kept, seconds):
    folder = kept.data / "spool" / "w0"
    for path in folder.iterdir():
        os.utime(path, (NOON - seconds, NOON - seconds))
    return folder


def test_segments_go_once_all_in_them_is_in_the_store_and_they_are_old_enough(kept):
    for name in "abc":
        spooled(kept, [name])
    folder = aged(kept, 3 * DAY)
    there = segments(folder)
    kept.go(spool=2 * DAY)
    assert segments(folder) == there, "none was indexed yet"
    index_all(kept.store, kept.data / "spool", NOON, machine=machine_of(kept.data))
    kept.go(spool=4 * DAY)
    assert segments(folder) == there, "none is old enough"
    kept.go(spool=2 * DAY)
    assert segments(folder) == there[-1:], "the newest may still be written to"
    assert index_all(kept.store, kept.data / "spool", NOON, machine=machine_of(kept.data))[1] == []
    assert kept.noted()[-1]["count"] == len(there) - 1


def test_segments_wait_for_the_archive_where_there_is_one(kept):
    for name in "ab":
        spooled(kept, [name])
    folder = aged(kept, 3 * DAY)
    index_all(kept.store, kept.data / "spool", NOON, machine=machine_of(kept.data))
    settings = kept.settings(archive=True, spool=2 * DAY)
    kept.go(settings)
    assert len(segments(folder)) > 1
    kept.archiver(settings).run(kept.store)
    kept.go(settings)
    assert len(segments(folder)) == 1


def test_what_is_in_a_spool_goes_with_what_is_in_the_store(kept):
    for name in "ab":
        spooled(kept, [name])
    folder = aged(kept, 3 * DAY)
    index_all(kept.store, kept.data / "spool", NOON, machine=machine_of(kept.data))
    kept.go(spool=300 * DAY, own=Retention(bodies=2 * DAY))
    assert len(segments(folder)) == 1


def test_a_clock_that_leaps_ahead_is_doubted_for_a_day(kept):
    leap = Leap(kept.clock)
    assert leap.doubt(kept.store) == ""
    kept.go(exchanges=300 * DAY)
    kept.clock.advance(DAY)
    assert leap.doubt(kept.store) == ""
    kept.clock.leap(400 * DAY)
    assert "401 days ahead" in leap.doubt(kept.store)
    kept.clock.advance(DOUBT_S / 2)
    assert "nothing is deleted until" in leap.doubt(kept.store)
    kept.clock.leap(-400 * DAY)
    assert leap.doubt(kept.store) == ""
    kept.clock.leap(400 * DAY)
    assert leap.doubt(kept.store)
    kept.clock.advance(DOUBT_S)
    assert leap.doubt(kept.store) == ""


class House:
    """Housekeeping with a lead that a test gives and takes."""

    def __init__(self, kept, settings):
        self.current, self.leads, self.logged = settings, True, []
        self.keeping = Housekeeping(
            lambda: self.current,
            clock=kept.clock,
            say=OncePerChange(lambda event, **fields: self.logged.append((event, fields.get("detail", "")))),
            leads=lambda: self.leads,
            target=lambda settings: kept.target,
            open_store=lambda settings: Store.open(settings.database),
        )


def test_the_keeper_archives_and_deletes_while_it_leads(kept):
    house = House(kept, kept.settings(archive=True, exchanges=3 * DAY))
    house.leads = False
    house.keeping.poll()
    assert (kept.target.paths(), len(kept.left("claims"))) == ([], 10)
    house.leads = True
    house.keeping.poll()
    assert kept.left("claims") == [0, 1, 2, 3]
    assert check(kept.target, vouched(kept.log.entries())).rows == 18
    house.keeping.poll()
    # Idle, it lets commands do the same.
    assert Lease("archive", "another", clock=kept.clock).renew(kept.store)


def test_while_a_command_archives_the_keeper_leaves_it_alone(kept):
    house = House(kept, kept.settings(archive=True, exchanges=3 * DAY))
    other = Lease("archive", "a command", clock=kept.clock)
    other.renew(kept.store)
    house.keeping.poll()
    assert kept.target.paths() == []
    other.release(kept.store)
    house.keeping.poll()
    assert kept.target.paths()
    house.keeping.close()


def test_what_goes_wrong_is_said_once_and_tried_again(kept):
    kept.target.folder.write_text("in the way")
    house = House(kept, kept.settings(archive=True, exchanges=3 * DAY))
    for _ in range(4):
        house.keeping.poll()
        kept.clock.advance(61)
    # First the folder can't be made, then the file in it can't be read: each is said once.
    assert [event for event, _ in house.logged] == ["not archived: trying again"] * 2
    assert kept.left("claims") == list(range(10))
    kept.target.folder.unlink()
    house.keeping.poll()
    assert [event for event, _ in house.logged][2:] == ["archiving"]
    kept.clock.advance(7 * 3600)
    house.keeping.poll()
    house.keeping.poll()
    assert len(kept.left("claims")) < 10
    house.keeping.close()


class Keyless(Folder):
    """An object store whose key can't be read any more."""

    def remove(self, path):
        raise OperatorError("archive.key can't be read", mend="see that env:KEY is there")


def test_an_archive_whose_key_is_gone_holds_up_a_pass_and_ends_it_neither_for_good_nor_for_commands(kept):
    house = House(kept, kept.settings(archive=True, exchanges=3 * DAY))
    house.keeping.poll()
    there, kept.target = kept.target, Keyless(kept.target.folder)
    house.current = replace(house.current, processes={}, retention=Retention(archive=5 * DAY))
    kept.clock.advance(7 * 3600)
    house.keeping.poll()
    assert house.logged[-1][0] == "housekeeping held up: trying again"
    assert "archive.key can't be read" in house.logged[-1][1]
    command = Lease("archive", "a command", clock=kept.clock)
    assert command.renew(kept.store)
    command.release(kept.store)
    assert not kept.noted("archive removed")
    kept.target = there
    kept.clock.advance(61)
    house.keeping.poll()
    assert kept.noted("archive removed")
    house.keeping.close()


def test_whoever_leads_no_more_lets_go_of_a_pass_it_had_begun(kept, monkeypatch):
    monkeypatch.setattr(housekeeping, "STEPS", 1)
    house = House(kept, kept.settings(exchanges=3 * DAY))
    house.keeping.poll()
    next_one = Lease("archive", "the next one", clock=kept.clock)
    assert not next_one.renew(kept.store)
    house.leads = False
    house.keeping.poll()
    assert next_one.renew(kept.store)
    house.keeping.close()


async def looked(kept, house):
    stop = asyncio.Event()
    running = asyncio.create_task(house.keeping.run(stop))
    while not kept.noted():
        kept.clock.advance(1)
        await asyncio.sleep(0.005)
    stop.set()
    while not running.done():
        kept.clock.advance(1)
        await asyncio.sleep(0.005)
    await running


def test_it_runs_in_a_thread_of_its_own_until_it_is_told_to_stop(kept):
    house = House(kept, kept.settings(archive=True, exchanges=3 * DAY))
    asyncio.run(looked(kept, house))
    assert kept.left("claims") == [0, 1, 2, 3]
    assert house.keeping.stopped


def test_the_keeper_waits_when_the_clock_leapt(kept):
    house = House(kept, kept.settings(exchanges=30 * DAY))
    house.keeping.poll()
    kept.clock.leap(100 * DAY)
    kept.clock.advance(7 * 3600)
    house.keeping.poll()
    assert kept.left("claims") == list(range(10))
    assert "100 days ahead" in house.logged[0][1]
    kept.clock.leap(-100 * DAY)
    house.keeping.poll()
    assert kept.left("claims") == list(range(10))
    house.keeping.close()
