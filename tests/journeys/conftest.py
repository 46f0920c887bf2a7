"""A stage for journeys: a folder with a configuration, a fake vendor, and `switchover` as people run it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import openai
import pytest
from journeys.browser import Browser, found
from journeys.commands import Commands

from switchover.config import load
from switchover.domain.exchange import Exchange
from switchover.errors import WeightsMissing
from switchover.store import Store
from switchover.store.exchanges import list_exchanges
from switchover.store.register import register_version
from switchover.testing.fake_vendor import FakeVendor
from switchover.upstreams.weights import folders, resolve
from switchover.wiring.parts import open_store
from switchover.wiring.register import create_key

ROOT = Path(__file__).parents[2]
# It takes minutes: `make soak`.
collect_ignore = [] if os.environ.get("SOAK") else ["test_soak.py"]
PRODUCT = (sys.executable, "-m", "switchover")
# Seconds. It ends what hangs and measures nothing: whatever is waited for takes far less, on a slow machine, too.
PATIENCE = 120.0
IN_FORCE = re.compile(r'(worker-\d+)(?:: |","event":")register in force(?: version=|","version":)(\d+)')
SAY = [{"role": "user", "content": "where is my claim?"}]
ANSWERS = {"where is my claim?": "claim_status", "I want to leave": "cancellation"}
CONFIGURATION = """\
organisation: {{domicile: NL}}
data: ./data
gateway: {{host: 127.0.0.1, port: 0, workers: {workers}}}
pages: {{serve: false}}
providers: {{acme: {{home: US}}}}
upstreams:
  vendor: {{kind: openai, base_url: "{vendor}/v1", key: env:VENDOR_KEY, model: big-1, developer: acme, host: acme}}
{upstreams}
processes:
  messages:
    owner: head-of-service
    criticality: critical
    data: internal
    baseline: vendor
{process}
"""


class Stage:
    """One folder with its configuration; commands run in it."""

    product = PRODUCT

    def __init__(self, folder: Path, vendor: FakeVendor | None, commands: Commands) -> None:
        self.folder, self.vendor, self.commands = folder, vendor, commands
        self.config = folder / "switchover.yaml"
        self.data = folder / "data"
        self.env = {**os.environ, "VENDOR_KEY": vendor.key if vendor else "none", "COLUMNS": "200"}
        self.child: subprocess.Popen[bytes] | None = None
        self.url = ""

    @staticmethod
    def until(condition, why=lambda: "it never came about") -> None:
        until(condition, why)

    @property
    def log(self) -> Path:
        return self.folder / "up.log"

    @property
    def database(self) -> str:
        return f"sqlite:///{self.data / 'store.sqlite'}"

    def write(self, *, workers: int = 1, upstreams: str = "", process: str = "") -> None:
        vendor = self.vendor.url if self.vendor else "http://127.0.0.1:9"
        text = CONFIGURATION.format(vendor=vendor, workers=workers, upstreams=upstreams, process=process)
        self.config.write_text(text, encoding="utf-8")

    def edit(self, old: str, new: str) -> None:
        """Changes one line, as an editor does: aside, then renamed."""
        text = self.config.read_text(encoding="utf-8")
        assert old in text
        beside = self.config.with_suffix(".new")
        beside.write_text(text.replace(old, new), encoding="utf-8")
        beside.replace(self.config)

    def run(self, *words: str, timeout: float = PATIENCE, preexec_fn=None) -> subprocess.CompletedProcess[str]:
        """A command's end. One that is to begin with ``preexec_fn`` starts from nothing, as all do elsewhere."""
        if preexec_fn is None:
            done = self.commands.run(words, cwd=self.folder, env=self.env, timeout=timeout)
        else:
            done = subprocess.run(
                [*PRODUCT, *words], cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=timeout,
                check=False, preexec_fn=preexec_fn,
            )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def done(self, *words: str) -> str:
        """What a command that succeeds prints."""
        result = self.run(*words)
        assert result.returncode == 0, f"{words}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result.stdout

    def told(self, *words: str) -> object:
        return json.loads(self.done(*words, "--json"))

    def up(self, *ready: str) -> None:
        """Starts everything, and waits until the gateway answers and the children named say that they are ready.

        What a test that failed left running is ended first: it would hold the folder.
        """
        self.down()
        with self.log.open("ab") as out:
            self.child = subprocess.Popen(
                [*PRODUCT, "up"], cwd=self.folder, env=self.env, stdout=out, stderr=out, stdin=subprocess.DEVNULL
            )
        place = self.data / "run" / "gateway.json"
        until(lambda: place.exists() and json.loads(place.read_bytes())["pid"] == self.child.pid, self.said)
        self.url = json.loads(place.read_bytes())["url"]
        until(lambda: all(self.children().get(name, {}).get("ready") for name in ready), self.said)

    def down(self) -> int:
        """SIGTERM, and the exit status."""
        child, self.child = self.child, None
        if child is None:
            return 0
        child.send_signal(signal.SIGTERM)
        try:
            return child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            raise

    def said(self, lines: int = 20) -> str:
        """The last lines of the log, whole ones only."""
        whole, _, _ = self.log.read_text(encoding="utf-8", errors="replace").rpartition("\n")
        return "\n".join(whole.splitlines()[-lines:])

    def logged(self, event: str) -> list[dict[str, object]]:
        """What the log has told of an event so far."""
        lines = [line for line in self.said(10**6).splitlines() if line.startswith("{")]
        return [line for line in map(json.loads, lines) if line["event"] == event]

    def followed(self) -> None:
        """Returns once every worker goes by all that the register holds."""
        with self.store() as store:
            newest = register_version(store)
        workers = {name for name in self.children() if name.startswith("worker-")}
        assert workers, self.said()

        def all_follow() -> bool:
            known = {worker: int(version) for worker, version in IN_FORCE.findall(self.said(10**6))}
            return all(known.get(worker, -1) >= newest for worker in workers)

        until(all_follow, self.said)

    def children(self) -> dict[str, dict[str, object]]:
        return self._state("supervisor.json").get("children", {})

    def keeper(self) -> dict[str, object]:
        return self._state("keeper.json")

    def _state(self, name: str) -> dict[str, object]:
        try:
            return json.loads((self.data / "run" / name).read_bytes())
        except (OSError, ValueError):
            return {}

    def key(self, process: str = "messages") -> str:
        """A new caller key that every worker knows."""
        token = create_key(self.settings(), process)[1].reveal()
        if self.child is not None:
            with self.client(token) as client:
                until(lambda: _admitted(client))
            # One connection is one worker.
            self.followed()
        return token

    def client(self, token: str) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=token, max_retries=0)

    def recorded(self, **wanted: object) -> list[Exchange]:
        """What the store holds, newest first."""
        with self.store() as store:
            return list_exchanges(store, limit=10_000, **wanted)

    def store(self) -> Store:
        return open_store(self.settings())

    def settings(self):
        return load(str(self.config), self.env)


def _admitted(client: openai.OpenAI) -> bool:
    try:
        client.models.list()
    except openai.APIStatusError:
        return False
    return True


def until(condition, why=lambda: "it never came about"):
    """Waits for what happens in another process."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, why()
        time.sleep(0.02)


@pytest.fixture(scope="session")
def weights() -> Path:
    """The starter weights; without them a test is left out, or fails when nothing may be."""
    named = {**os.environ, "SWITCHOVER_WEIGHTS": os.environ.get("SWITCHOVER_WEIGHTS", str(ROOT / ".cache" / "weights"))}
    if not any(folder.is_dir() for folder in folders(ROOT, named)):
        named.pop("SWITCHOVER_WEIGHTS")
    try:
        return resolve("starter", ROOT, named)
    except WeightsMissing as missing:
        if os.environ.get("STRICT") == "1":
            pytest.fail(f"STRICT=1 wants the starter weights: {missing}")
        pytest.skip(f"no starter weights on this machine: {missing}")


@pytest.fixture(scope="session")
def program():
    """The browser of this machine; without one a test is left out, or fails when nothing may be."""
    program = found()
    if program is None:
        said = "no browser is installed (chromium, google-chrome)"
        if os.environ.get("STRICT") == "1":
            pytest.fail(said)
        pytest.skip(said)
    return program


@pytest.fixture(scope="module")
def browser(program, tmp_path_factory):
    """A browser of a file's own, as wide as a desk's."""
    made = Browser(program, tmp_path_factory.mktemp("browser"))
    made.size(1440)
    yield made
    made.close()


@pytest.fixture(scope="module")
def vendor():
    with FakeVendor(ANSWERS) as running:
        yield running


@pytest.fixture(scope="session")
def commands():
    made = Commands()
    yield made
    made.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory, vendor, commands):
    """A stage with a vendor, shared by the tests of a file; whatever still runs at the end is ended."""
    made = Stage(tmp_path_factory.mktemp("stage"), vendor, commands)
    yield made
    made.down()


@pytest.fixture
def alone(tmp_path, commands):
    """A stage without a vendor, for one test."""
    made = Stage(tmp_path, None, commands)
    yield made
    made.down()


@pytest.fixture(scope="session")
def helpers():
    """What tests of this folder share; they can't import it."""

    class Helpers:
        say, wait_until, product, find = SAY, staticmethod(until), PRODUCT, staticmethod(re.findall)

    return Helpers


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests that ask for a browser are marked as they are found: whatever picks tests by mark does so after that."""
    if "program" in getattr(item, "fixturenames", ()):
        item.add_marker("browser")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A journey is told in order: its tests share one running stage, which the last of them takes down.

    Journeys are the longest files and come first, so that none of them is left to one worker at the end.
    """
    told = [item for item in items if Path(__file__).parent in item.path.parents]
    if told:
        others = [item for item in items if item not in set(told)]
        items[:] = sorted(told, key=lambda item: (str(item.path), item.reportinfo()[1] or 0)) + others
