"""What a doctor says of servers of our own."""

from __future__ import annotations

import struct
import time
from dataclasses import replace

from switchover.domain.personal import Privacy
from switchover.domain.process import UpstreamSpec
from switchover.privacy.presidio import missing
from switchover.store import Store
from switchover.store.indexing import save_spooled
from switchover.store.spool_frames import Gap, Position, Rot
from switchover.testing.builders import make_settings
from switchover.testing.served import spec
from switchover.upstreams.templates import digest_of
from switchover.wiring import access, register
from switchover.wiring.diagnosis import examine


def said(tmp_path, *specs):
    """By what was looked at: whether it is well, and the words."""
    settings = replace(
        make_settings(), data_dir=str(tmp_path), database=f"sqlite:///{tmp_path / 'store.sqlite'}",
        upstreams={one.name: replace(one, key=None) for one in specs}, processes={},
    )  # fmt: skip
    return {found.what: (found.well, found.said) for found in examine(settings)}


def weights(path, template):
    key = b"tokenizer.chat_template"
    text = struct.pack("<Q", len(key)) + key + struct.pack("<I", 8) + struct.pack("<Q", len(template)) + template
    path.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + text)
    return UpstreamSpec(name="own", kind="local", model="m", developer="d", host="own", weights=f"file:{path}")


def test_the_template_of_an_engine_is_named_by_its_digest(tmp_path):
    well, words = said(tmp_path, weights(tmp_path / "w.gguf", b"{{ x }}"))["weights of own"]
    assert well
    assert words.endswith(f"with the chat template {digest_of('{{ x }}')}")


def test_an_unsafe_template_and_none_are_bad(tmp_path):
    for template, why in ((b"{{ x.__class__ }}", "unsafe chat template"), (b" ", "has no chat template")):
        well, words = said(tmp_path, weights(tmp_path / "w.gguf", template))["weights of own"]
        assert not well
        assert why in words


def test_a_presidio_that_is_asked_for_and_missing_is_named_with_how_to_mend_it(tmp_path):
    settings = replace(make_settings(), data_dir=str(tmp_path), upstreams={}, processes={})
    assert "presidio" not in {found.what for found in examine(settings)}
    asked = replace(settings, privacy=Privacy(presidio=("nl", "en")))
    found = next(one for one in examine(asked) if one.what == "presidio")
    lacking = missing(("nl", "en"))
    assert found.well is not bool(lacking)
    assert all(package in found.said for package in lacking)


def test_a_server_of_ours_whose_context_nobody_said_is_named(tmp_path):
    box = spec("box", "http://127.0.0.1:9", host="own")
    assert "set context" in said(tmp_path, box)["context of box"][1]
    assert "context of box" not in said(tmp_path, replace(box, context=8192))
    assert "context of v" not in said(tmp_path, spec("v", "http://127.0.0.1:9"))


def test_what_is_missing_from_the_record_is_said_with_the_reason_and_is_old_after_a_day(tmp_path):
    settings = replace(
        make_settings(), data_dir=str(tmp_path), database=f"sqlite:///{tmp_path / 'store.sqlite'}", upstreams={},
        processes={},
    )  # fmt: skip

    def record():
        (found,) = [one for one in examine(settings) if one.what == "record"]
        return found

    assert (record().well, record().said) == (True, "nothing is known to be missing")
    now = time.time()
    lost = [(Position(1, 9), Gap(at=now - 2 * 86_400, records=3, reason="No space left on device"))]
    with Store.open(settings.database) as store:
        save_spooled(store, "w0", (1, 9), [], [], lost)
    assert (record().well, record().said) == (True, "missing: 3 records (No space left on device)")
    with Store.open(settings.database) as store:
        save_spooled(store, "w0", (1, 99), [], [], [(Position(1, 99), Rot(length=4))], at=now)
    assert not record().well
    assert "3 records (No space left on device); 1 record (bit-rot)" in record().said


def test_keys_that_end_soon_are_named_and_those_that_were_replaced_are_not(tmp_path):
    settings = replace(
        make_settings(), data_dir=str(tmp_path), database=f"sqlite:///{tmp_path / 'store.sqlite'}", upstreams={}
    )
    day = 86_400.0
    soon, replaced, later = (
        register.create_key(settings, "customer-messages", expires_in=days * day)[0].id for days in (3, 4, 60)
    )
    register.rotate_key(settings, replaced, overlap=day, expires_in=60 * day)

    def told():
        return {found.what: found for found in examine(settings) if "key" in found.what or found.what == "people"}

    assert told()["people"].said.startswith("nobody is known")
    (ending,) = [found for found in told().values() if not found.well and found.what != "people"]
    assert ending.what == f"key {soon} of customer-messages"
    assert f"switchover keys rotate {soon}" in ending.said
    assert later not in str(told())
    first = access.init(settings, "root")
    admin = access.admit(settings, "access add", lambda: first.token)
    access.add(settings, admin, "temp", ["operator"], [], expires_in=5 * day)
    assert told()["people"].said == "2 known"
    assert not told()["key of temp"].well
