"""A rehearsal killed once and gone on with; `make resumed` interrupts and kills one twenty times over, at random."""

from __future__ import annotations

import signal

from resumed.histories import interrupted, uninterrupted


def test_a_killed_rehearsal_gives_the_same_verdict_and_replays_nothing_twice(tmp_path):
    whole, calls = uninterrupted(tmp_path / "whole")
    parts, _ = interrupted(tmp_path / "parts", 3, calls, signals=(signal.SIGKILL,))
    assert parts == whole
    assert whole["stopped"] == ""
