"""The ledger of what was spent: SQLite in a file of its own, PostgreSQL across machines. No SQLAlchemy: workers use it.

An account is a budget in a period: what is settled, how much of that is not known for certain, and what is leased. The
invariant is that of :func:`~switchover.costs.budget.grant`: a lease is granted in one transaction with the look at its
account, so that settled + leased never exceeds the cap.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from switchover.errors import StoreUnavailable

from .files import claim
from .lease_file import LeftBehind

BUSY_S = 2.0
# Two that make the tables at once must not trip over one another; any number will do.
ADVISORY = 7_205_759_403
TABLES = (
    "create table if not exists budget_account (budget text not null, period text not null, settled bigint not null, "
    "unknown bigint not null, leased bigint not null, primary key (budget, period))",
    "create table if not exists budget_lease (holder text not null, budget text not null, period text not null, "
    "granted bigint not null, returned bigint not null, settled bigint not null, unknown bigint not null, "
    "closed integer not null, primary key (holder, budget, period))",
    "create index if not exists budget_lease_open on budget_lease (closed, holder)",
    # What an invoice said of calls that nobody had told the cost of: ``unknown`` is what stood for them before.
    "create table if not exists budget_correction (budget text not null, period text not null, "
    "unknown bigint not null, actual bigint not null, primary key (budget, period))",
    # What was settled in each part (``slot``) of a period, which tells how fast it is spent.
    "create table if not exists budget_seen (budget text not null, period text not null, slot integer not null, "
    "seen_at double precision not null, settled bigint not null, primary key (budget, period, slot))",
)
# Made last: where it is, all are.
NEWEST = "budget_seen"
SEE = "insert into budget_seen values (?, ?, ?, ?, ?) on conflict do nothing"
ACCOUNTS = "select budget, period, settled, unknown, leased from budget_account{} order by period desc, budget"
ACCOUNT = "select settled, unknown, leased from budget_account where budget = ? and period = ?"
LEASE = (
    "select granted, returned, settled, unknown, closed from budget_lease "
    "where holder = ? and budget = ? and period = ?"
)
CORRECTION = "select unknown, actual from budget_correction where budget = ? and period = ?"
SET_CORRECTION = (
    "insert into budget_correction values (?, ?, ?, ?) on conflict (budget, period) do update set "
    "unknown = excluded.unknown, actual = excluded.actual"
)
NEW_ACCOUNT = "insert into budget_account values (?, ?, 0, 0, 0) on conflict do nothing"
NEW_LEASE = "insert into budget_lease values (?, ?, ?, 0, 0, 0, 0, 0) on conflict do nothing"
SET_ACCOUNT = "update budget_account set settled = ?, unknown = ?, leased = ? where budget = ? and period = ?"
SET_LEASE = (
    "update budget_lease set granted = ?, returned = ?, settled = ?, unknown = ?, closed = ? "
    "where holder = ? and budget = ? and period = ?"
)


class Asked(Protocol):
    """A worker's word on a lease; see :class:`~switchover.costs.budget.Ask`."""

    @property
    def budget(self) -> str: ...  # noqa: D102
    @property
    def period(self) -> str: ...  # noqa: D102
    @property
    def settled(self) -> int: ...  # noqa: D102
    @property
    def unknown(self) -> int: ...  # noqa: D102
    @property
    def returned(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What one budget has come to in one period, in micro-USD. ``unknown`` is among ``settled``."""

    budget: str
    period: str
    settled: int = 0
    unknown: int = 0
    leased: int = 0


@dataclass(slots=True)
class LeaseRow:
    """One lease as the ledger knows it."""

    budget: str
    period: str
    granted: int = 0
    returned: int = 0
    settled: int = 0
    unknown: int = 0
    closed: int = 0

    @property
    def held(self) -> int:
        """What of it may be spent yet, as far as the ledger knows."""
        return max(self.granted - self.returned - self.settled, 0)


Left = Mapping[tuple[str, str], LeftBehind]


class Ledger:
    """One connection; used by one thread at a time. Build with :meth:`open`. Every method raises StoreUnavailable."""

    def __init__(self, connect: Callable[[], Any], name: str, *, postgres: bool) -> None:
        self._connect, self.name, self._postgres = connect, name, postgres
        self._connection: Any = None

    @classmethod
    def open(cls, data_dir: str | Path, database: str, *, busy_s: float = BUSY_S) -> Ledger:
        """The ledger of a data folder, in a file of its own, or in the store's PostgreSQL (an SQLAlchemy URL).

        Nothing is opened before it is needed. A writer waits ``busy_s`` for another one.
        """
        if not database.startswith("postgres"):
            path = Path(data_dir, "budget.sqlite")
            return cls(lambda: _sqlite(path, busy_s), str(path), postgres=False)
        url = "postgresql" + database[database.index("://") :]
        return cls(lambda: _postgres(url, busy_s), "the PostgreSQL ledger", postgres=True)

    def close(self) -> None:
        """Closes the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()

    def exchange(
        self, holder: str, asks: Sequence[Any], grant: Callable[[Any, int, int], int]
    ) -> list[tuple[int, Account, bool]]:
        """Settles and takes back what a worker says, and grants it more, in one transaction.

        ``grant(ask, settled, leased)``: how much more. Gives for each ask what was granted so far, the account, and
        whether the lease is closed: then nothing is settled on it any more, as all of it has been.
        """
        found: dict[int, tuple[int, Account, bool]] = {}
        with self._write() as run:
            # Always in one order, so that no two wait for each other.
            for place, ask in sorted(enumerate(asks), key=lambda one: (one[1].budget, one[1].period)):
                account, row = self._rows(run, holder, ask.budget, ask.period)
                if row.closed:
                    found[place] = row.granted, account, True
                    continue
                before = row.held
                account = _settled(account, row, ask.settled, ask.unknown)
                row.returned = max(row.returned, ask.returned)
                leased = account.leased + row.held - before
                more = grant(ask, account.settled, leased)
                held = row.held
                row.granted += more
                account = Account(
                    budget=ask.budget, period=ask.period, settled=account.settled, unknown=account.unknown,
                    leased=leased + row.held - held,
                )  # fmt: skip
                self._save(run, holder, row, account)
                found[place] = row.granted, account, False
        return [found[place] for place in range(len(asks))]

    def end(self, holder: str, left: Left | None) -> int:
        """Ends all leases of a holder that spends no more; how many.

        ``left`` says what it had settled and reserved. What it had reserved is settled as unknown; the rest goes back.
        A lease that ``left`` does not know is settled whole, which is right whatever its holder did or still does. One
        that only ``left`` knows is a soft one, which may be spent on before the ledger has heard of it.
        """
        with self._write() as run:
            rows = run("select budget, period from budget_lease where holder = ? and closed = 0", (holder,)).fetchall()
            spent = {name for name, one in (left or {}).items() if one.settled or one.reserved}
            ended = 0
            for budget, period in sorted({(budget, period) for budget, period in rows} | spent):
                account, row = self._rows(run, holder, budget, period)
                if row.closed:
                    continue
                before = row.held
                told = (left or {}).get((budget, period), LeftBehind(row.settled, row.unknown, row.held))
                account = _settled(account, row, told.settled, told.unknown)
                # A hard lease never covers more than was granted; what it seems to is one call seen twice.
                lost = told.reserved if told.soft else min(told.reserved, row.held)
                account = _settled(account, row, row.settled + lost, row.unknown + lost)
                row.closed, ended = 1, ended + 1
                leased = account.leased - before
                self._save(
                    run, holder, row,
                    Account(budget=budget, period=period, settled=account.settled, unknown=account.unknown,
                            leased=leased),
                )  # fmt: skip
        return ended

    def holders(self) -> list[str]:
        """Whoever holds leases that are not closed."""
        with self._read() as run:
            return [row[0] for row in run("select distinct holder from budget_lease where closed = 0", ()).fetchall()]

    def accounts(self, periods: Sequence[str] = ()) -> list[Account]:
        """Every account, or those of some periods, the newest first."""
        where = f" where period in ({', '.join('?' * len(periods))})" if periods else ""
        with self._read() as run:
            rows = run(ACCOUNTS.format(where), tuple(periods)).fetchall()
        return [
            Account(budget=budget, period=period, settled=settled, unknown=unknown, leased=leased)
            for budget, period, settled, unknown, leased in rows
        ]

    def correct(self, budget: str, period: str, actual: int) -> tuple[Account, Account] | None:
        """Puts what an invoice says in the place of what is unknown; said again, in the place of what it said before.

        Gives the account before and after; None where there is none, or calls are under way that it does not cover.
        """
        with self._write() as run:
            lock = " for update" if self._postgres else ""
            found = run(ACCOUNT + lock, (budget, period)).fetchone()
            if found is None or found[2]:
                return None
            before = Account(budget=budget, period=period, settled=found[0], unknown=found[1])
            was, said = run(CORRECTION, (budget, period)).fetchone() or (0, 0)
            after = Account(budget=budget, period=period, settled=before.settled - before.unknown - said + actual)
            run(SET_CORRECTION, (budget, period, was + before.unknown, actual))
            run(SET_ACCOUNT, (after.settled, 0, 0, budget, period))
        return before, after

    def corrected(self) -> set[tuple[str, str]]:
        """The budgets and periods that an invoice has corrected."""
        with self._read() as run:
            return {(row[0], row[1]) for row in run("select budget, period from budget_correction", ()).fetchall()}

    def see(self, rows: Sequence[tuple[str, str, int, float, int]], periods: Sequence[str]) -> None:
        """Keeps what was settled: budget, period, slot, moment, micro-USD; of other ``periods`` nothing stays.

        A slot that somebody has seen is left as it is.
        """
        with self._write() as run:
            run(f"delete from budget_seen where period not in ({', '.join('?' * len(periods))})", tuple(periods))  # noqa: S608  # marks of parameters alone
            for row in rows:
                run(SEE, row)

    def seen(self) -> dict[tuple[str, str], list[tuple[float, int]]]:
        """What was settled when, by budget and period, in the order of time."""
        found: dict[tuple[str, str], list[tuple[float, int]]] = {}
        with self._read() as run:
            text = "select budget, period, seen_at, settled from budget_seen order by budget, period, slot"
            for budget, period, at, settled in run(text, ()).fetchall():
                found.setdefault((budget, period), []).append((at, settled))
        return found

    def _rows(self, run: Any, holder: str, budget: str, period: str) -> tuple[Account, LeaseRow]:
        run(NEW_ACCOUNT, (budget, period))
        run(NEW_LEASE, (holder, budget, period))
        lock = " for update" if self._postgres else ""
        settled, unknown, leased = run(ACCOUNT + lock, (budget, period)).fetchone()
        row = run(LEASE, (holder, budget, period)).fetchone()
        account = Account(budget=budget, period=period, settled=settled, unknown=unknown, leased=leased)
        return account, LeaseRow(budget, period, *row)

    def _save(self, run: Any, holder: str, row: LeaseRow, account: Account) -> None:
        where = (row.budget, row.period)
        run(SET_ACCOUNT, (account.settled, account.unknown, account.leased, *where))
        run(SET_LEASE, (row.granted, row.returned, row.settled, row.unknown, row.closed, holder, *where))

    @contextlib.contextmanager
    def _write(self) -> Iterator[Any]:
        with self._translated():
            connection = self._opened()
            run = self._run(connection)
            try:
                run("begin" if self._postgres else "begin immediate", ())
                yield run
                run("commit", ())
            except BaseException:
                with contextlib.suppress(Exception):
                    run("rollback", ())
                raise

    @contextlib.contextmanager
    def _read(self) -> Iterator[Any]:
        with self._translated():
            yield self._run(self._opened())

    def _opened(self) -> Any:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _run(self, connection: Any) -> Callable[[str, tuple[Any, ...]], Any]:
        if not self._postgres:
            return connection.execute  # type: ignore[no-any-return]  # either driver's, which have no common type
        # psycopg writes parameters otherwise; no text of ours has a question mark or a percent sign of its own.
        return lambda text, values: connection.execute(text.replace("?", "%s"), values)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except StoreUnavailable:
            self.close()
            raise
        except Exception as cause:
            if not isinstance(cause, OSError) and type(cause).__module__.partition(".")[0] not in DRIVERS:
                raise
            # Opened anew the next time: whatever a lost connection had begun is rolled back by the server.
            self.close()
            said = str(cause).splitlines()[0][:200] if not self._postgres and str(cause) else type(cause).__name__
            raise StoreUnavailable(
                f"{self.name}: {said}",
                mend="see that the ledger's disk or server is there, has room, and that nobody holds it locked",
            ) from cause


DRIVERS = ("sqlite3", "psycopg")


def _settled(account: Account, row: LeaseRow, settled: int, unknown: int) -> Account:
    """The account with what the lease has settled in all; ``row`` is brought up to that. Nothing is settled twice."""
    more, less_known = max(settled - row.settled, 0), max(unknown - row.unknown, 0)
    row.settled, row.unknown = row.settled + more, row.unknown + less_known
    return Account(
        budget=account.budget, period=account.period, settled=account.settled + more,
        unknown=account.unknown + less_known, leased=account.leased,
    )  # fmt: skip


def _sqlite(path: Path, busy_s: float) -> Any:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Made here first, so that nobody else can ever read it; SQLite gives its companions the same mode.
    claim(path)
    connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        tables = {row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")}
        if NEWEST not in tables:
            connection.execute("begin immediate")
            for text in TABLES:
                connection.execute(text)
            connection.execute("commit")
    except BaseException:
        connection.close()
        raise
    return connection


def _postgres(url: str, busy_s: float) -> Any:
    try:
        psycopg = import_module("psycopg")
    except ImportError as cause:
        raise StoreUnavailable(
            "the PostgreSQL driver is not installed", mend="install psycopg, or use SQLite on one machine"
        ) from cause
    options = f"-c lock_timeout={int(busy_s * 1000)} -c statement_timeout={int(busy_s * 2000)}"
    connection = psycopg.connect(url, autocommit=True, connect_timeout=max(int(busy_s), 2), options=options)
    try:
        found = connection.execute("select to_regclass(%s)", (NEWEST,)).fetchone()
        if found is None or found[0] is None:
            with connection.transaction():
                connection.execute("select pg_advisory_xact_lock(%s)", (ADVISORY,))
                for text in TABLES:
                    connection.execute(text)
    except BaseException:
        connection.close()
        raise
    return connection
