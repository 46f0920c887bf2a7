from __future__ import annotations

from pathlib import Path

import pytest

from switchover.evidence import EvidenceLog
from switchover.testing.clock import ManualClock


@pytest.fixture
def log(tmp_path: Path) -> EvidenceLog:
    return EvidenceLog(tmp_path, ManualClock())
