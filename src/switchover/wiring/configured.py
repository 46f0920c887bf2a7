"""The configuration that the pages go by: in force, and as it was read."""

from __future__ import annotations

import threading

from switchover.clock import Clock
from switchover.config.load import parse, settings_of
from switchover.config.showing import InForce, Shown, shown
from switchover.domain.process import Settings
from switchover.processes.reload import WatchedSettings


class Configured:
    """Follows the file at ``path``. Threads may share it. Raises ConfigError where it is invalid from the start."""

    def __init__(self, path: str, clock: Clock) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._latest: tuple[Settings, Shown] | None = None
        self._watched = WatchedSettings(self._load(path), self._load)
        self._shown: Shown = self._as_read()
        self._loaded_at = clock.now()

    def settings(self) -> Settings:
        """The settings in force; a valid change of the file is in force from this look on."""
        with self._lock:
            return self._look()

    def in_force(self) -> InForce:
        """The same, to be shown."""
        with self._lock:
            found = self._look()
            return InForce(
                file=found.source, loaded_at=self._loaded_at, settings=self._shown, refused=self._watched.refused
            )  # fmt: skip

    def _look(self) -> Settings:
        before = self._watched.current
        self._watched.changed()
        if self._watched.current is not before:
            self._shown, self._loaded_at = self._as_read(), self._clock.now()
        return self._watched.current

    def _load(self, path: str) -> Settings:
        document, parsed = parse(path)
        settings = settings_of(document, parsed)
        self._latest = settings, shown(document, parsed)
        return settings

    def _as_read(self) -> Shown:
        if self._latest is None or self._latest[0] is not self._watched.current:
            raise RuntimeError("what was read last is not what is in force")
        return self._latest[1]
