"""Addresses at which something is wrong, by name: names that do not resolve, ports that refuse or say nothing."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Longer than any timer of the run.
SILENCE_S = 3.0
METADATA = "169.254.169.254"


@contextlib.contextmanager
def places() -> Iterator[dict[str, str]]:
    """The URLs, without path; one that this machine can't offer is absent."""
    found = {"missing": "https://missing.test", "silent": "https://silent.test", "private": "https://private.test"}
    with contextlib.ExitStack() as stack:
        stack.enter_context(_resolver())
        with socket.create_server(("127.0.0.1", 0)) as closed:
            found["refused"] = f"http://127.0.0.1:{closed.getsockname()[1]}"
        found["full"] = f"http://127.0.0.1:{stack.enter_context(_full())}"
        found["stalled"] = f"https://127.0.0.1:{stack.enter_context(_listening(None))}"
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if shutil.which("openssl"):
            found["untrusted"] = f"https://127.0.0.1:{stack.enter_context(_listening(_untrusted(folder)))}"
        yield found


@contextlib.contextmanager
def _resolver() -> Iterator[None]:
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *more: Any, **named: Any) -> Any:
        if host == "missing.test":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if host == "silent.test":
            time.sleep(SILENCE_S)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if host == "private.test":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (METADATA, port))]
        return real(host, port, *more, **named)

    socket.getaddrinfo = resolve
    try:
        yield
    finally:
        socket.getaddrinfo = real


@contextlib.contextmanager
def _full() -> Iterator[int]:
    """A port whose queue of connections is full, so that the next one is not answered."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]


@contextlib.contextmanager
def _listening(context: ssl.SSLContext | None) -> Iterator[int]:
    """A port that takes connections and says nothing; with a context it speaks TLS first."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as server:
        kept: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    taken, _ = server.accept()
                except OSError:
                    return
                kept.append(taken)
                if context is not None:
                    with contextlib.suppress(OSError):
                        kept.append(context.wrap_socket(taken, server_side=True))

        threading.Thread(target=take, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for one in kept:
            one.close()


def _untrusted(folder: Path) -> ssl.SSLContext:
    """A certificate that nobody signed but itself."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate,
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
