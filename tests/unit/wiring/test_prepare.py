"""What `switchover up` does before anything runs, when the store can't be had."""

from __future__ import annotations

import dataclasses

import pytest

from switchover.domain.register import CallerKey
from switchover.errors import StoreUnavailable
from switchover.store.register import save_key
from switchover.store.snapshot import read_snapshot
from switchover.testing.builders import make_settings
from switchover.wiring.parts import database
from switchover.wiring.running import prepare

AWAY = "postgresql+psycopg://me@127.0.0.1:9/away"


@pytest.fixture
def settings(tmp_path, postgres_url):
    return dataclasses.replace(make_settings(), data_dir=str(tmp_path), database=postgres_url)


def test_a_start_without_the_server_goes_by_the_last_snapshot_under_the_settings_of_today(settings, tmp_path):
    with database(settings) as store:
        save_key(store, CallerKey(id="k", process="p", mac="m", made_at=1.0))
    prepare(settings)
    before = read_snapshot(tmp_path / "snapshot.json")
    name, process = next(iter(settings.processes.items()))
    changed = dataclasses.replace(
        settings, database=AWAY, processes={name: dataclasses.replace(process, owner="somebody-else")}
    )
    prepare(changed)
    now = read_snapshot(tmp_path / "snapshot.json")
    assert now.keys == before.keys != {}
    assert {one.owner for one in now.processes.values()} == {"somebody-else"}
    assert now.version == before.version


def test_a_first_start_needs_the_server_and_a_file_that_cannot_be_read_is_said(settings, tmp_path):
    with pytest.raises(StoreUnavailable, match="can't be used"):
        prepare(dataclasses.replace(settings, database=AWAY))
    prepare(settings)
    (tmp_path / "store.sqlite").write_bytes(b"no database" * 500)
    with pytest.raises(StoreUnavailable, match="not a database"):
        prepare(dataclasses.replace(settings, database=f"sqlite:///{tmp_path / 'store.sqlite'}"))
