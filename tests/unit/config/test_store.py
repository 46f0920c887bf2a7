"""Where the store is: each slip refused with its line, and no password ever shown."""

from __future__ import annotations

import pytest

from switchover.config import load
from switchover.errors import ConfigError, StoreUnavailable
from switchover.store import Store
from switchover.testing.postgres import PASSWORD, USER
from switchover.wiring.parts import database, references

FILE = """\
organisation: {domicile: NL}
store: postgresql+psycopg://switch@db.acme.test/switchover
store_password: file:keys/store
providers: {acme: {home: US}}
upstreams:
  vendor: {kind: openai, base_url: "https://acme.test/v1", model: m, developer: acme, host: acme}
processes:
  messages: {owner: o, criticality: important, data: internal, baseline: vendor}
"""
ADDRESS = "postgresql+psycopg://switch@db.acme.test/switchover"


@pytest.fixture
def loaded(tmp_path):
    def go(text=FILE):
        file = tmp_path / "switchover.yaml"
        file.write_text(text, encoding="utf-8")
        return load(str(file))

    return go


def test_the_password_is_a_reference_from_the_files_own_folder(loaded, tmp_path):
    settings = loaded()
    assert settings.database == ADDRESS
    assert settings.database_password == f"file:{tmp_path}/keys/store"
    assert dict(references(settings))["password of the store's user"] == settings.database_password


@pytest.mark.parametrize(
    ("old", "new", "line", "want"),
    [
        (ADDRESS, "mysql://switch:hunter2@db/x", 2, "postgresql"),
        (ADDRESS, "postgresql://switch:hunter2@db/x", 2, "USER@HOST"),
        (ADDRESS, "postgresql://db.acme.test/x", 2, "USER@HOST"),
        (ADDRESS, "postgresql://switch:a:hunter2@db:x/x", 2, "postgresql"),
        (ADDRESS, "sqlite:////var/hunter2.sqlite", 3, "SQLite"),
        (f"store: {ADDRESS}\n", "", 2, "SQLite"),
        ("file:keys/store", "hunter2", 3, "never the key itself"),
    ],
)
def test_a_slip_is_refused_with_its_line_and_without_what_stands_there(loaded, old, new, line, want):
    with pytest.raises(ConfigError, match=want) as error:
        loaded(FILE.replace(old, new))
    assert error.value.line == line
    assert "hunter2" not in str(error.value)
    assert error.value.__cause__ is None


def test_a_password_in_a_file_that_others_may_read_opens_nothing_and_one_that_is_ours_does(loaded, tmp_path, postgres):
    settings = loaded(FILE.replace(ADDRESS, f"postgresql://{USER}@{postgres.address}/newest"))
    (tmp_path / "keys").mkdir()
    file = tmp_path / "keys" / "store"
    with pytest.raises(StoreUnavailable, match="password of the store's user"):
        database(settings)
    file.write_text(PASSWORD)
    file.chmod(0o644)
    with pytest.raises(StoreUnavailable, match="chmod 600") as error:
        database(settings)
    assert PASSWORD not in str(error.value)
    file.chmod(0o600)
    with database(settings) as store:
        assert isinstance(store, Store)
