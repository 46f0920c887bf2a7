"""A mail server on loopback that speaks SMTP (RFC 5321) with STARTTLS (RFC 3207) and AUTH PLAIN (RFC 4616)."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType

ENOUGH_S = 20.0


@dataclass(slots=True)
class Letter:
    """A message that was taken, and how it came."""

    sender: str
    to: list[str]
    data: bytes
    encrypted: bool
    login: str | None


@dataclass(slots=True)
class _Talk:
    """What was said so far in one conversation."""

    encrypted: bool = False
    login: str | None = None
    sender: str = ""
    to: list[str] = field(default_factory=list)


class MailServer:
    """Takes messages, each conversation in a thread of its own; ``port`` is a free one. Use as a context manager.

    ``tls`` is the server's side; with ``at_once`` it is spoken from the first byte, else offered as STARTTLS. ``login``
    is what AUTH has to bring. ``answers`` takes the place of the answer to a word, such as ``{"RCPT": "550 no"}``; the
    word "" is the greeting. ``drips``: seconds before each byte of an answer. ``lines`` keeps every command, and
    whether it came encrypted.
    """

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        *,
        at_once: bool = False,
        login: str | None = None,
        answers: Mapping[str, str] | None = None,
        drips: float = 0.0,
    ) -> None:
        self._tls, self._at_once, self._login = tls, at_once, login
        self._answers, self._drips = dict(answers or {}), drips
        self.letters: list[Letter] = []
        self.lines: list[tuple[bool, str]] = []
        self._stopping = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> MailServer:
        self._begin(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopping.set()
        for one in (self._listening, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(ENOUGH_S)

    def _begin(self, work: Callable[..., None], *words: object) -> None:
        thread = threading.Thread(target=work, args=words, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                taken, _ = self._listening.accept()
            except OSError:
                return
            taken.settimeout(ENOUGH_S)
            self._sockets.append(taken)
            self._begin(self._serve, taken)

    def _serve(self, taken: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            talk = _Talk()
            if self._tls is not None and self._at_once:
                taken = self._secured(taken, talk)
            self._say(taken, self._answers.get("", "220 here"))
            while self._one(taken, talk):
                if talk.encrypted and not isinstance(taken, ssl.SSLSocket):
                    taken = self._secured(taken, talk)
        with contextlib.suppress(OSError):
            taken.close()

    def _secured(self, taken: socket.socket, talk: _Talk) -> socket.socket:
        if self._tls is None:
            raise ValueError("no TLS here")
        secured = self._tls.wrap_socket(taken, server_side=True)
        self._sockets.append(secured)
        talk.encrypted = True
        return secured

    def _one(self, taken: socket.socket, talk: _Talk) -> bool:
        """One command; False at the end of the conversation."""
        line = self._line(taken)
        self.lines.append((talk.encrypted, line))
        word, _, rest = line.partition(" ")
        word = word.upper()
        if word in self._answers:
            self._say(taken, self._answers[word])
        elif word == "QUIT":
            self._say(taken, "221 bye")
            return False
        elif word == "STARTTLS" and self._tls is not None:
            self._say(taken, "220 go on")
            talk.encrypted = True
        elif word == "DATA":
            self._say(taken, "354 go on")
            self.letters.append(Letter(talk.sender, list(talk.to), self._data(taken), talk.encrypted, talk.login))
            self._say(taken, "250 taken")
        else:
            self._say(taken, self._plain(word, rest, talk))
        return True

    def _plain(self, word: str, rest: str, talk: _Talk) -> str:
        if word == "EHLO":
            offered = ["STARTTLS"] if self._tls is not None and not talk.encrypted else []
            offered += ["AUTH PLAIN"] if self._login is not None else []
            return "\r\n".join([*(f"250-{one}" for one in ("here", *offered)), "250 8BITMIME"])
        if word == "AUTH":
            talk.login = ":".join(base64.b64decode(rest.removeprefix("PLAIN ")).decode().split("\0")[1:])
            return "235 welcome" if talk.login == self._login else "535 who is that"
        if word == "MAIL" and (self._login is None or talk.login == self._login):
            talk.sender, talk.to = _address(rest), []
            return "250 well"
        if word == "RCPT" and talk.sender:
            talk.to.append(_address(rest))
            return "250 well"
        return "250 well" if word in ("RSET", "NOOP") else "503 not so"

    def _data(self, taken: socket.socket) -> bytes:
        lines = []
        while (line := self._line(taken)) != ".":
            lines.append(line.removeprefix("."))
        return "\r\n".join(lines).encode("utf-8", "surrogateescape")

    def _line(self, taken: socket.socket) -> str:
        """A line without its end; byte by byte, so that nothing of a handshake is read along."""
        found = b""
        while not found.endswith(b"\r\n"):
            byte = taken.recv(1)
            if not byte:
                raise ConnectionResetError
            found += byte
        return found[:-2].decode("utf-8", "surrogateescape")

    def _say(self, taken: socket.socket, text: str) -> None:
        data = f"{text}\r\n".encode()
        if not self._drips:
            taken.sendall(data)
            return
        for byte in data:
            if self._stopping.wait(self._drips):
                return
            taken.sendall(bytes([byte]))


def _address(text: str) -> str:
    """What stands between the angle brackets."""
    return text.partition("<")[2].partition(">")[0]
