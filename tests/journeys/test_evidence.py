"""The evidence log as people use it: what running leaves in it, what an auditor does, what an administrator can not."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import zipfile

import openai
import pytest

from switchover.clock import SystemClock
from switchover.evidence import EvidenceLog

SAY = [{"role": "user", "content": "where is my claim?"}]
# As on a machine that has never heard of Switchover.
WITHOUT_US = "import runpy, sys; sys.modules['switchover'] = None; runpy.run_path(sys.argv[0], run_name='__main__')"


def audit(script, *words):
    """Runs the bundle's own check; exit status and what it said."""
    command = [sys.executable, "-I", "-c", f"import sys; sys.argv = sys.argv[1:]; {WITHOUT_US}", str(script)]
    done = subprocess.run([*command, *map(str, words)], capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def named(entries, event):
    return [entry for entry in entries if entry["event"] == event]


def test_what_happens_while_it_runs_is_in_the_log_in_its_order_and_signed(stage, helpers):
    stage.write()
    stage.up("worker-0", "keeper")
    token = stage.key()
    with stage.client(token) as client:
        ask = client.chat.completions.create
        for _ in range(3):
            ask(model="messages", messages=SAY)
        stage.done("cut", "provider:acme", "--reason", "Jane Roe told us to")
        stage.followed()
        for _ in range(3):
            with pytest.raises(openai.APIStatusError):
                ask(model="messages", messages=SAY)
        stage.done("restore", "provider:acme")
        stage.followed()
        for _ in range(3):
            ask(model="messages", messages=SAY)
        stage.vendor.control("denied")
        with pytest.raises(openai.APIStatusError):
            ask(model="messages", messages=SAY)
        stage.vendor.control("normal")

        def known(event, count=1):
            there = map(json.loads, EvidenceLog(stage.data, SystemClock()).entries())
            return len(named(there, event)) >= count

        helpers.wait_until(lambda: known("breaker held"))
        stage.done("restore", "upstream:vendor")
        helpers.wait_until(lambda: known("breaker restored"))
        stage.edit("owner: head-of-service", "owner: head-of-claims")
        helpers.wait_until(lambda: known("configuration", 2))
        helpers.wait_until(lambda: known("failover", 2))
    made = stage.told("keys", "create", "messages")
    stage.done("keys", "revoke", made["id"])
    assert {one["what"]: one["well"] for one in stage.told("doctor")}["keeper, evidence"]
    assert stage.down() == 0
    entries = stage.told("evidence", "log")
    assert [entry["n"] for entry in entries] == list(range(len(entries)))
    assert entries[0]["event"] == "log began"
    assert [(one["from"], one["to"]) for one in named(entries, "failover")] == [("vendor", None), (None, "vendor")]
    assert {exchange.id for exchange in stage.recorded()} >= {one["exchange"] for one in named(entries, "failover")}
    placed, lifted = named(entries, "cut-off placed")[0], named(entries, "cut-off lifted")[0]
    assert placed["target"] == "provider:acme"
    assert placed["id"] == lifted["id"]
    assert named(entries, "configuration")[-1]["changed"] == ["processes.messages.owner"]
    assert [one["id"] for one in named(entries, "key revoked")] == [made["id"]]
    assert not [entry for entry in entries if entry.get("late")]
    assert "Jane Roe" not in json.dumps(entries)
    assert stage.told("evidence", "log", "--last", "2") == entries[-2:]
    # The keeper signed what it noted when it ended.
    found = stage.told("evidence", "verify")
    assert (found["wrong"], found["covered"]) == ([], len(entries))


def test_an_auditor_checks_a_bundle_without_us_and_holds_on_to_a_checkpoint(stage, tmp_path):
    stage.write()
    held, key = tmp_path / "held", stage.done("evidence", "key").strip()
    held.write_text(stage.done("evidence", "checkpoint"), encoding="utf-8")
    stage.done("keys", "create", "messages")
    said = stage.done("export", "evidence", "--to", str(tmp_path / "bundle.zip"))
    assert "README.md there says how to check it" in said
    with zipfile.ZipFile(tmp_path / "bundle.zip") as file:
        file.extractall(tmp_path)
        assert not [name for name in file.namelist() if name.endswith((".key", "lock"))]
    bundle = tmp_path / "bundle"
    code, said = audit(bundle / "verify.py", bundle, "--checkpoint", held, "--key", key)
    assert (code, "WRONG" in said, "note" in said) == (0, False, False), said
    assert "entries hold, under" in said
    report = tmp_path / "report.md"
    report.write_text("no drill's", encoding="utf-8")
    code, said = audit(bundle / "verify.py", bundle, "--file", report)
    assert code == 1
    assert "no entry names this file as it is" in said
    assert stage.run("export", "evidence", "--to", str(bundle)).returncode == 1
    stage.done("evidence", "verify", str(bundle), "--checkpoint", str(held), "--key", key)
    proven = json.loads(stage.done("evidence", "prove", "1"))
    assert proven["size"] > 1
    assert proven["checkpoint"].startswith(key.split("+")[0])


@pytest.fixture
def told(alone):
    """A folder in which something happened, without a gateway; the configuration and its log."""
    alone.write()
    alone.done("keys", "create", "messages")
    alone.done("cut", "provider:acme", "--reason", "first")
    return alone


def test_a_past_event_rewritten_in_the_store_is_found_and_named(told):
    assert told.done("evidence", "verify")
    with sqlite3.connect(told.data / "store.sqlite") as database:
        database.execute("UPDATE cut_off SET reason = 'another'")
    database.close()
    found = told.run("evidence", "verify")
    assert found.returncode == 3
    (cut,) = named(told.told("evidence", "log"), "cut-off placed")
    assert f"WRONG  cut-off {cut['id']} in the store is not the one that entry {cut['n']} vouches for" in found.stdout


def test_a_log_rewritten_on_the_disk_is_found_with_its_first_bad_leaf_and_never_signed_again(told):
    (cut,) = named(told.told("evidence", "log"), "cut-off placed")
    for path in (told.data / "evidence").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes().replace(cut["id"].encode(), b"cut-0000000000"))
    found = told.run("evidence", "verify")
    assert found.returncode == 3
    assert f"WRONG  entry {cut['n']} is not the one whose hash is in tile/0/" in found.stdout.splitlines()[0]
    # An emergency is not stopped by a log that takes nothing; it is said.
    late = told.run("restore", "provider:acme")
    assert late.returncode == 0
    assert "not noted in the evidence log" in late.stderr
    assert "is not what its checkpoint of" in late.stderr
    assert told.run("evidence", "checkpoint").returncode == 1


def test_a_log_rolled_back_to_an_older_copy_is_found_by_a_checkpoint_kept_outside(told, tmp_path):
    shutil.copytree(told.data, tmp_path / "yesterday")
    told.done("restore", "provider:acme")
    held = tmp_path / "held"
    held.write_text(told.done("evidence", "checkpoint"), encoding="utf-8")
    shutil.rmtree(told.data)
    shutil.copytree(tmp_path / "yesterday", told.data)
    assert told.done("evidence", "verify")
    found = told.run("evidence", "verify", "--checkpoint", str(held))
    assert found.returncode == 3
    assert "it was rolled back, or entries removed" in found.stdout
    # Two histories signed: the copy goes on as if nothing had been.
    for _ in range(3):
        told.done("keys", "create", "messages")
    assert told.done("evidence", "verify")
    found = told.run("evidence", "verify", "--checkpoint", str(held))
    assert found.returncode == 3
    assert "are not those that this checkpoint kept elsewhere was signed over" in found.stdout


def test_a_crash_between_a_fact_and_its_entry_is_caught_up_and_marked(told):
    with sqlite3.connect(told.data / "store.sqlite") as database:
        database.execute("INSERT INTO caller_key (id, process, mac, made_at) VALUES ('zzzzzzzz', 'messages', 'x', 5.0)")
    database.close()
    assert "key zzzzzzzz is in the store, and no entry says so" in told.run("evidence", "verify").stdout
    told.done("evidence", "checkpoint")
    assert "note   key zzzzzzzz was found in the store without an entry" in told.done("evidence", "verify")


def test_there_is_no_log_and_no_such_key_without_a_traceback(alone, tmp_path):
    alone.write()
    nothing = alone.run("evidence", "verify", str(tmp_path))
    assert nothing.returncode == 1
    assert "there is no evidence log" in nothing.stderr
    alone.done("evidence", "checkpoint")
    wrong = alone.run("evidence", "verify", "--key", "nonsense")
    assert wrong.returncode == 1
    assert "To mend it:" in wrong.stderr
    assert alone.run("evidence", "prove", "99").returncode == 1


def test_the_newest_entries_rewritten_where_they_are_appended_are_found(told):
    (tail,) = (told.data / "evidence" / "tail").iterdir()
    (cut,) = named(told.told("evidence", "log"), "cut-off placed")
    tail.write_bytes(tail.read_bytes().replace(cut["id"].encode(), b"cut-0000000000"))
    found = told.run("evidence", "verify")
    assert found.returncode == 3
    assert f"WRONG  entry {cut['n']} in tail/ is not the one in tile/entries/" in found.stdout
