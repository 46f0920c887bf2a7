"""An import with a real store and a real spool: beside a keeper, two at once, broken off, on a full disk, dry."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from switchover.domain.exchange import Exchange
from switchover.domain.process import Settings
from switchover.errors import StoreUnavailable
from switchover.importers.tally import Tally
from switchover.importers.understand import Terms
from switchover.processes.indexing import index_all
from switchover.store.exchanges import each_exchange
from switchover.store.segment import Segment
from switchover.testing.builders import NOW, make_process, make_providers, make_settings, make_upstream
from switchover.wiring import evidence, imports
from switchover.wiring.parts import open_store


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A process "letters" on one upstream, with a data folder that is not there yet."""
    return make_settings(
        data_dir=str(tmp_path / "data"),
        database=f"sqlite:///{tmp_path / 'data' / 'store.sqlite'}",
        upstreams={"mini": make_upstream("mini", model="gpt-4o-mini")},
        processes={"letters": make_process("letters", baseline="mini", fallbacks=(), routes=("letters",))},
        providers=make_providers(),
    )


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A thousand training examples."""
    return examples(tmp_path / "exported.jsonl", range(1000))


def examples(path: Path, numbers: range) -> Path:
    with path.open("w", encoding="utf-8") as out:
        for number in numbers:
            said = [
                {"role": "user", "content": f"canary-question {number}"},
                {"role": "assistant", "content": "billing"},
            ]
            out.write(json.dumps({"messages": said}) + "\n")
    return path


TERMS = Terms(process="letters", upstream="mini", at=NOW)


def run(settings: Settings, *files: Path, **more: Any) -> Tally:
    return imports.import_files(settings, files, TERMS, **more)


def stored(settings: Settings, database: str | None = None) -> dict[str, Exchange]:
    with open_store(replace(settings, database=database or settings.database)) as store:
        return {one.id: one for one in each_exchange(store)}


def test_a_store_that_is_filled_anew_from_the_spools_has_what_was_imported(settings: Settings, exported: Path):
    assert run(settings, exported).taken == 1000
    anew = f"sqlite:///{settings.data_dir}/anew.sqlite"
    with open_store(replace(settings, database=anew)) as store:
        assert index_all(store, Path(settings.data_dir, "spool"), NOW) == (1000, [])
    assert stored(settings, anew) == stored(settings)
    assert run(settings, exported).known == 1000


def test_what_is_imported_is_for_its_owner_alone(settings: Settings, exported: Path):
    run(settings, exported)
    for folder, _, files in os.walk(Path(settings.data_dir)):
        assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700, folder
        for name in files:
            assert stat.S_IMODE(Path(folder, name).stat().st_mode) & 0o077 == 0, name


def test_an_import_beside_a_keeper_that_indexes_the_same_spool_loses_and_doubles_nothing(
    settings: Settings, exported: Path
):
    over, rounds = threading.Event(), 0

    def keep() -> None:
        nonlocal rounds
        with open_store(settings) as store:
            while not over.is_set():
                index_all(store, Path(settings.data_dir, "spool"), NOW)
                rounds += 1

    Path(settings.data_dir).mkdir(mode=0o700)
    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        tally = run(settings, exported)
        taken = rounds
        while rounds < taken + 2:
            assert keeper.is_alive()
            time.sleep(0.001)
    finally:
        over.set()
        keeper.join()
    assert (tally.taken, tally.known, len(stored(settings))) == (1000, 0, 1000)


def test_of_two_imports_at_once_the_second_waits_and_takes_nothing_twice(settings: Settings, exported: Path):
    more = examples(exported.with_name("more.jsonl"), range(500, 1500))
    Path(settings.data_dir).mkdir(mode=0o700)
    open_store(settings).close()
    tallies, waiting = list[Tally](), threading.Semaphore(0)

    def one(path: Path) -> None:
        tallies.append(run(settings, path, waiting=waiting.release))

    both = [threading.Thread(target=one, args=(path,)) for path in (exported, more)]
    with imports._alone(Path(settings.data_dir, "spool", imports.WORKER), lambda: None):
        for thread in both:
            thread.start()
        assert all(waiting.acquire(timeout=60) for _ in both)
        assert stored(settings) == {}
    for thread in both:
        thread.join()
    assert sum(tally.taken for tally in tallies) == len(stored(settings)) == 1500
    assert sum(tally.known for tally in tallies) == 500


def test_what_a_killed_import_left_in_the_spool_is_known_to_the_next(
    settings: Settings, exported: Path, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patched:
        patched.setattr(imports.Spooled, "index", lambda self: None)
        patched.setattr(imports, "known_exchanges", lambda store, ids: set())
        left = run(settings, examples(exported.with_name("few.jsonl"), range(300)))
    assert (left.taken, len(stored(settings))) == (300, 0)
    again = run(settings, exported)
    assert (again.taken, again.known, len(stored(settings))) == (700, 300, 1000)


def test_a_disk_that_takes_no_more_ends_the_import_and_keeps_what_was_said_to_be_taken(
    settings: Settings, exported: Path, monkeypatch: pytest.MonkeyPatch
):
    whole, batches = Segment.write, 0

    def write(self: Segment, data: bytes) -> None:
        nonlocal batches
        batches += len(data) > 10_000
        if batches > 1:
            raise OSError(28, "No space left on device")
        whole(self, data)

    with monkeypatch.context() as patched:
        patched.setattr(Segment, "write", write)
        patched.setattr(imports, "PATIENCE_S", 0.5)
        with pytest.raises(StoreUnavailable, match="No space left on device") as refused:
            run(settings, exported)
    assert "goes on where it stopped" in refused.value.mend
    there = len(stored(settings))
    assert there < 1000
    again = run(settings, exported)
    assert (again.taken + again.known, len(stored(settings))) == (1000, 1000)


def test_a_dry_run_says_the_same_and_leaves_nothing(settings: Settings, exported: Path):
    dry = run(settings, exported, exported, dry_run=True)
    assert (dry.taken, dry.known, dry.dry_run) == (1000, 1000, True)
    assert not Path(settings.data_dir).exists()
    run(settings, examples(exported.with_name("few.jsonl"), range(10)))
    before = sorted(path.name for path in Path(settings.data_dir).rglob("*"))
    dry = run(settings, exported, dry_run=True)
    assert (dry.taken, dry.known, len(stored(settings))) == (990, 10, 10)
    assert {path.name for path in Path(settings.data_dir).rglob("*")} - {"store.sqlite-wal", "store.sqlite-shm"} <= {
        *before
    }


def test_an_import_is_noted_by_the_hash_of_its_file_and_without_a_word_of_it(settings: Settings, exported: Path):
    run(settings, exported)
    run(settings, exported)
    noted = [entry for entry in evidence.entries(settings, None) if entry["event"] == "import"]
    (entry,) = noted
    assert entry["sha256"] == hashlib.sha256(exported.read_bytes()).hexdigest()
    assert (entry["format"], entry["taken"], entry["known"], entry["skipped"]) == ("openai", 1000, 0, 0)
    assert (entry["processes"], entry["upstreams"]) == (["letters"], ["mini"])
    assert "canary" not in json.dumps(entry)
    assert "exported" not in json.dumps(entry)
    assert evidence.verify(settings, None, (), None, (exported,)).wrong == ()


def test_what_waits_for_its_other_half_has_no_name_on_the_disk(settings: Settings, tmp_path: Path):
    request = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "canary"}]}
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps({"custom_id": "1", "url": "/v1/chat/completions", "body": request}) + "\n", "utf-8")
    seen = list[set[str]]()
    tally = run(settings, path, progress=lambda read: seen.append({p.name for p in Path(settings.data_dir).iterdir()}))
    assert tally.skipped == 1
    ours = {"spool", "machine", "keyring", "store.sqlite", "store.sqlite-wal", "store.sqlite-shm"}
    assert all(names <= ours for names in seen), seen
    assert seen
