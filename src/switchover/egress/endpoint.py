"""Where a request goes, and the fixed part of its head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Origin = tuple[bool, str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """Where a request goes, with the fixed part of its head: the credential in it is bound to this origin.

    ``origin`` is whether TLS is spoken, host and port. ``head`` ends in ``content-length: ``, so that a request costs
    one concatenation. ``local`` permits private addresses. Not shown by ``repr``: the head holds the credential.
    """

    origin: Origin
    local: bool
    head: bytes

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.origin[0]

    @property
    def host(self) -> str:
        """Name or address."""
        return self.origin[1]

    @property
    def port(self) -> int:
        """TCP port."""
        return self.origin[2]

    def __repr__(self) -> str:
        return f"Endpoint({'https' if self.secure else 'http'}://{authority(self.host, self.port)})"


def authority(host: str, port: int) -> str:
    """Host and port as they are written in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def frozen(headers: Mapping[str, str]) -> bytes:
    """Header lines as they go on the wire. Raises ValueError for a character that would start another header."""
    lines = []
    for name, value in headers.items():
        line = f"{name}: {value}"
        if "\r" in line or "\n" in line or "\0" in line:
            raise ValueError(f"header {name} holds a line break")
        lines.append(line + "\r\n")
    return "".join(lines).encode("latin-1", "replace")
