"""Random histories of a budget: workers in processes of their own, killed and paused at any point.

`python tests/budget [SEED] [HISTORIES]`. BUDGET_URL names a PostgreSQL for the ledger (an SQLAlchemy URL); without it,
SQLite. Of every budget - the organisation's, the process's, a provider's, a caller key's - at every prefix: served <=
settled + reserved <= cap, where the cap is hard. At the end: settled is what was served, to the millionth of a dollar
for calls that ended with usage, of soft ones too. A ledger with the race planted must be caught. Exit status 1 if
anything is not so.
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

from history import CHARGED, Wrong, check_end, check_prefixes, lines_of, read, served
from worker import caps
from worker import main as work

from switchover.costs.holding import settle_the_dead
from switchover.errors import StoreUnavailable
from switchover.store.ledger import Account, Ledger

WORKERS = 4
# Every state of the ledger that was over the cap, however short it was.
BREACHES = "create table if not exists breach (settled bigint, leased bigint)"
TRIGGERS = {
    False: ["create trigger over after update on budget_account when new.settled + new.leased > {caps} "
            "begin insert into breach values (new.settled, new.leased); end"],
    True: ["create or replace function breached() returns trigger language plpgsql as "
           "'begin insert into breach values (new.settled, new.leased); return null; end'",
           "create or replace trigger over after update on budget_account for each row "
           "when (new.settled + new.leased > {caps}) execute function breached()"],
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
    soft_over: bool


class History:
    """Four workers on one ledger, and somebody who kills and pauses them; a killed one is replaced."""

    def __init__(
        self, folder: Path, database: str, seed: int, *, calls: int, cap: int, trouble: int, racy: bool = False
    ) -> None:
        self.folder, self.database, self.cap, self.calls, self.racy = folder, database, cap, calls, racy
        self.rng, self.trouble = random.Random(seed), trouble
        self.ledger = Ledger.open(folder, database)
        # The hard ones.
        self.caps = {name: one.month or 0 for name, one in caps(cap).items() if one.kind == "hard"}
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
        lines, accounts = self._lines(), self._accounts()
        with self.ledger._read() as run:
            breaches = run("select settled, leased from breach", ()).fetchall()
        if breaches:
            raise Wrong(f"{breaches[0][0]} were settled and {breaches[0][1]} leased, of {self.cap}")
        for name, account in accounts.items():
            mine = lines_of(lines, name)
            if name in self.caps:
                check_prefixes(mine, self.caps[name])
            check_end(mine, account)
            self._within(account)
        self.ledger.close()
        attempts = read(lines).values()
        return Done(
            len(lines), len(attempts), sum(one.refused for one in attempts), accounts["organisation"].unknown,
            self.kills, self.pauses, self.looks, accounts["organisation"].settled,
            accounts["key:softkeyx"].settled > (caps(self.cap)["key:softkeyx"].month or 0),
        )  # fmt: skip

    def _watch(self) -> None:
        """Has the ledger keep what it must never be."""
        self.ledger.accounts()
        with self.ledger._write() as run:
            for text in ("delete from budget_account", "delete from budget_lease", BREACHES, "delete from breach"):
                run(text, ())
            each = " ".join(f"when '{name}' then {cap}" for name, cap in self.caps.items())
            for text in TRIGGERS[self.ledger._postgres]:
                run(text.format(caps=f"case new.budget {each} else {1 << 62} end"), ())

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
        lines = self._lines()
        try:
            accounts = self._accounts()
        except StoreUnavailable:
            return
        self.looks += 1
        for name, account in accounts.items():
            self._within(account)
            total = [0, *served(lines_of(lines, name))][-1]
            # What a soft cap lets pass is in the ledger a moment later.
            if name in self.caps and total > account.settled + account.leased:
                raise Wrong(f"{total} of {name} were served, {account.settled} settled and {account.leased} leased")

    def _within(self, account: Account) -> None:
        cap = self.caps.get(account.budget)
        if cap is not None and account.settled + account.leased > cap:
            raise Wrong(f"{account.settled} of {account.budget} are settled and {account.leased} leased, of {cap}")

    def _accounts(self) -> dict[str, Account]:
        found = {one.budget: one for one in self.ledger.accounts()}
        return {name: found.get(name, Account(budget=name, period="")) for name in CHARGED}

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
