"""The pages, served for the tests of a file."""

from __future__ import annotations

import pytest
from journeys.served_pages import served_in, with_people

from switchover.wiring import answer


@pytest.fixture(scope="module")
def unknown(tmp_path_factory):
    """Pages of a Switchover at which nobody is known yet."""
    made = served_in(tmp_path_factory.mktemp("unknown"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Pages of a Switchover with people."""
    made = with_people(tmp_path_factory.mktemp("served"))
    made.report = answer.issue(made.settings, made.admin).report.id
    yield made
    made.close()
