"""The configuration file, watched: a valid change comes into force, an invalid one is refused and said once."""

from __future__ import annotations

import os
from collections.abc import Callable

from switchover.domain.process import Settings
from switchover.errors import ConfigError


class WatchedSettings:
    """The settings in force. ``trouble`` is why the file as it stands now is not in force, or nothing.

    ``refused`` is the same with its parts apart, None while the file is in force.
    """

    def __init__(self, settings: Settings, load: Callable[[str], Settings]) -> None:
        self.current, self.trouble = settings, ""
        self.refused: ConfigError | None = None
        self._load = load
        self._seen = self._state()
        self._first = True

    def changed(self) -> bool:
        """Looks at the file; True when other settings came into force."""
        seen = self._state()
        # The file may have changed between its first reading and our first look.
        if seen == self._seen and not self._first:
            return False
        self._seen, self._first = seen, False
        try:
            found = self._load(self.current.source)
            self._check(found)
        except ConfigError as error:
            self.trouble, self.refused = str(error), error
            return False
        except OSError as error:
            why = str(error.strerror or error)
            self.trouble = f"{self.current.source}: {why}; put the file back"
            self.refused = ConfigError(at="the file", got=why, want="the file back", file=self.current.source)
            return False
        self.trouble, self.refused = "", None
        changed = found != self.current
        self.current = found
        return changed

    def _check(self, found: Settings) -> None:
        """What a running Switchover can't change under itself."""
        now = self.current
        fixed = {
            "data": (found.data_dir, now.data_dir),
            "store": (found.database, now.database),
            "store_password": (found.database_password, now.database_password),
            "gateway": (found.gateway, now.gateway),
            "pages": (found.pages, now.pages),
            "egress": (found.egress, now.egress),
            "log": (found.log, now.log),
            "traces": (found.traces, now.traces),
        }
        for name, (asked, current) in fixed.items():
            if asked != current:
                # Neither value is shown: a store's address may hold a password.
                raise ConfigError(
                    at=name, got="another value than at the start", want="a restart of switchover up", file=now.source
                )

    def _state(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self.current.source)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
