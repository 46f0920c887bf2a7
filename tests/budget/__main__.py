"""Random histories of a budget: workers in processes of their own, killed and paused at any point.

`python tests/budget [SEED] [HISTORIES]`. BUDGET_URL names a PostgreSQL for the ledger (an SQLAlchemy URL); without it,
SQLite. At every prefix: served <= settled + reserved <= cap. At the end: settled is what was served, to the millionth
of a dollar for calls that ended with usage. A ledger with the race planted must be caught. Exit status 1 if anything is
not so.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from history import Wrong, check_end, check_prefixes, read, served
from worker import main as work

from switchover.costs.holding import settle_the_dead
from switchover.errors import StoreUnavailable
from switchover.store.ledger import Account, Ledger

WORKERS = 4
# Every state of the ledger that was over the cap, however short it was.
BREACHES = "create table if not exists breach (settled bigint, leased bigint)"
TRIGGERS = {
    False: ["create trigger over after update on budget_account when new.settled + new.leased > {cap} "
            "begin insert into breach values (new.settled, new.leased); end"],
    True: ["create or replace function breached() returns trigger language plpgsql as "
           "'begin insert into breach values (new.settled, new.leased); return null; end'",
           "create or replace trigger over after update on budget_account for each row "
           "when (new.settled + new.leased > {cap}) execute function breached()"],
}  # fmt: skip


@dataclass
class Done:
    """What a history came to."""

    lines: int
    attempts: int
    refused: int
    unknown: int
    kills: int
    pauses: int
    looks: int
    settled: int


class History:
    """Four workers on one ledger, and somebody who kills and pauses them; a killed one is replaced."""

    def __init__(
        self, folder: Path, database: str, seed: int, *, calls: int, cap: int, trouble: int, racy: bool = False
    ) -> None:
        self.folder, self.database, self.cap, self.calls, self.racy = folder, database, cap, calls, racy
        self.rng, self.trouble = random.Random(seed), trouble
        self.ledger = Ledger.open(folder, database)
        self.budget = "organisation"
        self.living: dict[str, int] = {}
        self.made = self.kills = self.pauses = self.looks = 0

    def run(self) -> Done:
        """The whole of it. Raises Wrong."""
        try:
            self._watch()
            for _ in range(WORKERS):
                self._begin()
            self._disturb()
            while self._running():
                self._look()
                time.sleep(0.01)
        finally:
            for name in self._running():
                self._kill(name)
        settle_the_dead(self.ledger, self.folder)
        lines, account = self._lines(), self._account()
        with self.ledger._read() as run:
            breaches = run("select settled, leased from breach", ()).fetchall()
        if breaches:
            raise Wrong(f"{breaches[0][0]} were settled and {breaches[0][1]} leased, of {self.cap}")
        check_prefixes(lines, self.cap)
        check_end(lines, account.settled, account.unknown, account.leased)
        self._within(account)
        self.ledger.close()
        attempts = read(lines).values()
        return Done(
            len(lines), len(attempts), sum(one.refused for one in attempts), account.unknown, self.kills, self.pauses,
            self.looks, account.settled,
        )  # fmt: skip

    def _watch(self) -> None:
        """Has the ledger keep what it must never be."""
        self.ledger.accounts()
        with self.ledger._write() as run:
            for text in ("delete from budget_account", "delete from budget_lease", BREACHES, "delete from breach"):
                run(text, ())
            for text in TRIGGERS[self.ledger._postgres]:
                run(text.format(cap=self.cap), ())

    def _begin(self) -> None:
        """One more worker: a process of its own, which has imported everything already."""
        name = f"w{self.made}"
        self.made += 1
        words = [self.folder, self.database, name, self.rng.randrange(1 << 30), self.calls, self.cap]
        # SQLite's locks are their process's: no connection may be carried over.
        self.ledger.close()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                work(*map(str, words), *(["racy"] if self.racy else []))
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        self.living[name] = pid

    def _running(self) -> list[str]:
        """Who lives. Raises Wrong for one that ended by a fault of its own."""
        for name, pid in list(self.living.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del self.living[name]
                if status:
                    raise Wrong(f"{name} ended with status {status}")
        return list(self.living)

    def _kill(self, name: str) -> None:
        pid = self.living.pop(name)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    def _disturb(self) -> None:
        """Kills and pauses, at moments and of workers that chance names."""
        rng = self.rng
        for _ in range(self.trouble):
            time.sleep(rng.uniform(0.0, 0.06))
            running = self._running()
            if not running:
                return
            name = rng.choice(running)
            if rng.random() < 0.5:
                self._kill(name)
                self.kills += 1
                # As the keeper does, or a worker that takes its place.
                if rng.random() < 0.7:
                    self._settle()
                self._begin()
            else:
                self.pauses += 1
                os.kill(self.living[name], signal.SIGSTOP)
                time.sleep(rng.uniform(0.0, 0.1))
                self._look()
                os.kill(self.living[name], signal.SIGCONT)

    def _settle(self) -> None:
        try:
            settle_the_dead(self.ledger, self.folder)
        except StoreUnavailable:
            # A paused worker holds the ledger just now: the next look does it.
            return

    def _look(self) -> None:
        """What was served by now is settled or leased once the ledger is asked; and that is within the cap."""
        total = [0, *served(self._lines())][-1]
        try:
            account = self._account()
        except StoreUnavailable:
            return
        self.looks += 1
        self._within(account)
        if total > account.settled + account.leased:
            raise Wrong(f"{total} were served, {account.settled} settled and {account.leased} leased")

    def _within(self, account: Account) -> None:
        if account.settled + account.leased > self.cap:
            raise Wrong(f"{account.settled} are settled and {account.leased} leased, of {self.cap}")

    def _account(self) -> Account:
        found = [one for one in self.ledger.accounts() if one.budget == self.budget]
        return found[0] if found else Account(budget=self.budget, period="")

    def _lines(self) -> list[str]:
        try:
            text = (self.folder / "history").read_text(encoding="ascii")
        except FileNotFoundError:
            return []
        return [line for line in text.split("\n")[:-1] if not line.startswith("END")]


def history(seed: int, *, racy: bool = False, calls: int = 400, trouble: int = 20, cap: int = 0) -> Done:
    """One history in a folder of its own. Raises Wrong."""
    url = os.environ.get("BUDGET_URL", "sqlite://")
    cap = cap or random.Random(seed).choice([calls * share for share in (500, 2_000, 10_000)])
    with tempfile.TemporaryDirectory() as folder:
        return History(Path(folder), url, seed, calls=calls, cap=cap, trouble=trouble, racy=racy).run()


def caught(seed: int, *, calls: int = 400, most: int = 10) -> int:
    """How many histories it took until the planted race was caught; 0: it was not."""
    for number in range(1, most + 1):
        try:
            history(seed + number, racy=True, trouble=0, calls=calls, cap=200_000)
        except Wrong:
            return number
    return 0


def main(seed: int = 1, histories: int = 20, calls: int = 400) -> int:
    """Prints a line per history; the exit status."""
    print(f"ledger: {os.environ.get('BUDGET_URL', 'sqlite').partition(':')[0]}; seed {seed}")
    for number in range(histories):
        try:
            done = history(seed + number, calls=calls)
        except Wrong as wrong:
            print(f"history {seed + number}: WRONG: {wrong}")
            return 1
        print(f"history {seed + number}: {done}", flush=True)
    took = caught(seed, calls=calls)
    print(f"the planted race was {f'caught in history {took}' if took else 'NOT caught'}")
    return 0 if took else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:4])))
