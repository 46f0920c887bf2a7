"""A report of the invented organisation, through a real store."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from switchover.costs.ahead import Terms
from switchover.report.assemble import assemble
from switchover.report.model import BoardReport
from switchover.store import Store
from switchover.store.register import build_snapshot
from switchover.testing.sample_organisation import NOW, fill, sample_settings

ENGINES = {"student": "http://127.0.0.1:1"}


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as opened:
        yield opened


@pytest.fixture
def answer(store) -> Callable[..., BoardReport]:
    """Assembles the report of what the store holds; ``settings`` and ``at`` may differ from the sample's."""

    def made(settings=None, *, at=NOW, engines=ENGINES, **options) -> BoardReport:
        found = settings or sample_settings()
        few = {"terms": Terms(draws=200)} | options
        return assemble(store, found, build_snapshot(store, found, engines, at), at, **few)

    return made


@pytest.fixture
def report(store, answer) -> BoardReport:
    """The sample, filled in."""
    fill(store, sample_settings())
    return answer(simulated=("vendor",))


@pytest.fixture(scope="module")
def shared() -> BoardReport:
    """As ``report``, made once for all tests of a file."""
    settings = sample_settings()
    with Store.open("sqlite://") as store:
        fill(store, settings)
        known = build_snapshot(store, settings, ENGINES, NOW)
        return assemble(store, settings, known, NOW, simulated=("vendor",), terms=Terms(draws=200))
