"""What goes wrong at the command line: each says where, what and how to mend it, and exits as documented."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import struct
from pathlib import Path

import openai
import pytest

OWN = "  own: {{kind: local, weights: {weights}, model: small, developer: hf, host: own, threads: 1}}"
JUDGED = "    fallbacks: [{own}]\n    rehearse: {{grader: label, labels: [a, b]}}\n"


def refused(stage, *words, code=1, **settings):
    """What a command that fails says on standard error."""
    done = stage.run(*words, **settings)
    assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.stderr.startswith("switchover: ")
    if code == 1:
        assert "To mend it: " in done.stderr
    return done.stderr


def garbage(path):
    """A file that looks like weights, with a chat template and no tensors."""

    def text(value):
        return struct.pack("<Q", len(value)) + value

    body = text(b"tokenizer.chat_template") + struct.pack("<I", 8) + text(b"{{ messages }}")
    path.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + body)
    return path


def test_a_port_in_use_is_named(alone):
    alone.write()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        alone.edit("port: 0", f"port: {port}")
        said = refused(alone, "up")
    assert f"gateway.port {port}" in said
    assert "set another gateway.port" in said


def test_missing_weights_are_named_with_the_command_that_fetches_them(alone):
    alone.write(upstreams=OWN.format(weights="starter"), process=JUDGED.format(own="own"))
    alone.env |= {"SWITCHOVER_WEIGHTS": str(alone.folder), "HOME": str(alone.folder), "XDG_CACHE_HOME": ""}
    for words in (("up",), ("rehearse", "messages", "--candidate", "own")):
        assert "switchover weights fetch --to" in refused(alone, *words)
    assert "BAD  weights of own" in alone.run("doctor").stdout


def test_weights_that_were_altered_or_are_none_are_named(alone):
    (alone.folder / "text.gguf").write_text("no weights")
    alone.write(upstreams=OWN.format(weights=f"file:{alone.folder}/text.gguf"), process=JUDGED.format(own="own"))
    assert "text.gguf is no GGUF file" in refused(alone, "up")


def test_an_engine_that_does_not_start_ends_a_rehearsal_with_the_end_of_its_log(alone):
    path = garbage(alone.folder / "bad.gguf")
    alone.write(upstreams=OWN.format(weights=f"file:{path}"), process=JUDGED.format(own="own"))
    said = refused(alone, "rehearse", "messages", "--candidate", "own")
    assert "own did not start; the end of its log:" in said
    assert "the engine did not start" in said
    assert "check weights" in said


def test_an_engine_that_does_not_start_leaves_the_gateway_serving_and_doctor_says_so(stage, helpers):
    path = garbage(stage.folder / "bad.gguf")
    stage.write(upstreams=OWN.format(weights=f"file:{path}"), process=JUDGED.format(own="own"))
    stage.up("worker-0", "keeper")
    token = stage.key()
    helpers.wait_until(lambda: stage.logged("child did not start"), stage.said)
    line = stage.logged("child did not start")[0]
    assert line["child"] == "engine-own"
    assert "the engine did not start" in line["said"]
    assert Path(line["see"]).exists()
    with stage.client(token) as client:
        assert client.chat.completions.create(model="messages", messages=helpers.say)
    told = stage.run("doctor")
    assert told.returncode == 1
    assert f"BAD  engine of own: its engine does not run; see {line['see']}" in told.stdout
    assert stage.down() == 0


def test_a_data_folder_that_cannot_be_made_is_named(alone):
    alone.write()
    alone.data.write_text("a file is in the way")
    for words in (("up",), ("keys", "create", "messages")):
        said = refused(alone, *words)
        assert str(alone.data) in said
    assert "BAD  data folder" in alone.run("doctor").stdout


def test_a_full_disk_is_named(alone):
    alone.write()

    def nothing_fits():
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    said = refused(alone, "up", preexec_fn=nothing_fits)
    assert str(alone.data) in said


def test_a_disk_that_fills_up_while_it_runs_costs_no_answer_and_is_told(stage, helpers):
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    stage.data.mkdir(exist_ok=True)
    if os.system(f"mount -t tmpfs -o size=4m none {stage.data} 2>/dev/null"):
        pytest.skip("a small disk can't be mounted here")
    try:
        stage.write()
        stage.up("worker-0", "keeper")
        token = stage.key()
        with stage.client(token) as client, pytest.raises(OSError, match="space"):  # noqa: PT012  # fills the disk
            client.models.list()
            with (stage.data / "filler").open("wb", buffering=0) as filler:
                while True:
                    filler.write(bytes(4096))
        with stage.client(token) as client:
            for _ in range(20):
                assert client.chat.completions.create(model="messages", messages=helpers.say)
        told = stage.run("doctor")
        assert told.returncode == 1
        assert "BAD" in told.stdout
        (stage.data / "filler").unlink()
        with stage.client(token) as client:
            name = client.chat.completions.with_raw_response.create(model="messages", messages=helpers.say).headers[
                "x-switchover-exchange"
            ]
        helpers.wait_until(lambda: name in {e.id for e in stage.recorded()}, stage.said)
    finally:
        stage.down()
        os.system(f"umount -l {stage.data}")


def test_an_unreadable_key_is_named_and_costs_only_what_rests_on_it(stage, helpers):
    stage.write()
    stage.edit("env:VENDOR_KEY", "env:NO_SUCH_KEY")
    told = stage.run("doctor")
    assert told.returncode == 1
    assert "BAD  key of vendor" in told.stdout
    assert "NO_SUCH_KEY" in told.stdout
    stage.up("worker-0", "keeper")
    helpers.wait_until(lambda: "BAD  key of vendor: key env:NO_SUCH_KEY" in stage.said(10**6), stage.said)
    token = stage.key()
    with stage.client(token) as client, pytest.raises(openai.APIStatusError) as failed:
        client.chat.completions.create(model="messages", messages=helpers.say)
    assert failed.value.status_code == 503
    assert "its key can't be read" in failed.value.message
    assert stage.down() == 0


def test_a_wrong_configuration_names_its_line(alone):
    alone.write(process="    rto: 4 hrs\n")
    said = refused(alone, "up", code=2)
    assert "switchover.yaml:" in said
    assert "processes.messages.rto: got" in said
    assert "want a duration" in said
    alone.config.unlink()
    assert "switchover.yaml" in refused(alone, "check", code=2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("explain", "nothing"), "there is no process 'nothing'"),
        (("keys", "create", "nothing"), "there is no process 'nothing'"),
        (("rehearse", "messages", "--candidate", "nobody"), "'nobody' is no fallback of messages"),
        (("cut", "provider:nobody", "--reason", "a test"), "provider:nobody covers no upstream"),
        (("restore", "upstream:nobody"), "upstream:nobody covers no upstream"),
        (("cut", "planet:mars", "--reason", "a test"), "planet"),
        (("exchanges", "show", "abc"), "there is no one exchange 'abc'"),
        (("exchanges", "list", "--outcome", "well"), "there is no outcome 'well'"),
        (("keys", "revoke", "abc"), "there is no key 'abc' in use"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_what_there_is_not_is_named_with_where_to_look(words, said, named):
    assert said in refused(named, *words)


@pytest.fixture(scope="module")
def named(stage):
    stage.down()
    stage.write()
    stage.data.mkdir(exist_ok=True)
    return stage
