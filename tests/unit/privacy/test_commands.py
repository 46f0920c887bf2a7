"""`switchover erase` and `switchover keyring` as people and machines call them."""

from __future__ import annotations

import json
import shutil
import stat

import pytest
from typer.testing import CliRunner

from switchover.cli import build
from switchover.config import load
from switchover.domain.process import Bodies
from switchover.errors import ConfigError, OperatorError
from switchover.privacy.keyring import subject_hash
from switchover.store.exchanges import get_exchange
from switchover.store.indexing import save_exchanges
from switchover.testing.builders import make_exchange
from switchover.wiring import access, diagnosis, erasure
from switchover.wiring.parts import CLOCK, open_store, ring_of

CONFIGURATION = """\
organisation: {domicile: NL}
data: ./data
providers: {acme: {home: US}}
upstreams:
  vendor: {kind: openai, base_url: "https://acme.test/v1", key: env:KEY, model: big-1, developer: acme, host: acme}
processes:
  claims:
    {owner: o, criticality: ordinary, data: internal, baseline: vendor, recording: {subject: metadata.customer}}
"""
ANNA = "anna@example.org"
ERASE = ("--reason", "asked to")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Two exchanges, one about Anna."""
    folder = tmp_path_factory.mktemp("recorded")
    config = folder / "switchover.yaml"
    config.write_text(CONFIGURATION)
    with open_store(load(str(config))) as store:
        whom = subject_hash(store.sealer.ring.subject_key(), ANNA)
        for name, subject in (("anna", whom), ("nobody", None)):
            save_exchanges(store, [make_exchange(id=name, process="claims", subject=subject, started_at=CLOCK.now())])
    return folder


@pytest.fixture
def place(recorded, tmp_path):
    """A copy of it, and how commands are called there."""
    shutil.copytree(recorded, tmp_path, dirs_exist_ok=True)
    config = tmp_path / "switchover.yaml"

    class Place:
        folder, settings, key = tmp_path, load(str(config)), None

        def call(self, *words, **more):
            who = {"SWITCHOVER_OPERATOR_KEY": self.key}
            return CliRunner().invoke(build(words[0]), [*words, "--config", str(config)], env=who, **more)

        def people(self):
            """Two who may erase: one who asks, and the one who approves."""
            first = access.init(self.settings, "officer").token
            officer = access.admit(self.settings, "access add", lambda: first)
            given = access.add(self.settings, officer, "desk", ["operator"], []).token
            desk = access.admit(self.settings, "access rotate", lambda: given)
            # Known to be two only once the second holds a key that the first never saw.
            self.key = access.rotate(self.settings, desk, None).token.reveal()
            return officer

        def erased(self, *words, **more):
            """Asked for, approved by somebody else and done."""
            officer = self.people()
            asked = self.call("erase", *words, **more)
            assert "takes two people" in str(asked.exception), asked.output + repr(asked.exception)
            (waiting,) = access.approvals_known(self.settings)
            assert ANNA not in waiting.target
            access.approve(self.settings, officer, waiting.id)
            return self.call("erase", *words, **more)

        def told(self, *words, **more):
            done = self.call(*words, "--json", **more)
            assert done.exit_code == 0, done.output + repr(done.exception)
            return json.loads(done.stdout)

        def bodies(self):
            with open_store(self.settings) as store:
                return [get_exchange(store, name).bodies for name in ("anna", "nobody")]

    return Place()


def test_a_person_is_erased_by_name_from_standard_input(place):
    before = place.told("erase", "--subject", "-", *ERASE, "--dry-run", input=f"{ANNA}\n")
    assert (before["id"], before["keys"], before["exchanges"]) == (None, 1, 1)
    assert place.bodies() == [Bodies.FULL, Bodies.FULL]
    done = place.erased("--subject", "-", *ERASE, input=f"{ANNA}\n")
    assert "1 key, without which nothing sealed with them can be read again" in done.stdout
    assert "the words of 1 exchange" in done.stdout
    assert ANNA not in done.output
    assert place.bodies() == [Bodies.ERASED, Bodies.FULL]
    assert "Request and answer were erased." in place.call("exchanges", "show", "anna").stdout


def test_a_person_is_erased_by_the_hash_that_show_prints(place):
    shown = place.call("exchanges", "show", "anna").stdout
    hashed = next(line.partition(": ")[2] for line in shown.splitlines() if line.startswith("subject: "))
    assert json.loads(place.erased("--subject-hash", hashed, *ERASE, "--json").stdout)["exchanges"] == 1


def test_a_process_is_erased_with_all_its_subjects(place):
    assert json.loads(place.erased("--process", "claims", *ERASE, "--json").stdout)["keys"] == 2
    assert place.bodies() == [Bodies.ERASED, Bodies.ERASED]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--reason", "r", "--process", "claims"), "takes two people"),
        (("--reason", " ", "--process", "claims"), "has no reason"),
        (ERASE, "everything would be erased"),
        (("--process", "claims", "--since", "yesterday", *ERASE), "is no month"),
    ],
)
def test_what_is_missing_is_said_and_nothing_erased(place, words, said):
    done = place.call("erase", *words)
    assert isinstance(done.exception, OperatorError)
    assert said in str(done.exception)
    assert place.bodies() == [Bodies.FULL, Bodies.FULL]


def test_keys_are_counted_and_nobody_named(place):
    [row] = place.told("keyring", "list")
    assert (row["process"], row["process_keys"], row["subject_keys"], row["erased"]) == ("claims", 1, 1, 0)
    assert place.erased("--subject", ANNA, *ERASE).exit_code == 0
    assert "1 of the process, 0 of subjects, 1 erased" in place.call("keyring", "list").stdout


def test_a_backup_is_for_its_owner_alone_and_brings_a_lost_ring_back(place):
    to = place.folder / "elsewhere"
    assert place.told("keyring", "backup", str(to)) == {"keys": 2, "folder": str(to)}
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in to.iterdir()} == {"ring": 0o600, "master": 0o600}
    for path in (place.folder / "data" / "keyring").iterdir():
        path.unlink()
    assert place.bodies() == [Bodies.ERASED, Bodies.ERASED]
    found = {one.what: one for one in diagnosis.examine(place.settings)}
    assert not found["key ring"].well
    assert "keyring restore" in found["key ring"].said
    assert place.told("keyring", "restore", str(to)) == {"added": 2, "erased": 0}
    assert place.bodies() == [Bodies.FULL, Bodies.FULL]
    assert {one.what: one.well for one in diagnosis.examine(place.settings)}["key ring"]


def test_a_backup_that_is_none_or_lacks_its_master_is_refused(place):
    to = place.folder / "elsewhere"
    assert "no backup of a key ring" in str(place.call("keyring", "restore", str(to)).exception)
    place.told("keyring", "backup", str(to))
    (to / "master").unlink()
    place.told("keyring", "rotate")
    done = place.call("keyring", "restore", str(to))
    assert "master key" in str(done.exception)
    assert "put it beside the backup" in str(done.exception)
    (to / "ring").write_bytes(b"something else")
    assert "is no backup" in str(place.call("keyring", "restore", str(to)).exception)


def test_the_master_key_moves_elsewhere_and_changes_there(place, monkeypatch):
    own = place.folder / "data" / "keyring" / "master"
    config = place.folder / "switchover.yaml"
    config.write_text(CONFIGURATION + "keyring: {master: env:MASTER}\n")
    monkeypatch.setenv("MASTER", "ab" * 32)
    assert place.told("keyring", "rotate", "--from", "own") == {"keys": 2}
    assert not own.exists()
    place.settings = load(str(config))
    assert place.bodies() == [Bodies.FULL, Bodies.FULL]
    monkeypatch.setenv("OLD", "ab" * 32)
    monkeypatch.setenv("MASTER", "cd" * 32)
    with pytest.raises(OperatorError, match="another master key"):
        place.bodies()
    assert place.told("keyring", "rotate", "--from", "env:OLD") == {"keys": 2}
    assert place.bodies() == [Bodies.FULL, Bodies.FULL]
    monkeypatch.delenv("MASTER")
    with pytest.raises(ConfigError, match="MASTER to be set"):
        ring_of(place.settings).look()


def test_a_master_key_in_its_references_place_is_not_shown(place):
    (place.folder / "switchover.yaml").write_text(CONFIGURATION + f"keyring: {{master: {'ab' * 32}}}\n")
    with pytest.raises(ConfigError) as told:
        load(str(place.folder / "switchover.yaml"))
    assert "ab" * 32 not in str(told.value)
    assert "keyring.master" in str(told.value)


def test_sealing_what_was_in_clear_says_how_much(place):
    assert "0 bodies and 0 segments in clear" in place.call("keyring", "seal", "--dry-run").stdout
    assert erasure.seal_what_is_in_clear(place.settings).bodies == 0
