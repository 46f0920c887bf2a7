"""The configuration that the pages go by: a valid change is shown, a refused one with what is wrong with it."""

from __future__ import annotations

import os

import pytest

from switchover.errors import ConfigError
from switchover.testing.clock import ManualClock
from switchover.testing.sample_candidates import CONFIGURATION
from switchover.wiring.configured import Configured


class File:
    """A configuration whose every writing is seen, whatever the file system's clock can tell apart."""

    def __init__(self, path) -> None:
        self.path, self._stamp = path, 1_700_000_000
        self.write(CONFIGURATION)

    def write(self, text: str) -> None:
        self.path.write_text(text, encoding="utf-8")
        self._stamp += 1
        os.utime(self.path, (self._stamp, self._stamp))


@pytest.fixture
def file(tmp_path):
    return File(tmp_path / "switchover.yaml")


def value(configured, path):
    return configured.in_force().settings.find(path).value


def test_a_valid_change_comes_into_force_and_is_shown_with_the_moment(file):
    configured = Configured(str(file.path), clock := ManualClock())
    assert value(configured, "processes.messages.owner") == "head-of-service"
    clock.advance(60)
    file.write(CONFIGURATION.replace("head-of-service", "head-of-claims"))
    found = configured.in_force()
    assert found.settings.find("processes.messages.owner").value == "head-of-claims"
    assert found.loaded_at == clock.now()
    assert configured.settings().processes["messages"].owner == "head-of-claims"


def test_what_is_refused_is_not_shown_as_in_force_and_says_where(file):
    configured = Configured(str(file.path), ManualClock())
    file.write(CONFIGURATION.replace("criticality: critical", "criticality: dire").replace("head-of-service", "nobody"))
    found = configured.in_force()
    assert found.settings.find("processes.messages.owner").value == "head-of-service"
    assert (found.refused.at, found.refused.got, found.refused.line) == ("processes.messages.criticality", "dire", 12)
    assert configured.settings().processes["messages"].owner == "head-of-service"
    file.write(CONFIGURATION)
    assert configured.in_force().refused is None


def test_what_only_a_restart_can_change_is_refused_and_neither_value_shown(file):
    configured = Configured(str(file.path), ManualClock())
    file.write(CONFIGURATION.replace("data: ./data", "data: ./elsewhere"))
    found = configured.in_force()
    assert (found.refused.at, found.settings.find("data").value) == ("data", "./data")
    assert found.refused.want == "a restart of switchover up"


def test_a_file_that_is_gone_leaves_in_force_what_was(file):
    configured = Configured(str(file.path), ManualClock())
    file.path.unlink()
    assert configured.in_force().refused.got == "No such file or directory"
    assert "messages" in configured.settings().processes


def test_a_file_that_is_invalid_from_the_start_is_refused(file):
    file.write("upstreams: {}")
    with pytest.raises(ConfigError):
        Configured(str(file.path), ManualClock())
