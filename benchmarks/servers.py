"""The servers that are measured: ours, nginx as the floor, and peers from environments of their own."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PEERS = HERE.parent / ".cache" / "bench"
START_S = 60.0


@dataclass(frozen=True)
class Server:
    """One that runs: its first process, where it listens, and the key it wants. ``streams``: whether it can."""

    name: str
    pid: int
    port: int
    token: str = "none"
    streams: bool = True

    @property
    def pids(self) -> list[int]:
        """All its processes."""
        return family(self.pid)


class Missing(Exception):
    """A server is not on this machine; says what installs it."""


def cpu_seconds(pids: list[int]) -> float:
    """User + system time of processes with all their threads."""
    total = 0.0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0]) / 1e9
    return total


def resident_mb(pids: list[int]) -> float:
    """Resident memory of processes, pages they share counted in each."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def family(pid: int) -> list[int]:
    """A process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(grandchild for child in children for grandchild in family(int(child)))]


def cores() -> tuple[int, int]:
    """One core for servers, another for the load; the same one where there is no other."""
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[-1]


def pin(pids: list[int], core: int) -> None:
    """Keeps processes, with all their threads, on one core."""
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(int(task.name), {core})


@contextlib.contextmanager
def running(*command: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A child process and its first line; stopped at the end."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield child, child.stdout.readline().strip() if child.stdout else ""
    finally:
        _stop(child)


def _stop(child: subprocess.Popen[str]) -> None:
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait(10)


@contextlib.contextmanager
def ours(upstream: int, folder: Path, recording: str = "on") -> Iterator[Server]:
    """One worker as `switchover up` runs it; with ``recording`` off it keeps nothing."""
    me = (sys.executable, str(HERE / "gateway.py"), "--role", "gateway", "--recording", recording)
    with running(*me, "--upstream", str(upstream), "--folder", str(folder / recording)) as (child, line):
        port, token = line.split()
        yield Server("switchover", child.pid, int(port), token)


class Nothing:
    """A recorder that keeps nothing."""

    written = 1 << 62
    healthy, gaps = True, 0

    def append(self, record: object) -> int:
        """Takes a record and lets it go."""
        return 1

    async def wait_written(self, number: int, timeout: float = 0.02) -> bool:  # noqa: ASYNC109  # the spool's own name
        """At once."""
        return True

    def close(self) -> None:
        """Nothing to end."""


def recorder(folder: str, recording: str) -> Any:
    """The spool on disk, its records sealed, or nothing."""
    from switchover.clock import SystemClock
    from switchover.privacy.keyring import KeyRing
    from switchover.privacy.sealing import Sealer
    from switchover.store.spool import Spool

    if recording == "off":
        return Nothing()
    clock = SystemClock()
    spool = Spool(Path(folder, "spool"), clock=clock, seal=Sealer(KeyRing(folder, clock)).seal)
    spool.start()
    return spool


def serve_ours(upstream: int, folder: str, recording: str) -> None:
    """Role `gateway`: one worker with keys, plan, breakers, metrics, log, budgets and its spool on disk, sealed."""
    import uvicorn

    from switchover.clock import SystemClock
    from switchover.costs.holding import LedgerHolding
    from switchover.costs.tariffs import tariff
    from switchover.domain.process import Budget, Criticality, DataClass, Price, Process
    from switchover.domain.secret import Secret
    from switchover.egress import Client
    from switchover.gateway import App, FixedSnapshot, Gateway, server_config
    from switchover.gateway.tell import Teller
    from switchover.log import line_log
    from switchover.store.ledger import Ledger
    from switchover.testing.served import PEPPER, register, spec
    from switchover.upstreams import UPSTREAMS

    price = Price(input_mtok="0.40", output_mtok="1.60")
    vendor = spec("vendor", f"http://127.0.0.1:{upstream}", price=price)
    own = spec("own", "http://127.0.0.1:9", kind="anthropic", price=price)
    process = Process(
        name="bench", owner="bench", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL,
        baseline="vendor", fallbacks=("own",), routes=("bench",), budget=Budget(month=10**15),
    )  # fmt: skip
    snapshot, token = register(process, [vendor, own], proven=("own",))
    tariffs = {one.name: made for one in (vendor, own) if (made := tariff(one, 1.0)) is not None}
    snapshot = replace(snapshot, budgets={"organisation": Budget(month=10**15)}, tariffs=tariffs)
    clock = SystemClock()
    client = Client(clock)
    spool = recorder(folder, recording)
    gateway = Gateway(
        FixedSnapshot(snapshot),
        lambda one, url: UPSTREAMS[one.kind](one, url or "", Secret("upstream-key"), client),
        spool,
        clock,
        lambda digest: b"",
        PEPPER,
        # As configured by default: requests that go well have no line.
        teller=Teller(line_log("bench", clock, least="warning")),
        budgets=lambda: LedgerHolding(Ledger.open(folder, "sqlite://"), folder, "bench"),
    )
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listening.getsockname()[1], token, flush=True)
    config = server_config(App(gateway, on_stop=client.close), loop="uvloop")
    # As the worker does: what was imported lives as long as the process.
    gc.collect()
    gc.freeze()
    try:
        uvicorn.Server(config).run([listening])
    finally:
        spool.close()


NGINX = """
daemon off; master_process on; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e; keepalive_requests 1000000;
  upstream mock {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000; }}
  server {{ listen 127.0.0.1:{port}; location / {{
    proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }} }}
}}
"""


@contextlib.contextmanager
def nginx(upstream: int, folder: Path) -> Iterator[Server]:
    """nginx as a reverse proxy. Raises Missing."""
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None:
        raise Missing("nginx is not installed (Debian: nginx-light)")
    port = free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, upstream=upstream, port=port))
    command = (program, "-p", str(folder), "-c", str(folder / "nginx.conf"))
    with _started("nginx", command, port, folder) as server:
        yield server


@contextlib.contextmanager
def smg(upstream: int, folder: Path) -> Iterator[Server]:
    """The Shepherd Model Gateway, in Rust. Raises Missing."""
    port, metrics = free_port(), free_port()
    command = (
        _peer("smg"), "launch", "--host", "127.0.0.1", "--port", str(port), "--policy", "round_robin",
        "--prometheus-host", "127.0.0.1", "--prometheus-port", str(metrics), "--api-key", "none",
        "--worker-urls", f"http://127.0.0.1:{upstream}", "--log-level", "error",
    )  # fmt: skip
    with _started("smg", command, port, folder) as server:
        yield server


MLFLOW = """
endpoints:
  - name: bench
    endpoint_type: llm/v1/chat
    model:
      provider: openai
      name: mock
      config: {{openai_api_key: upstream-key, openai_api_base: "http://127.0.0.1:{upstream}/v1"}}
"""


@contextlib.contextmanager
def mlflow(upstream: int, folder: Path) -> Iterator[Server]:
    """MLflow's gateway, on the server it runs on itself. It fails on the mock's streams. Raises Missing."""
    port, config = free_port(), folder / "mlflow.yaml"
    python = _peer("mlflow", "python")
    config.write_text(MLFLOW.format(upstream=upstream))
    command = (
        python, "-m", "uvicorn", "--factory", "mlflow.gateway.app:create_app_from_env",
        "--port", str(port), "--log-level", "error",
    )  # fmt: skip
    settings = {"MLFLOW_GATEWAY_CONFIG": str(config), "MLFLOW_GATEWAY_RESOLVE_API_KEY_FROM_ENV": "true"}
    with _started("mlflow", command, port, folder, settings) as server:
        yield Server(server.name, server.pid, server.port, streams=False)


def _peer(name: str, program: str | None = None) -> str:
    found = PEERS / name / "bin" / (program or name)
    if not found.exists():
        raise Missing(f"{name} is not installed; `make bench` does it, from requirements/bench-{name}.txt")
    return str(found)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


@contextlib.contextmanager
def _started(
    name: str, command: tuple[str, ...], port: int, folder: Path, settings: dict[str, str] | None = None
) -> Iterator[Server]:
    """A server that is waited for until it takes connections."""
    with (folder / f"{name}.log").open("w") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log, text=True, env={**os.environ, **(settings or {})})
    try:
        end = time.monotonic() + START_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if child.poll() is not None or time.monotonic() > end:
                raise Missing(f"{name} did not start: {(folder / f'{name}.log').read_text()[-300:]}")
            time.sleep(0.05)
        yield Server(name, child.pid, port)
    finally:
        _stop(child)
