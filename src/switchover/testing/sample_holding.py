"""An invented organisation in which each way to fall short comes once: builders for tests of the four answers.

Two contracts (acme-us, acme-eu) have one parent, acme. Of four critical processes, claims has a replacement that is
proven and drilled, with the same parent; letters one whose proof has expired; intake one whose drill was too slow;
search our own engine, drilled on a quarter of the calls and too slow for the busiest minute. Notes, on secret data, was
never tested and was in part answered where its data may not go; archive has no traffic. What beta answers has no price.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from switchover.costs.metering import meter
from switchover.domain.exchange import Exchange, Usage
from switchover.domain.process import (
    Criticality,
    DataClass,
    Listen,
    Price,
    Process,
    Provider,
    Settings,
    UpstreamSpec,
)
from switchover.store import Store
from switchover.store.drills import save_drill
from switchover.store.indexing import save_exchanges

from .sample_organisation import BEGAN, DAY, prove, sample_drill, sample_exchange

USED = Usage(input=1000, output=100)
MODELS = {"us": "big-1", "eu": "big-1", "open": "open-1", "student": "student"}
# (process, upstream, answers, seconds from one to the next)
TRAFFIC = (
    ("claims", "us", 40, 15),
    ("letters", "us", 20, 30),
    ("intake", "us", 20, 30),
    ("search", "eu", 20, 30),
    ("notes", "open", 15, 60),
    ("notes", "us", 5, 60),
)


def holding_settings(data_dir: str = "data") -> Settings:
    """The organisation as configured."""
    big, own = partial(UpstreamSpec, kind="openai", model="big-1", developer="acme"), "a contract"
    specs = [
        big(name="us", host="acme-us", price=Price(input_mtok="2", output_mtok="8", source=own)),
        big(name="eu", host="acme-eu", price=Price(input_mtok="2.5", output_mtok="10", source=own)),
        UpstreamSpec(name="open", kind="openai", model="open-1", developer="gamma", host="beta"),
        UpstreamSpec(name="student", kind="student", model="student", developer="own", host="own"),
    ]
    providers = [
        Provider(name="acme", home="US"),
        Provider(name="acme-us", home="US", parent="acme", parent_home="US"),
        Provider(name="acme-eu", home="IE", parent="acme", parent_home="US"),
        Provider(name="beta", home="DE"),
        Provider(name="gamma", home="CN"),
        Provider(name="own", home="NL"),
    ]
    return Settings(
        source="switchover.yaml",
        organisation={"domicile": "NL"},
        data_dir=data_dir,
        database="sqlite://",
        gateway=Listen(),
        providers={one.name: one for one in providers},
        upstreams={
            spec.name: spec if spec.is_own else replace(spec, base_url=f"https://{spec.name}.invalid/v1")
            for spec in specs
        },
        processes={process.name: process for process in _processes()},
    )


def _processes() -> list[Process]:
    made = partial(Process, owner="head", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, rto=300.0)
    return [
        made(name="claims", baseline="us", fallbacks=("eu",)),
        made(name="letters", baseline="us", fallbacks=("open",)),
        made(name="intake", baseline="us", fallbacks=("open",)),
        made(name="search", baseline="eu", fallbacks=("student",)),
        made(
            name="notes",
            baseline="open",
            fallbacks=("eu",),
            criticality=Criticality.ORDINARY,
            data=DataClass.SECRET,
            allow={DataClass.SECRET: ("host-home:DE",)},
        ),
        made(name="archive", baseline="us", criticality=Criticality.IMPORTANT),
    ]


def fill_holding(store: Store, settings: Settings, began: float = BEGAN) -> None:
    """Records the traffic as it is billed, four proofs of which one has expired, and three drills.

    ``began`` is a whole hour in Unix seconds; an hour later all is as it is to be.
    """
    now, billed = began + 3600.0, partial(meter, upstreams=settings.upstreams)
    for process, upstream, answers, apart in TRAFFIC:
        save_exchanges(store, [_answer(process, upstream, n, began + n * apart) for n in range(answers)], billed)
    proved = partial(prove, store, settings, made_at=now - 1800, expires_at=now + 20 * DAY)
    eu = proved("claims", "eu", seconds=1.0)
    proved("letters", "open", made_at=now - 40 * DAY, expires_at=now - 10 * DAY, seconds=1.0)
    slow = proved("intake", "open", seconds=1.0)
    own = proved("search", "student", seconds=60.0)
    drilled = partial(sample_drill, begun_at=now - 900)
    for drill in (
        drilled(eu, name="drill-claims", share=1.0, rto=2.5),
        drilled(slow, name="drill-intake", share=1.0, rto=600.0),
        drilled(own, name="drill-search", share=0.25, rto=1.5),
    ):
        save_drill(store, drill)


def _answer(process: str, upstream: str, number: int, at: float) -> Exchange:
    made = sample_exchange(process, number, at, upstream, USED, model=MODELS[upstream])
    return replace(made, id=f"x-{process}-{upstream}-{number:04d}")
