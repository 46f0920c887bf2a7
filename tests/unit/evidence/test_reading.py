"""The log read for people: what they asked for, newest first, and everything that no longer is what was signed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from switchover.evidence import EvidenceLog
from switchover.evidence.canonical import moment
from switchover.evidence.checkpoint import load_key
from switchover.evidence.merkle import leaf_hash
from switchover.evidence.reading import read
from switchover.evidence.tiles import Tiles, framed, place, unframed
from switchover.testing.clock import ManualClock


def every(_entry: object) -> bool:
    return True


def fill(log: EvidenceLog, size: int) -> None:
    there = len(log.entries())
    log.append(*[{"event": "x", "id": str(n), "even": n % 2 == 0} for n in range(size - there - (not there))])
    log.sign()


def forge(path: Path, at: int, word: str) -> list[bytes]:
    """Changes an entry of a bundle or a tail, in canonical form and with its own number."""
    entries, _ = unframed(path.read_bytes())
    entries[at] = json.dumps(
        {**json.loads(entries[at]), "id": word}, sort_keys=True, separators=(",", ":")
    ).encode()  # fmt: skip
    path.write_bytes(framed(entries))
    return entries


def wrong(log: EvidenceLog, **asked) -> list[str]:
    """What a look finds wrong that reads every entry."""
    found = read(log)
    found.newest(every, most=1000, **asked)
    return found.wrong


def test_a_whole_log_holds_and_says_when_its_checkpoint_was_written(log):
    fill(log, 700)
    found = read(log)
    assert (found.size, found.covered, found.wrong) == (700, 700, [])
    assert found.signed_at == (log.folder / "checkpoints" / "700").stat().st_mtime
    assert wrong(log) == []


def test_a_log_that_was_never_begun_has_no_entry_and_nothing_is_made_for_it(log):
    found = read(log)
    assert (found.size, found.wrong, found.newest(every).entries) == (0, [], ())
    assert not log.folder.exists()
    assert not log.key_path.exists()


def test_entries_come_newest_first_a_part_at_a_time_until_all_were_looked_at(log):
    fill(log, 600)
    found = read(log)
    first = found.newest(lambda entry: entry.get("even") is True, most=100)
    second = found.newest(every, before=first.onward, most=1000)
    assert [entry["n"] for entry in first.entries] == list(range(599, 400, -2))
    assert [entry["n"] for entry in second.entries] == list(range(400, -1, -1))
    assert (first.onward, first.looked_at, second.onward) == (401, 199, None)


def test_no_look_costs_more_than_it_may(log):
    fill(log, 600)
    part = read(log).newest(lambda entry: False, look_at=300)
    assert (part.entries, part.looked_at, part.onward) == ((), 300, 300)


def test_entries_are_found_from_a_moment_on(tmp_path):
    log = EvidenceLog(tmp_path, clock := ManualClock())
    fill(log, 520)
    clock.advance(60)
    began = clock.now()
    log.append({"event": "drill", "id": "d-1"})
    clock.advance(60)
    fill(log, 1200)
    found = read(log).since(moment(began), lambda entry: entry.get("id") == "d-1", most=5, look_at=1000)
    assert [entry["n"] for entry in found] == [520]


@pytest.mark.parametrize("number", [0, 255, 256, 511, 600, 699])
def test_whichever_entry_was_changed_a_look_that_reads_it_says_so(log, number):
    fill(log, 700)
    index, at = divmod(number, 256)
    path = log.folder / (place("entries", index) if index < 2 else "tail/2")
    forge(path, at, "forged")
    assert len(wrong(log)) == 1


@pytest.mark.parametrize("levels", [1, 2])
def test_tiles_made_to_fit_a_changed_entry_do_not_fit_the_checkpoint(log, levels):
    fill(log, 700)
    entries = forge(log.folder / place("entries", 1), 3, "forged")
    leaves = [leaf_hash(entry) for entry in entries]
    (log.folder / place(0, 1)).write_bytes(b"".join(leaves))
    if levels == 2:
        above = log.folder / place(1, 0, 2)
        above.unlink()
        above.write_bytes(b"".join(Tiles(log.folder).hashes(1, 0, 2)))
    assert wrong(log)


def test_an_entry_that_was_noted_since_the_checkpoint_is_checked_once_it_is_covered(log):
    fill(log, 250)
    log.append(*[{"event": "x", "id": str(n)} for n in range(20)])
    found = read(log)
    assert (found.size, found.covered, wrong(log)) == (270, 250, [])
    forge(log.folder / place("entries", 0), 100, "forged")
    assert wrong(log) == ["the entries 0 to 255 are not those that were signed"]


def test_a_log_that_was_cut_short_or_rolled_back_is_said_so(log):
    fill(log, 300)
    (log.folder / "tail" / "1").unlink()
    assert "a checkpoint of 300" in wrong(log)[0]


def test_a_signature_that_is_not_the_keys_is_said_so(log):
    fill(log, 10)
    path = log.folder / "checkpoint"
    path.write_text(path.read_text(encoding="utf-8").replace("\n10\n", "\n9\n"), encoding="utf-8")
    assert "its signature is not that of the log's key" in wrong(log)[0]


def test_a_whole_other_log_in_its_place_is_not_signed_with_the_key_beside_it(log, tmp_path):
    fill(log, 10)
    other = EvidenceLog(tmp_path / "other", ManualClock())
    fill(other, 10)
    log.folder.rename(tmp_path / "away")
    other.folder.rename(log.folder)
    load_key(log.key_path)
    assert "is not the key that signed the log" in wrong(log)[0]


def test_entries_without_a_checkpoint_or_a_key_are_vouched_for_by_nobody(log):
    log.append({"event": "x", "id": "1"})
    assert wrong(log) == ["there is no checkpoint: nothing vouches for the entries"]
    (log.folder / "key.pub").unlink()
    assert wrong(log) == ["its public key, key.pub, is gone: nothing vouches for the entries"]
