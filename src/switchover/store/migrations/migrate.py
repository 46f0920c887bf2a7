"""Runs what is missing, on a connection that is inside a transaction."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import RevisionStep
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection

from switchover.errors import StoreUnavailable

from . import HEAD


def migrate(connection: Connection, name: str) -> None:
    """Brings the database to :data:`HEAD`. Raises StoreUnavailable when a newer Switchover has been there."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)

    def missing(revision: object, _context: object) -> list[RevisionStep]:
        return scripts._upgrade_revs(HEAD, revision)  # type: ignore[arg-type]

    try:
        with EnvironmentContext(config, scripts, fn=missing) as context:
            context.configure(connection=connection)
            context.run_migrations()
    except CommandError as cause:
        raise StoreUnavailable(
            f"the store {name} was made by a newer Switchover", mend="install that version, or name another store"
        ) from cause
