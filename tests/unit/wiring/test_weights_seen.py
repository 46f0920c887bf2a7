"""An own engine's weights are known by their content: one round after a file was replaced its proof is void."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import stat
import time
from pathlib import Path

import pytest

from switchover.clock import SystemClock
from switchover.domain.candidate import digest, fingerprint
from switchover.domain.process import Criticality, DataClass, Process, UpstreamSpec
from switchover.errors import OperatorError
from switchover.planning import plan
from switchover.processes.child import announce, fresh_key
from switchover.processes.keeper import Keeper
from switchover.store import Store
from switchover.store.prompt_versions import save_prompt_version
from switchover.store.proofs import save_proof
from switchover.store.snapshot import read_snapshot
from switchover.testing.builders import make_prompt_version, make_proof, make_settings
from switchover.testing.clock import ManualClock
from switchover.testing.served import spec
from switchover.upstreams import weights
from switchover.upstreams.local import EngineFacts
from switchover.upstreams.weights import state_of
from switchover.wiring.running import endpoints
from switchover.wiring.templates import with_templates
from switchover.wiring.trials import seen_of
from switchover.wiring.weights import follow_weights, learn_weights

CONTENT, OTHER = b"GGUF" + b"proven " * 2000, b"GGUF" + b"others " * 2000
VENDOR = spec("vendor", "http://127.0.0.1:9")
UNREAD = "what its weights hold is not known"


@pytest.fixture
def found(tmp_path):
    """Settings with an engine of our own, whose weights are a file."""
    (tmp_path / "own.gguf").write_bytes(CONTENT)
    own = UpstreamSpec(
        name="own", kind="local", model="m", developer="d", host="own", weights=f"file:{tmp_path / 'own.gguf'}"
    )
    process = Process(
        name="claims", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor",
        fallbacks=("own",),
    )  # fmt: skip
    return make_settings(
        source=str(tmp_path / "switchover.yaml"), data_dir=str(tmp_path), processes={"claims": process},
        database=f"sqlite:///{tmp_path / 'store.sqlite'}", upstreams={"vendor": VENDOR, "own": own},
    )  # fmt: skip


def moved(settings, path):
    own = dataclasses.replace(settings.upstreams["own"], weights=f"file:{path}")
    return dataclasses.replace(settings, upstreams={**settings.upstreams, "own": own})


def file_of(settings):
    return Path(settings.upstreams["own"].weights.removeprefix("file:"))


def seen(settings):
    return with_templates(settings, idle=True).upstreams["own"]


def learn(settings):
    asyncio.run(learn_weights(settings, settings.upstreams.values()))
    return seen(settings)


def started(settings):
    """An engine that has loaded the file as it is."""
    data = Path(settings.data_dir)
    fresh_key(data, "own")
    facts = EngineFacts(template="0" * 16, context=512, template_tokens=20, weights=state_of(file_of(settings)))
    announce(data, "own", "http://127.0.0.1:9", facts)


def replaced(settings, content):
    """As a download does it: written beside, then put in the place."""
    beside = file_of(settings).with_suffix(".part")
    beside.write_bytes(content)
    beside.replace(file_of(settings))


def test_a_file_that_was_replaced_is_another_candidate_and_the_same_content_elsewhere_is_the_same(found, tmp_path):
    first = fingerprint(learn(found))
    replaced(found, OTHER)
    assert fingerprint(learn(found)) != first
    replaced(found, CONTENT)
    assert fingerprint(learn(found)) == first
    (tmp_path / "elsewhere.gguf").write_bytes(CONTENT)
    assert fingerprint(learn(moved(found, tmp_path / "elsewhere.gguf"))) == first


def test_one_altered_in_place_that_hides_it_is_read_again(found):
    first, before = learn(found), file_of(found).stat()
    with file_of(found).open("r+b") as file:
        file.seek(100)
        file.write(b"!")
    os.utime(file_of(found), ns=(before.st_atime_ns, before.st_mtime_ns))
    assert seen(found).weights_hash is None
    assert learn(found).weights_hash not in (None, first.weights_hash)


def test_a_file_is_hashed_once_for_each_state_and_what_was_found_is_kept_for_us_alone(found, monkeypatch):
    read, real = [], weights.hash_of
    monkeypatch.setattr("switchover.wiring.weights.hash_of", lambda *given: read.append(1) or real(*given))
    for _ in range(3):
        learn(found)
    assert len(read) == 1
    kept = Path(found.data_dir, "run", "weights.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    kept.write_bytes(b"no json")
    assert seen(found).weights_hash is None
    assert learn(found).weights_hash is not None


def test_an_engine_is_what_it_loaded_only_while_its_file_still_holds_that(found):
    started(found)
    assert seen(found).weights_hash is None
    loaded = learn(found).weights_hash
    assert loaded is not None
    replaced(found, OTHER)
    assert learn(found).weights_hash is None
    started(found)
    assert seen(found).weights_hash not in (None, loaded)
    # The old file is back, but the engine runs the other one.
    replaced(found, CONTENT)
    assert learn(found).weights_hash is None
    started(found)
    assert seen(found).weights_hash == loaded
    file_of(found).unlink()
    assert seen(found).weights_hash == loaded


@pytest.fixture
def kept(found):
    """A keeper; the engine runs and holds a proof, and the vendor is not there."""
    started(found)
    proven, version = learn(found), make_prompt_version(process="claims", upstream="own")
    with Store.open(found.database) as store:
        save_prompt_version(store, version)
        save_proof(store, make_proof(proven, version, VENDOR, process="claims", made_at=1.0, expires_at=4e9))
    keeper = Keeper(
        found, clock=ManualClock(), log=lambda event, **fields: None, load=lambda path: found, endpoints=endpoints,
        as_seen=with_templates, open_store=lambda settings: Store.open(settings.database),
    )  # fmt: skip
    Path(found.source).write_text("one")
    yield keeper
    keeper.close()


def planned(keeper):
    """Who would answer after a round, and why own would not."""
    keeper.round()
    made = plan(read_snapshot(keeper.data / "snapshot.json"), "claims", 2.0)
    why = {one.upstream: one.reason for one in made.skipped}
    return [one.upstream.name for one in made.attempts], why.get("own", "")


def test_a_replaced_file_ends_the_failover_to_it_in_the_next_round(kept, found):
    assert planned(kept) == (["vendor", "own"], "")
    replaced(found, OTHER)
    served, why = planned(kept)
    assert served == ["vendor"]
    assert UNREAD in why
    # Known again, it is another model, which was never proven.
    started(found)
    learn(found)
    assert planned(kept) == (["vendor"], "its proof was made with another model or prompt version")
    replaced(found, CONTENT)
    started(found)
    learn(found)
    assert planned(kept) == (["vendor", "own"], "")


def test_a_round_does_not_wait_for_the_weights_to_be_read(kept, found, monkeypatch):
    """The keeper's loop goes round while 256 gigabytes are read, and ends them when it is told to."""
    (sparse := file_of(found)).unlink()
    with sparse.open("wb") as file:
        file.write(b"GGUF")
        file.truncate(256 << 30)

    async def story():
        following = asyncio.create_task(follow_weights(lambda: found, SystemClock(), lambda event, **fields: None))
        for _ in range(5):
            served, why = await asyncio.to_thread(planned, kept)
            assert (served, UNREAD in why) == (["vendor"], True)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    begun = time.monotonic()
    asyncio.run(story())
    assert time.monotonic() - begun < 60  # several minutes until all is read


def test_a_proof_from_when_weights_were_named_by_their_path_says_so(kept, found):
    by_path = digest(["local", None, "m", found.upstreams["own"].weights, found.upstreams["own"].window])
    version = make_prompt_version(process="claims", upstream="own")
    with Store.open(found.database) as store:
        save_proof(
            store, make_proof(seen(found), version, VENDOR, process="claims", fingerprint=f"{by_path}.{'0' * 16}")
        )
    replaced(found, OTHER)
    started(found)
    learn(found)
    assert "when weights were named by their path" in planned(kept)[1]


def test_starter_weights_are_named_by_what_is_pinned_and_keep_their_proofs():
    starter = UpstreamSpec(name="own", kind="local", model="m", developer="d", host="own", weights="starter")
    assert fingerprint(starter) == digest(["local", None, "m", "starter", starter.window])
    # A proof says "starter": other weights need another name.
    assert weights.STARTER.sha256 == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def test_what_is_not_known_is_not_rehearsed(found):
    started(found)
    replaced(found, OTHER)
    with pytest.raises(OperatorError, match=UNREAD):
        asyncio.run(seen_of(found, [found.upstreams["own"]], None))
