"""Finished days in the archive: each exchange once, whatever ends a run, and no file tampered with unseen."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pyarrow.dataset as arrow_data
import pyarrow.parquet as parquet
import pytest
from pyarrow import fs
from sqlalchemy import select, update

from switchover.clock import SystemClock
from switchover.domain.exchange import AttemptRecord, Intent, Outcome, Usage
from switchover.domain.keeping import Archiving
from switchover.domain.secret import Secret
from switchover.egress import Client
from switchover.egress.s3 import Bucket
from switchover.errors import NotFound, OperatorError, StoreUnavailable
from switchover.evidence import EvidenceLog
from switchover.evidence.archive import check, vouched
from switchover.privacy.sealing import Sealer
from switchover.processes import archiving
from switchover.processes.archiving import Archiver
from switchover.store import Store, schema
from switchover.store.archive import partitions
from switchover.store.archive.columns import arrow_schema
from switchover.store.archive.partitions import Partition
from switchover.store.archive.target import Folder
from switchover.store.indexing import save_exchanges, save_intents
from switchover.store.ring import Reach
from switchover.testing.builders import make_exchange, make_settings
from switchover.testing.clock import ManualClock
from switchover.testing.object_store import KEY_ID, REGION, SECRET, object_store
from switchover.wiring.archive import open_partitions
from switchover.wiring.parts import ring_of

DAY = 86_400.0
MIDNIGHT = 1_780_012_800.0  # 29 May 2026, 00:00 UTC
DAYS = ("2026-05-27", "2026-05-28")


class Archive:
    """A store with two processes and three days, the last of which is not over, and all that archiving it needs."""

    def __init__(self, folder, blank, name="store"):
        self.data = folder / name
        self.data.mkdir()
        shutil.copy(blank, self.data)
        self.clock = ManualClock()
        self.clock.advance(MIDNIGHT + 7 * 3600 - self.clock.now())
        self.store = Store.open(f"sqlite:///{self.data}/store.sqlite")
        self.log = EvidenceLog(self.data, self.clock)
        self.settings = Archiving(to=str(self.data / "archive"))
        self.target = Folder(self.settings.to)

    def archiver(self, **changes):
        changed = replace(self.settings, **changes)
        return Archiver(self.data, changed, self.target, self.clock, self.log.append)

    def run(self, **changes):
        return self.archiver(**changes).run(self.store)

    def check(self):
        return check(self.target, vouched(self.log.entries()))

    def ids(self):
        return sorted(name for path in files(self.target.folder) for name in column(path, "id"))


def fill(store, per_day=5):
    batch = [
        make_exchange(id=f"{process}-{day}-{n}", process=process, started_at=MIDNIGHT + day * DAY + n * 60)
        for process in ("claims", "letters")
        for day in (-2, -1, 0)
        for n in range(per_day)
    ]
    save_exchanges(store, batch)
    return sorted(one.id for one in batch if one.started_at < MIDNIGHT)


def files(folder):
    return sorted(folder.rglob("*.parquet"))


def column(path, name):
    return parquet.ParquetFile(path).read([name]).column(name).to_pylist()


@pytest.fixture(scope="module")
def blank(tmp_path_factory):
    """An empty store's file: migrated once, copied for each test."""
    path = tmp_path_factory.mktemp("blank") / "store.sqlite"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def made(tmp_path, blank):
    archive = Archive(tmp_path, blank)
    yield archive
    archive.store.close()


def test_finished_days_lie_by_process_and_day_and_the_day_that_runs_is_left(made):
    due = fill(made.store)
    done = made.run()
    assert [partition.path for partition, _ in done] == [
        f"process={process}/day={day}" for process in ("claims", "letters") for day in DAYS
    ]
    assert made.ids() == due
    table = arrow_data.dataset(made.target.folder, partitioning="hive", format="parquet").to_table()
    assert table.num_rows == 20
    assert set(table.column("process").to_pylist()) == {"claims", "letters"}
    assert made.run() == []
    checked = made.check()
    assert (checked.partitions, checked.files, checked.rows, checked.wrong) == (4, 4, 20, ())
    for path in made.target.folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert os.listdir(made.data / archiving.DRAFTS) == []


def test_a_day_waits_for_what_comes_late(made):
    fill(made.store)
    made.clock.advance(-2 * 3600)
    assert {partition.day for partition, _ in made.run()} == {DAYS[0]}
    assert {partition.day for partition, _ in made.run(after=3600.0)} == {DAYS[1]}


def test_a_row_says_all_that_the_store_knew(made):
    tried = (
        AttemptRecord(
            upstream="vendor", model="big-1", fault="overloaded", status=529, elapsed_ms=1.5, cut_off="cut-1"
        ),
        AttemptRecord(
            upstream="student", model="s", fault=None, status=200, elapsed_ms=2.5, prompt_version="p1",
            usage=Usage(input=4, output=2),
        ),
    )  # fmt: skip
    one = make_exchange(
        id="x", started_at=MIDNIGHT - 1.25, attempts=tried, usage=Usage(input=9, cached_input=4, output=3, reasoning=1),
        metadata={"kind": "complaint", "a": "b"}, dropped=("seed",), error_code=None, subject="ab", upstream="student",
    )  # fmt: skip
    save_exchanges(made.store, [one])
    made.run()
    [path] = files(made.target.folder)
    file = parquet.ParquetFile(path)
    assert file.schema_arrow.equals(arrow_schema())
    assert {file.metadata.row_group(0).column(n).compression for n in range(file.metadata.num_columns)} == {"ZSTD"}
    [row] = file.read().to_pylist()
    content = msgspec.msgpack.encode((one.request, one.answer))
    assert row["attempts"][0] == {
        "upstream": "vendor", "model": "big-1", "fault": "overloaded", "status": 529, "elapsed_ms": 1.5,
        "prompt_version": None, "cut_off": "cut-1", "input_tokens": None, "output_tokens": None,
    }  # fmt: skip
    assert (row["attempts"][1]["prompt_version"], row["attempts"][1]["input_tokens"]) == ("p1", 4)
    assert row["started_at"] == datetime.fromtimestamp(MIDNIGHT - 1.25, UTC)
    assert (row["input_tokens"], row["cached_input_tokens"], row["reasoning_tokens"]) == (9, 4, 1)
    assert (row["metadata"], row["dropped"]) == ([("a", "b"), ("kind", "complaint")], ["seed"])
    assert (row["content_key"], row["content"]) == ("", content)
    assert row["content_sha256"] == hashlib.sha256(content).hexdigest()
    assert (row["outcome"], row["status"], row["subject"], row["stream"]) == ("complete", 200, "ab", False)


def test_without_bodies_none_are_archived(made):
    fill(made.store)
    made.run(bodies=False)
    for path in files(made.target.folder):
        assert set(column(path, "content")) == set(column(path, "content_key")) == {None}


def test_sealed_content_is_archived_as_it_lies_and_opened_while_its_key_is_there(made, tmp_path):
    fill(made.store, per_day=1)
    settings = make_settings(data_dir=str(made.data), archive=made.settings)
    ring = ring_of(settings)
    words = make_exchange("asked", "answered", id="claims--1-0", process="claims", metadata={"customer": "anna"})
    (exchange,) = Sealer(ring).seal([words])
    sealed = {"key": exchange.sealed.key, "content": exchange.sealed.content}
    with made.store.write() as connection:
        connection.execute(update(schema.body).where(schema.body.c.exchange == "claims--1-0").values(**sealed))
    made.run()
    path = files(made.target.folder)[1]
    assert (column(path, "content_key"), column(path, "content")) == ([sealed["key"]], [sealed["content"]])
    assert open_partitions(settings, "claims", [DAYS[1]], tmp_path / "clear").rows == 1
    [clear] = files(tmp_path / "clear")
    assert (column(clear, "request"), column(clear, "answer")) == ([words.request], [words.answer])
    assert column(clear, "metadata") == [[("customer", "anna")]]
    ring.erase(Reach(process="claims"))
    open_partitions(settings, "claims", [DAYS[1]], tmp_path / "later")
    [erased] = files(tmp_path / "later")
    assert (column(erased, "request"), column(erased, "answer")) == ([None], [None])


def test_a_day_is_opened_into_a_new_folder_of_the_owners_alone(made, tmp_path):
    fill(made.store)
    made.run()
    settings = make_settings(data_dir=str(made.data), archive=made.settings)
    to = tmp_path / "clear"
    assert open_partitions(settings, "claims", DAYS, to).rows == 10
    for path in (to, *to.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    assert b"My roof leaks" in column(files(to)[0], "request")[0]
    with pytest.raises(OperatorError, match="is there already"):
        open_partitions(settings, "claims", DAYS, to)
    with pytest.raises(NotFound, match="no process=claims/day=2020-01-01"):
        open_partitions(settings, "claims", ["2020-01-01"], tmp_path / "none")


def test_the_same_exchanges_make_the_same_files(made, blank, tmp_path):
    other = Archive(tmp_path, blank, "other")
    for archive in (made, other):
        fill(archive.store)
        archive.run()
    assert made.target.paths() == other.target.paths()
    assert [made.target.get(path) for path in made.target.paths()] == [
        other.target.get(path) for path in other.target.paths()
    ]
    other.store.close()


def test_a_late_exchange_of_an_archived_day_makes_a_further_file(made):
    fill(made.store)
    made.run()
    save_exchanges(made.store, [make_exchange(id="late", process="claims", started_at=MIDNIGHT - 10)])
    [(partition, part)] = made.run()
    assert (partition, part.rows) == (Partition("claims", DAYS[1]), 1)
    assert len(files(made.target.folder / partition.path)) == 2
    assert made.check().wrong == ()
    assert made.check().rows == 21


def test_what_ended_after_it_was_archived_as_unfinished_is_archived_as_it_ended(made):
    at = MIDNIGHT - 10
    save_intents(made.store, [Intent(id="x", process="claims", route="c", dialect="openai_chat", started_at=at)])
    made.run()
    save_exchanges(made.store, [make_exchange(id="x", process="claims", started_at=at)])
    made.run()
    outcomes = [column(path, "outcome")[0] for path in files(made.target.folder)]
    assert sorted(outcomes) == [Outcome.COMPLETE, Outcome.UNFINISHED]
    assert made.run() == []


def test_a_day_larger_than_a_part_takes_several(made, monkeypatch):
    monkeypatch.setattr(partitions, "PART_ROWS", 3)
    due = fill(made.store)
    assert [part.rows for _, part in made.run()] == [3, 2] * 4
    assert made.ids() == due
    assert made.check().wrong == ()


class Killed(BaseException):
    """The process ends here."""


OPERATIONS = ("write_whole", "reserve", "put", "put", "append", "placed")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(len(OPERATIONS)))
def test_a_run_that_is_killed_anywhere_is_gone_on_with_and_nothing_is_doubled(made, monkeypatch, at, after):
    due = fill(made.store)
    done = 0

    def watched(what):
        def called(*given, **named):
            nonlocal done
            done += 1
            if done == at + 1 and not after:
                raise Killed
            found = what(*given, **named)
            if done == at + 1:
                raise Killed
            return found

        return called

    with monkeypatch.context() as patched:
        patched.setattr(archiving, "write_whole", watched(archiving.write_whole))
        patched.setattr(partitions, "reserve", watched(partitions.reserve))
        patched.setattr(made.target, "put", watched(made.target.put))
        patched.setattr(made.log, "append", watched(made.log.append))
        patched.setattr(partitions, "placed", watched(partitions.placed))
        with pytest.raises(Killed):
            made.run()
    assert done == at + 1
    made.run()
    assert made.ids() == due
    assert made.check().wrong == ()
    assert made.run() == []
    with made.store.read() as connection:
        assert set(connection.scalars(select(schema.archive_part.c.placed))) == {True}


@pytest.mark.parametrize("lost", ["gone", "damaged"])
def test_exchanges_whose_draft_is_lost_are_archived_anew(made, monkeypatch, lost):
    due = fill(made.store)
    monkeypatch.setattr(made.target, "put", lambda *args: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        made.run()
    monkeypatch.undo()
    for draft in (made.data / archiving.DRAFTS).iterdir():
        draft.unlink() if lost == "gone" else draft.write_bytes(b"PAR1")
    made.run()
    assert made.ids() == due
    assert made.check().wrong == ()


def changed(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


TAMPERINGS = {
    "changed": (changed, "was changed: its bytes are not those"),
    "dropped": (lambda path: path.unlink(), "was dropped: its manifest names it"),
    "added": (lambda path: path.with_name("part-x.parquet").write_bytes(path.read_bytes()), "was added"),
    "manifest changed": (lambda path: changed(path.with_name("_manifest.json")), "_manifest.json was changed"),
    "manifest dropped": (lambda path: path.with_name("_manifest.json").unlink(), "_manifest.json is gone"),
    "day added": (lambda path: path.rename(path.parents[1] / path.name), "was added"),
}


@pytest.mark.parametrize("how", TAMPERINGS)
def test_a_file_changed_dropped_or_added_is_named(made, how):
    fill(made.store)
    made.run()
    do, said = TAMPERINGS[how]
    path = files(made.target.folder)[0]
    do(path)
    assert any(said in line and line.startswith("process=claims/") for line in made.check().wrong)


def test_a_partition_nobody_archived_is_named(made):
    fill(made.store)
    made.run()
    made.target.put("process=claims/day=2020-01-01/part-1.parquet", b"PAR1")
    assert made.check().wrong == ("process=claims/day=2020-01-01/part-1.parquet was added: no entry vouches for it",)


def test_a_store_filled_anew_does_not_archive_twice(made, blank, tmp_path):
    due = fill(made.store)
    made.run()
    fresh = Archive(tmp_path, blank, "fresh")
    fresh.target = made.target
    fill(fresh.store)
    with pytest.raises(StoreUnavailable, match="switchover archive adopt"):
        fresh.run()
    assert fresh.archiver().adopt(fresh.store) == 4
    assert fresh.archiver().adopt(fresh.store) == 0
    assert fresh.run() == []
    assert made.ids() == due
    fresh.store.close()


def test_a_name_that_is_no_plain_one_stays_within_the_archive(made):
    save_exchanges(made.store, [make_exchange(process="../../a b", started_at=MIDNIGHT - 1)])
    made.run()
    assert [path.partition("/")[0] for path in made.target.paths()] == ["process=..%2F..%2Fa%20b"] * 2
    assert made.check().wrong == ()


def test_an_archive_that_takes_no_files_says_so_and_loses_nothing(made):
    due = fill(made.store)
    made.target.folder.write_text("in the way")
    with pytest.raises(StoreUnavailable, match="archive"):
        made.run()
    made.target.folder.unlink()
    made.run()
    assert made.ids() == due


def test_an_object_store_holds_the_same_and_aws_own_client_reads_it(made):
    due = fill(made.store)
    with object_store() as served:
        made.target = Bucket(
            served.url, "records", "archive", region=REGION, key=lambda: Secret(f"{KEY_ID}:{SECRET}"),
            client=lambda: Client(SystemClock(), allow=[served.url]), clock=SystemClock(),
        )  # fmt: skip
        served.instead.append(503)
        with pytest.raises(StoreUnavailable, match="503"):
            made.run()
        made.run()
        assert made.check().wrong == ()
        assert made.check().rows == 20
        theirs = fs.S3FileSystem(
            access_key=KEY_ID, secret_key=SECRET, region=REGION, endpoint_override=served.url[7:], scheme="http"
        )
        names = [path for path in made.target.paths() if path.endswith(".parquet")]
        tables = [parquet.read_table(f"records/archive/{name}", filesystem=theirs, columns=["id"]) for name in names]
        assert sorted(name for table in tables for name in table.column("id").to_pylist()) == due
        made.target.put(names[0], b"another")
        assert "was changed" in made.check().wrong[0]
