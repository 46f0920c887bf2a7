"""An erasure: nothing readable is left here or in any copy, figures and evidence hold, and it goes on after a kill."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from switchover.access.local import local
from switchover.domain.candidate import PromptKind, ScoredCase
from switchover.domain.people import ApprovalState
from switchover.domain.process import Bodies
from switchover.errors import ApprovalNeeded, Forbidden, NotFound, OperatorError
from switchover.evidence import events
from switchover.privacy import erase as story
from switchover.privacy.keyring import subject_hash
from switchover.privacy.sealing import Sealer
from switchover.processes.indexing import index_all
from switchover.prompts.demonstrations import Pair, to_bytes
from switchover.store import Store, artefacts
from switchover.store import erasing as erasing_rows
from switchover.store.exchanges import count_exchanges, get_exchange, list_exchanges
from switchover.store.indexing import save_exchanges
from switchover.store.prompt_versions import prompt_version, save_prompt_version
from switchover.store.proofs import proofs, save_proof
from switchover.store.ring import Reach
from switchover.store.spool import Spool, read_spool
from switchover.store.trials import baseline_samples, save_baseline_sample, save_score, scored_cases
from switchover.testing.builders import make_exchange, make_prompt_version, make_proof, make_settings
from switchover.testing.clock import ManualClock
from switchover.wiring import access, erasure, evidence
from switchover.wiring.parts import CLOCK, open_store

ANNA, BOB = "anna@example.org", "bob@example.org"
WORDS = "canary-anna-words-77c0"
OTHERS = "canary-bob-words-11d2"
PROCESS = "customer-messages"


class Place:
    """A data folder in which Anna and Bob were recorded, answered again, graded and learned from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "data"
        self.people = None
        self.settings = replace(
            make_settings(),
            source=str(folder / "switchover.yaml"),
            data_dir=str(self.folder),
            database=f"sqlite:///{self.folder}/store.sqlite",
        )
        self.at = CLOCK.now()

    def record(self, count: int = 3) -> None:
        with open_store(self.settings) as store:
            spool = Spool(self.folder / "spool" / "worker-0", clock=CLOCK, seal=store.sealer.seal)
            spool.start()
            for number in range(count):
                spool.append(self.exchange(f"anna-{number}", ANNA, WORDS, store))
                spool.append(self.exchange(f"bob-{number}", BOB, OTHERS, store))
            spool.close()
            index_all(store, self.folder / "spool", self.at)

    def exchange(self, name, who, words, store):
        subject = subject_hash(store.sealer.ring.subject_key(), who)
        text, metadata = f"{words} asks {name}", {"customer": who, "note": words}
        return make_exchange(text, f"{words} answer", id=name, subject=subject, metadata=metadata, started_at=self.at)

    def learn(self) -> None:
        with open_store(self.settings) as store:
            for name, words in (("anna-0", WORDS), ("bob-0", OTHERS)):
                save_score(store, ScoredCase(cell_id="c1", exchange_id=name, graded_at=self.at, candidate=1.0,
                                             baseline=1.0, answer=f"{words} candidate"))  # fmt: skip
                save_baseline_sample(store, PROCESS, name, "e1", f"{words} second", self.at)
            self.version = self.taught(store, WORDS, ["anna-0", "bob-0"])
            self.other = self.taught(store, OTHERS, ["bob-1"])
            self.proof = make_proof(version=self.version, made_at=self.at, expires_at=self.at + 1e6)
            with evidence.noting(self.settings) as note:
                note(events.proof(save_proof(store, self.proof), self.proof))

    def taught(self, store, words, lessons):
        data = to_bytes([Pair(f"{words} ask", f"{words} shown")])
        name = artefacts.put(
            self.folder, data, lambda name, data: store.sealer.seal_apart(PROCESS, self.at, name, data)
        )
        version = make_prompt_version(kind=PromptKind.DEMONSTRATIONS, artefact=name)
        save_prompt_version(store, version, lessons)
        return version

    def copied(self, name: str) -> Path:
        """Everything but the key ring, as a backup of the data folder takes it."""
        to = self.folder.parent / name
        shutil.copytree(self.folder, to, ignore=shutil.ignore_patterns("keyring"))
        return to

    def erase(self, **named):
        with erasure.opened(self.settings) as ring:
            wanted = erasure.reaches(ring, **named)
        return self.agreed(wanted)

    def agreed(self, wanted):
        """Erased by one person with the approval of another."""
        officer, desk = self.people or self.admitted()
        with pytest.raises(ApprovalNeeded):
            erasure.erase(self.settings, wanted, desk, reason="asked to")
        waiting = [
            one.id for one in access.approvals_known(self.settings) if one.state(CLOCK.now()) is ApprovalState.ASKED
        ]
        access.approve(self.settings, officer, waiting[0])
        return erasure.erase(self.settings, wanted, desk, reason="asked to")

    def admitted(self):
        first = access.init(self.settings, "officer").token
        officer = access.admit(self.settings, "access add", lambda: first)
        given = access.add(self.settings, officer, "desk", ["operator"], []).token
        own = access.rotate(self.settings, access.admit(self.settings, "access rotate", lambda: given), None).token
        self.people = officer, access.admit(self.settings, "erase", lambda: own)
        return self.people

    def in_clear(self) -> set[str]:
        """Names of files in whose bytes anybody's words are."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return {path.name for path in files for words in (WORDS, OTHERS) if words.encode() in path.read_bytes()}

    def readable_in_spool(self) -> set[str]:
        """Whose words in the spool open with the ring as it is."""
        found = set()
        with erasure.opened(self.settings) as ring:
            for segment in self.folder.glob("spool/*"):
                for _, record in read_spool(segment):
                    if sealed := getattr(record, "sealed", None):
                        text = Sealer(ring).open(sealed.key, record.id, sealed.content) or b""
                        found |= {who for who, words in (("anna", WORDS), ("bob", OTHERS)) if words.encode() in text}
        return found

    def readable(self, folder: Path) -> set[str]:
        """Whose words can be read: in the bytes of any file, and of all that opens with the ring as it is."""
        found = self.readable_in_spool()
        texts = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
        with erasure.opened(self.settings) as ring:
            sealer = Sealer(ring)
            with closing(sqlite3.connect(folder / "store.sqlite")) as raw:
                for exchange, key, content in raw.execute("SELECT exchange, key, content FROM body"):
                    texts.append(sealer.open(key, exchange, content) or b"")
                for table, column, name in (("scored_case", "answer", "cell_id"),
                                            ("baseline_sample", "answer_text", "process || ' ' || epoch")):  # fmt: skip
                    wanted = f"SELECT exchange_id, key, {column}, {name} FROM {table} WHERE {column} <> ''"
                    for exchange, key, text, beside in raw.execute(wanted):
                        texts.append(sealer.open(key, f"{exchange} {beside}", bytes.fromhex(text)) or b"")
            for path in folder.glob("artefacts/*"):
                try:
                    texts.append(artefacts.get(folder, path.name, sealer.open))
                except NotFound:
                    continue
        for text in texts:
            found |= {who for who, words in (("anna", (WORDS, ANNA)), ("bob", (OTHERS, BOB)))
                      for word in words if word.encode() in text}  # fmt: skip
        return found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A folder that each test gets a copy of."""
    made = Place(tmp_path_factory.mktemp("recorded"))
    made.record()
    made.learn()
    return made


@pytest.fixture
def place(recorded, tmp_path):
    made = Place(tmp_path)
    shutil.copytree(recorded.folder, made.folder)
    made.at, made.version, made.other, made.proof = recorded.at, recorded.version, recorded.other, recorded.proof
    return made


def test_after_an_erasure_nothing_of_a_person_is_readable_here_or_in_a_backup(place):
    backup = place.copied("backup")
    assert place.readable(place.folder) == place.readable(backup) == {"anna", "bob"}
    done = place.erase(subject=ANNA)
    assert (done.exchanges, done.in_clear, done.versions, done.proofs) == (3, 0, (place.version.id,), 1)
    assert done.keys == 1
    assert place.readable(place.folder) == {"bob"}
    assert place.readable(backup) == {"bob"}


def test_what_a_judge_said_of_a_persons_words_goes_with_them(place):
    with open_store(place.settings) as store:
        for name, words in (("anna-1", WORDS), ("bob-1", OTHERS)):
            said = ScoredCase(
                cell_id="c2", exchange_id=name, graded_at=place.at, candidate=0.5, baseline=1.0,
                reason=f"It leaves out {words}", judge_calls=1,
            )  # fmt: skip
            save_score(store, said)
    place.erase(subject=ANNA)
    with open_store(place.settings) as store:
        assert {row.exchange_id: row.reason for row in scored_cases(store, "c2")} == {
            "anna-1": "", "bob-1": f"It leaves out {OTHERS}",
        }  # fmt: skip


def test_counts_proofs_and_evidence_hold_after_it(place):
    with open_store(place.settings) as store:
        before = [replace(one, bodies=Bodies.FULL, subject=None) for one in list_exchanges(store, bodies=False)]
    done = place.erase(subject=ANNA)
    with open_store(place.settings) as store:
        after = [replace(one, bodies=Bodies.FULL, subject=None) for one in list_exchanges(store, bodies=False)]
        assert after == before
        assert count_exchanges(store) == 6
        assert erasing_rows.count_erased(store, PROCESS) == 3
        gone, kept = get_exchange(store, "anna-0"), get_exchange(store, "bob-0")
        assert (gone.bodies, gone.request, gone.subject, dict(gone.metadata)) == (Bodies.ERASED, b"", None, {})
        assert OTHERS.encode() in kept.request
        assert [(row.exchange_id, row.answer) for row in scored_cases(store, "c1")] == [
            ("anna-0", ""),
            ("bob-0", f"{OTHERS} candidate"),
        ]
        assert baseline_samples(store, PROCESS, "e1") == {"bob-0": f"{OTHERS} second"}
        assert proofs(store) == []
        assert prompt_version(store, place.version.id) is None
        assert prompt_version(store, place.other.id) is not None
    found = evidence.verify(place.settings, None, (), None, ())
    assert found.wrong == ()
    entries = evidence.entries(place.settings, None)
    [entry] = [one for one in entries if one["event"] == "erasure"]
    assert (entry["exchanges"], entry["keys"], entry["id"]) == (3, 1, done.id)
    assert "proof revoked" in {one["event"] for one in entries}
    assert "asked to" not in str(entries)
    assert "officer" not in str(entries)
    assert ANNA not in str(entries)


@pytest.mark.parametrize("step", ["keys", "half the words", "words", "artefacts"])
def test_an_erasure_that_is_killed_goes_on_when_it_is_begun_again(place, monkeypatch, step):
    class Killed(BaseException):
        pass

    def killed(*_, **__):
        raise Killed

    monkeypatch.setattr(erasing_rows, "PAGE", 1)
    if step == "keys":
        monkeypatch.setattr(story, "erase_words", killed)
    elif step == "half the words":
        real, pages = erasing_rows._take_out, []
        monkeypatch.setattr(
            erasing_rows, "_take_out", lambda *args: killed() if len(pages) == 2 else (pages.append(1), real(*args))
        )
    elif step == "words":
        monkeypatch.setattr(artefacts, "drop", killed)
    else:
        monkeypatch.setattr(story, "save_erasure", killed)
    with pytest.raises(Killed):
        place.erase(process=PROCESS)
    monkeypatch.undo()
    assert place.readable(place.folder) == set(), "keys go first"
    done = place.erase(process=PROCESS)
    assert done.exchanges == 6
    assert place.readable(place.folder) == set()
    assert not list((place.folder / "artefacts").iterdir())
    # A proof that the killed one revoked is noted as anything is that a crash kept from the log.
    later = ManualClock(CLOCK.now() + 60)
    monkeypatch.setattr(evidence, "CLOCK", later)
    evidence.sign(place.settings)
    assert evidence.verify(place.settings, None, (), None, ()).wrong == ()


def test_a_dry_run_says_what_would_go_and_takes_nothing(place):
    with erasure.opened(place.settings) as ring:
        wanted = erasure.reaches(ring, subject=ANNA, process=PROCESS)
    told = erasure.would_erase(place.settings, wanted)
    assert (told.id, told.keys, told.exchanges, told.versions, told.proofs) == (None, 1, 3, (place.version.id,), 1)
    assert place.readable(place.folder) == {"anna", "bob"}
    done = place.erase(subject=ANNA, process=PROCESS)
    assert (done.keys, done.exchanges, done.versions, done.proofs) == (1, 3, told.versions, 1)


def test_a_ring_backup_brings_back_what_was_lost_and_nothing_that_was_erased(place, tmp_path):
    kept = tmp_path / "elsewhere"
    erasure.backup(place.settings, kept)
    place.erase(subject=ANNA)
    assert erasure.restored(place.settings, kept).added == 0
    assert place.readable(place.folder) == {"bob"}
    shutil.rmtree(place.folder / "keyring")
    assert place.readable(place.folder) == set()
    done = erasure.restored(place.settings, kept)
    assert (done.added, done.erased) == (2, 2), (
        "Bob's key and his artefact's; not Anna's, nor that of the one withdrawn"
    )
    assert place.readable(place.folder) == {"bob"}
    assert place.erase(subject=BOB).exchanges == 3, "subjects are named as before"


def test_who_writes_again_is_recorded_under_another_key(place):
    place.erase(subject=ANNA)
    with open_store(place.settings) as store:
        again = place.exchange("anna-again", ANNA, WORDS, store)
        spool = Spool(place.folder / "spool" / "worker-0", clock=CLOCK, seal=store.sealer.seal)
        spool.start()
        spool.append(again)
        spool.close()
        index_all(store, place.folder / "spool", place.at)
        assert get_exchange(store, "anna-again").request == again.request
        assert get_exchange(store, "anna-0").bodies is Bodies.ERASED
    assert place.erase(subject=ANNA).exchanges == 1


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({}, "everything would be erased"),
        ({"subject": "a", "hashed": "b"}, "named twice"),
        ({"hashed": "b"}, "no subject's hash"),
        ({"subject": ""}, "subject is empty"),
        ({"process": "p", "since": "2026-13"}, "is no month"),
        ({"process": "p", "since": "2026-04", "until": "2026-03"}, "is after"),
    ],
)
def test_what_an_erasure_is_to_reach_is_said_clearly(place, named, said):
    with erasure.opened(place.settings) as ring, pytest.raises(OperatorError, match=said):
        erasure.reaches(ring, **named)


def test_it_takes_two(place):
    reach = [Reach(process=PROCESS)]
    with pytest.raises(Forbidden, match="nobody is known here yet"):
        erasure.erase(place.settings, reach, local(), reason="r")
    officer, desk = place.admitted()
    with pytest.raises(ApprovalNeeded):
        erasure.erase(place.settings, reach, desk, reason="r")
    (asked,) = access.approvals_known(place.settings)
    with pytest.raises(OperatorError, match="you asked for"):
        access.approve(place.settings, desk, asked.id)
    access.approve(place.settings, officer, asked.id)
    # What was approved is this and no other erasure.
    with pytest.raises(ApprovalNeeded):
        erasure.erase(place.settings, [Reach(process=PROCESS, last="2026-01")], desk, reason="r")
    assert place.readable(place.folder) == {"anna", "bob"}


def test_months_are_erased_whole_and_no_other(place):
    month = Reach(process=PROCESS, first="2026-02", last="2026-02")
    with open_store(place.settings) as store:
        old = place.exchange("anna-old", ANNA, WORDS, store)
        begins, ends = erasing_rows.month_begins("2026-02"), erasing_rows.month_begins("2026-02", after=1)
        for name, at in (("before", begins - 1), ("first", begins), ("last", ends - 1), ("after", ends)):
            save_exchanges(store, [replace(old, id=name, started_at=at)])
    place.agreed([month])
    with open_store(place.settings) as store:
        erased = {n for n in ("before", "first", "last", "after") if get_exchange(store, n).bodies is Bodies.ERASED}
    assert erased == {"first", "last"}


@pytest.mark.parametrize("lost", ["store.sqlite", "evidence"])
def test_either_store_or_evidence_log_is_enough_to_know_what_was_erased(place, tmp_path, lost):
    kept = tmp_path / "elsewhere"
    erasure.backup(place.settings, kept)
    place.erase(subject=ANNA)
    shutil.rmtree(place.folder / "keyring")
    for path in place.folder.glob(f"{lost}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert erasure.restored(place.settings, kept).added == 2
    assert place.readable_in_spool() == {"bob"}


def test_what_was_recorded_before_there_were_keys_is_sealed_where_it_lies(place):
    with open_store(place.settings) as store:
        words = [place.exchange(f"old-{n}", who, said, store) for n, who, said in ((1, ANNA, WORDS), (2, BOB, OTHERS))]
    folder = place.folder / "spool" / "worker-9"
    for number in range(2):
        spool = Spool(folder, clock=CLOCK)
        spool.start()
        for one in words:
            spool.append(replace(one, id=f"{one.id}-{number}"))
        spool.close()
    (folder / "0000000001.torn").write_bytes(WORDS.encode())
    with Store.open(place.settings.database) as store:
        index_all(store, place.folder / "spool", place.at)
        save_score(store, ScoredCase(cell_id="c2", exchange_id="old-1-0", graded_at=1.0, candidate=1.0, baseline=1.0,
                                     answer=f"{WORDS} old"))  # fmt: skip
    assert place.in_clear() == {"store.sqlite", "0000000001.seg", "0000000002.seg", "0000000001.torn"}
    told = erasure.seal_what_is_in_clear(place.settings, dry_run=True)
    assert (told.bodies, told.segments, told.waiting) == (4, 1, 1)
    done = erasure.seal_what_is_in_clear(place.settings)
    assert (done.bodies, done.segments, done.waiting) == (4, 1, 1)
    assert place.in_clear() == {"0000000002.seg"}, "its worker may still write to it"
    spool = Spool(folder, clock=CLOCK)
    spool.start()
    spool.close()
    with open_store(place.settings) as store:
        index_all(store, place.folder / "spool", place.at)
        assert get_exchange(store, "old-1-0").request == words[0].request
        assert scored_cases(store, "c2")[0].answer == f"{WORDS} old"
    assert erasure.seal_what_is_in_clear(place.settings).segments == 1
    assert place.in_clear() == set()
    with Store.open("sqlite://") as again:
        again.sealer = open_store(place.settings).sealer
        assert index_all(again, place.folder / "spool", place.at)[0] == 10, "the spool still tells all of it"
        assert get_exchange(again, "old-2-1").request == words[1].request
        again.sealer.close()
    assert place.erase(subject=ANNA).exchanges == 5
    assert place.readable(place.folder) == {"bob"}


def test_a_store_restored_from_before_is_erased_again_with_what_learned_from_the_words(place, tmp_path):
    place.admitted()
    file = place.folder / "store.sqlite"
    with closing(sqlite3.connect(file)) as old:
        old.execute(f"VACUUM INTO '{tmp_path / 'before'}'")
    assert place.erase(subject=ANNA).versions == (place.version.id,)
    for beside in file.parent.glob("store.sqlite*"):
        beside.unlink()
    shutil.copy(tmp_path / "before", file)
    assert place.readable(place.folder) == {"bob"}
    again = place.erase(subject=ANNA)
    assert (again.keys, again.versions, again.proofs) == (0, (place.version.id,), 1)
