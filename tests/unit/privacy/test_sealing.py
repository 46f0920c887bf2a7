"""Records sealed on their way to the disk: nothing in clear, in order, and lost rather than written as they are."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace

import pytest

from switchover.clock import SystemClock
from switchover.domain.exchange import Exchange, Intent, Sealed
from switchover.domain.process import Bodies
from switchover.errors import ConfigError, StoreUnavailable
from switchover.privacy.sealing import Sealer, month_of
from switchover.processes.indexing import index_all
from switchover.store import Store, spool_writer
from switchover.store.exchanges import get_exchange, iter_exchanges, list_exchanges
from switchover.store.indexing import save_exchanges
from switchover.store.ring import Reach, Scope
from switchover.store.spool import Gap, Spool, read_spool
from switchover.store.spool_writer import Writer
from switchover.testing.builders import NOW, make_exchange

CANARY = "canary-words-4b1e"


@pytest.fixture
def sealer(ring):
    return Sealer(ring)


def words(**more):
    fields = {"text": f"{CANARY} asked", "answer": f"{CANARY} answered", "metadata": {"note": f"{CANARY} noted"}}
    return make_exchange(**fields | more)


def intent(number):
    return Intent(id=f"i{number}", process="claims", route="claims", dialect="openai_chat", started_at=NOW)


def begun(folder, seal, **more):
    spool = Spool(folder / "spool" / "w0", clock=SystemClock(), seal=seal, **more)
    spool.start()
    return spool


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def in_clear(folder):
    return [path.name for path in folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]


def test_what_is_sealed_comes_back_and_only_under_its_own_name_and_key(sealer):
    exchange = words()
    [bare] = sealer.seal([exchange])
    assert (bare.request, bare.answer, dict(bare.metadata)) == (b"", b"", {})
    assert CANARY.encode() not in bare.sealed.content
    assert exchange.request, "the gateway still tells of it"
    assert CANARY.encode() in sealer.open(bare.sealed.key, exchange.id, bare.sealed.content)
    other = sealer.ring.wrapping([Scope("other", "", "2026-05")])[Scope("other", "", "2026-05")]
    for key, name, content in (
        (bare.sealed.key, "another", bare.sealed.content),
        (other.id, exchange.id, bare.sealed.content),
        (bare.sealed.key, exchange.id, bare.sealed.content[:-1]),
        (bare.sealed.key, exchange.id, b"\2" + bare.sealed.content[1:]),
        (bare.sealed.key, exchange.id, b""),
    ):
        with pytest.raises(StoreUnavailable, match="was changed"):
            sealer.open(key, name, content)


def test_each_record_has_a_key_of_its_own(sealer):
    one, two = sealer.seal([words(id="a"), words(id="a")])
    assert one.sealed.key == two.sealed.key
    assert one.sealed.content[13:61] != two.sealed.content[13:61]
    assert one.sealed.content[61:] != two.sealed.content[61:]


def test_a_subject_and_a_month_have_their_own_key(sealer):
    at = [NOW, NOW, NOW + 40 * 86_400]
    batch = [words(started_at=at[0]), words(started_at=at[1], subject="ab" * 32), words(started_at=at[2])]
    assert len({one.sealed.key for one in sealer.seal(batch)}) == 3
    assert month_of(1_772_323_199.9) == "2026-02"
    assert month_of(1_772_323_200.0) == "2026-03"


def test_what_has_no_words_is_not_sealed_and_what_is_sealed_is_not_sealed_again(sealer):
    empty = replace(make_exchange(), request=b"", answer=b"")
    done = words().bare(Sealed(key="k", content=b"c"))
    assert sealer.seal([empty, done]) == [empty, done]
    [only] = sealer.seal([replace(empty, metadata={"note": CANARY})])
    assert only.sealed is not None


def test_no_word_is_in_spool_store_or_ring_and_all_of_it_is_read_with_the_ring(tmp_path, sealer):
    spool = begun(tmp_path, sealer.seal)
    exchange = words(id="x1", subject="ab" * 32)
    spool.append(intent(1))
    spool.append(exchange)
    spool.close()
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite", sealer=sealer) as store:
        assert index_all(store, tmp_path / "spool", NOW)[0] == 1
        assert in_clear(tmp_path) == []
        found = get_exchange(store, "x1")
        assert (found.request, found.answer) == (exchange.request, exchange.answer)
        assert (dict(found.metadata), found.bodies) == (exchange.metadata, Bodies.FULL)
        assert in_clear(tmp_path) == []
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as blind:
        assert list_exchanges(blind, bodies=False)[0].id == "x1"
        with pytest.raises(StoreUnavailable, match="is sealed"):
            get_exchange(blind, "x1")


def test_a_store_is_filled_again_from_a_sealed_spool(tmp_path, sealer):
    spool = begun(tmp_path, sealer.seal)
    for number in range(300):
        spool.append(words(id=f"x{number:03d}"))
    spool.close()
    kept = []
    for name in ("first", "second"):
        with Store.open(f"sqlite:///{tmp_path}/{name}.sqlite", sealer=sealer) as store:
            assert index_all(store, tmp_path / "spool", NOW)[0] == 300
            kept.append(list_exchanges(store, limit=1000, newest_first=False))
    assert kept[0] == kept[1]
    assert CANARY.encode() in kept[0][0].request


def test_what_is_erased_reads_as_erased_and_no_trial_meets_it(tmp_path, sealer):
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite", sealer=sealer) as store:
        save_exchanges(store, [words(id="gone", subject="ab" * 32), words(id="kept")])
        assert {one.id for one in iter_exchanges(store, "customer-messages")} == {"gone", "kept"}
        sealer.ring.erase(Reach(subject="ab" * 32))
        gone = get_exchange(store, "gone")
        assert (gone.request, gone.answer, gone.bodies) == (b"", b"", Bodies.ERASED)
        assert {one.id for one in iter_exchanges(store, "customer-messages")} == {"kept"}


def test_an_intent_does_not_wait_for_exchanges_that_are_being_sealed(tmp_path, sealer):
    going = threading.Event()

    def slow(batch):
        if batch:
            going.wait(60)
        return sealer.seal(batch)

    spool = begun(tmp_path, slow)
    first = spool.append(words(id="x1"))
    second = spool.append(intent(1))
    assert spool.written == second, "it is written at once"
    time.sleep(0.05)
    assert spool.durable < first, "the mark says that every record up to it is safe"
    going.set()
    until(lambda: spool.durable == second)
    spool.close()
    kinds = [type(record).__name__ for _, record in read_spool(tmp_path / "spool" / "w0")]
    assert kinds == ["Began", "Intent", "Exchange"]


def test_durable_counts_every_record_however_they_overtake_each_other(tmp_path, sealer):
    spool = begun(tmp_path, sealer.seal, segment_bytes=20_000)
    seen, wrong = [], []

    async def record():
        for number in range(400):
            spool.append(intent(number))
            mine = spool.append(words(id=f"x{number}"))
            if number % 40 == 0:
                assert await spool.wait_durable(mine, 60.0)
                there = {r.id for _, r in read_spool(tmp_path / "spool" / "w0") if isinstance(r, Exchange)}
                wrong.extend(n for n in range(number + 1) if f"x{n}" not in there)
            seen.append(spool.durable)

    asyncio.run(record())
    spool.close()
    assert wrong == []
    assert seen == sorted(seen)
    assert spool.durable == 800


def test_durable_waits_for_an_exchange_that_is_just_being_written(tmp_path, sealer, monkeypatch):
    """The thread ends a sync in the moment in which the event loop writes an exchange that an intent overtook."""
    folder = tmp_path / "w0"
    folder.mkdir()
    marks = []
    writer = Writer(
        folder, clock=SystemClock(), segment_bytes=1 << 20, lost=lambda: 0, moved=lambda: None, seal=sealer.seal
    )
    writer.begin()
    writer.put((1, 1, words(id="x1")))
    writer.write((2, 1, intent(2)))
    writer._seal_all()
    real = spool_writer.frames.encode

    def encode(record):
        if isinstance(record, Exchange):
            # A sync that began before, over the intent alone, ends here.
            writer._safe(1)
            marks.append(writer.durable)
        return real(record)

    monkeypatch.setattr(spool_writer.frames, "encode", encode)
    writer.write((3, 1, intent(3)))
    assert marks == [0]
    monkeypatch.undo()
    writer._sync()
    assert writer.durable == 3
    writer.end()
    writer.run()


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (StoreUnavailable("the key ring is locked", mend="wait"), "locked"),
        (ConfigError(at="key env:MASTER", got="nothing", want="the variable to be set"), "env:MASTER"),
        (ZeroDivisionError(CANARY), "ZeroDivisionError"),
    ],
)
def test_nothing_is_written_in_clear_while_the_ring_is_away_and_all_of_it_when_it_is_back(
    tmp_path, sealer, cause, said
):
    away = [True]

    def seal(batch):
        if away[0]:
            raise cause
        return sealer.seal(batch)

    spool = begun(tmp_path, seal)
    last = spool.append(words(id="x1"))
    until(lambda: not spool.healthy)
    assert said in spool.trouble
    assert CANARY not in spool.trouble
    assert in_clear(tmp_path) == []
    away[0] = False
    until(lambda: spool.durable == last)
    assert spool.healthy
    spool.close()
    assert spool.gaps == 0


def test_what_could_not_be_sealed_at_the_end_is_a_gap_and_not_in_clear(tmp_path):
    def never(batch):
        if batch:
            raise StoreUnavailable("the key ring is locked", mend="wait")
        return []

    spool = begun(tmp_path, never)
    spool.append(words(id="x1"))
    spool.append(words(id="x2"))
    spool.close()
    assert spool.gaps == 2
    assert [r.records for _, r in read_spool(tmp_path / "spool" / "w0") if isinstance(r, Gap)] == [2]
    assert in_clear(tmp_path) == []


def test_memory_is_bounded_while_the_ring_is_away(tmp_path):
    def never(batch):
        raise StoreUnavailable("the key ring is locked", mend="wait")

    spool = begun(tmp_path, never, max_pending_bytes=20_000)
    numbers = [spool.append(words()) for _ in range(50)]
    spool.close()
    assert -1 in numbers
    assert spool.gaps == 50


def test_an_exchange_that_can_not_be_put_into_bytes_costs_no_other(tmp_path, sealer):
    spool = begun(tmp_path, sealer.seal)
    spool.append(words(id="bad", metadata={"note": object()}))
    spool.append(words(id="good"))
    spool.close()
    assert spool.gaps == 1
    assert [r.id for _, r in read_spool(tmp_path / "spool" / "w0") if isinstance(r, Exchange)] == ["good"]
