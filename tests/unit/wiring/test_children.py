"""Which children there should be when weights go missing or change."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from switchover.domain.process import UpstreamSpec
from switchover.errors import WeightsMissing
from switchover.testing.builders import make_settings
from switchover.upstreams import weights
from switchover.upstreams.weights import Pinned
from switchover.wiring.running import Children

CONTENT = b"GGUF" + b"weights" * 100


@pytest.fixture
def children(tmp_path, monkeypatch):
    """Two engines, one on pinned weights and one on a file; what is logged is in ``logged``."""
    pinned = Pinned("small", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), "no-such-package==0")
    monkeypatch.setattr(weights, "STARTER", pinned)
    monkeypatch.setenv("SWITCHOVER_WEIGHTS", str(tmp_path))
    made = {
        name: UpstreamSpec(name=name, kind="local", model="m", developer="d", host="own", weights=source)
        for name, source in {"pinned": "starter", "filed": f"file:{tmp_path / 'own.gguf'}"}.items()
    }
    for name in (pinned.filename, "own.gguf"):
        (tmp_path / name).write_bytes(CONTENT)
    (tmp_path / "switchover.yaml").write_text("one")
    settings = replace(
        make_settings(), source=str(tmp_path / "switchover.yaml"), data_dir=str(tmp_path), upstreams=made, processes={}
    )
    found = Children(settings, lambda event, **fields: logged.append((event, fields)))
    logged = found.logged = []
    found.pinned = tmp_path / pinned.filename
    return found


def engines(children):
    return [spec.name for spec in children() if spec.name.startswith("engine-")]


def test_weights_that_are_altered_or_gone_cost_their_own_engine_and_no_other(children):
    children.check()
    assert engines(children) == ["engine-pinned", "engine-filed"]
    children.pinned.write_bytes(CONTENT[:-1] + b"!")
    assert engines(children) == engines(children) == ["engine-filed"]
    children.pinned.unlink()
    assert engines(children) == ["engine-filed"]
    said = [fields for event, fields in children.logged if event == "engine left out"]
    assert [fields["engine"] for fields in said] == ["pinned", "pinned"]
    assert "has SHA-256" in said[0]["detail"]
    assert "not on this machine" in said[1]["detail"]
    with pytest.raises(WeightsMissing):
        children.check()


def test_weights_that_are_put_back_bring_their_engine_back(children):
    children.pinned.write_bytes(b"")
    assert engines(children) == ["engine-filed"]
    children.pinned.write_bytes(CONTENT)
    assert engines(children) == ["engine-pinned", "engine-filed"]


def test_looking_again_and_again_does_not_read_the_weights_again(children, monkeypatch):
    engines(children)
    monkeypatch.setattr(hashlib, "file_digest", lambda *given: pytest.fail("read again"))
    for _ in range(5):
        assert engines(children) == ["engine-pinned", "engine-filed"]
