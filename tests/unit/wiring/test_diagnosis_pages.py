"""What a doctor says of the pages."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import replace

import pytest

from switchover.domain.process import PagesAt
from switchover.testing.builders import make_settings
from switchover.wiring import access
from switchover.wiring.diagnosis import examine
from switchover.wiring.diagnosis_pages import examine_pages


def settings_in(folder):
    return replace(
        make_settings(), data_dir=str(folder), database=f"sqlite:///{folder / 'store.sqlite'}", upstreams={},
        processes={}, pages=PagesAt(port=0),
    )  # fmt: skip


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Of a Switchover at which nobody is known."""
    return settings_in(tmp_path_factory.mktemp("unknown"))


def said(settings):
    return {what: (well, words) for what, well, words in examine_pages(settings)}


def test_the_doctor_speaks_of_them(settings):
    assert {"pages", "sign-in to the pages"} <= {found.what for found in examine(settings)}


def test_pages_that_are_left_out_are_said_so_and_nothing_else(settings):
    assert said(replace(settings, pages=PagesAt(serve=False))) == {"pages": (True, "not served: pages.serve is false")}


def test_the_address_is_told_while_they_are_up_and_where_they_will_be_before(settings, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    at = replace(settings, pages=PagesAt(port=port), data_dir=str(tmp_path))
    assert said(at)["pages"] == (True, f"not up; `switchover up` will serve them on http://127.0.0.1:{port}/")
    told = tmp_path / "run" / "pages.json"
    told.parent.mkdir()
    told.write_text(json.dumps({"url": "http://127.0.0.1:9/", "pid": os.getpid()}), encoding="utf-8")
    assert said(at)["pages"][1].startswith("served on http://127.0.0.1:9/")
    told.write_text("half wri", encoding="utf-8")
    assert "not up" in said(at)["pages"][1]


def test_a_port_that_another_program_has_is_named_with_the_way_out(settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        well, words = said(replace(settings, pages=PagesAt(port=port)))["pages"]
    assert not well
    assert f"pages.port {port}" in words
    assert "stop the program that listens there" in words


def test_while_nobody_is_known_the_machines_user_comes_in_unless_through_an_address(settings, monkeypatch):
    well, words = said(settings)["sign-in to the pages"]
    assert well
    assert "open to this user on this machine" in words
    behind = replace(settings, pages=PagesAt(port=0, address="https://switchover.example"))
    well, words = said(behind)["sign-in to the pages"]
    assert not well
    assert "switchover access init NAME" in words
    monkeypatch.setattr("switchover.wiring.diagnosis_pages.TABLES", ())
    assert not said(settings)["sign-in to the pages"][0]


def test_whoever_can_sign_in_is_counted_and_nobody_left_is_bad(tmp_path, monkeypatch):
    settings = settings_in(tmp_path)
    access.init(settings, "boss", again=False)
    assert said(settings)["sign-in to the pages"] == (True, "1 person has a key that counts")
    later = access.now() + 400 * 86_400
    admin = access.admit(settings, "access add", lambda: access.init(settings, "other", again=True).token)
    for name in ("boss", "other"):
        access.rotate(settings, admin, name, expires_in=86_400.0)
    monkeypatch.setattr("switchover.wiring.access.now", lambda: later)
    well, words = said(settings)["sign-in to the pages"]
    assert not well
    assert "access init NAME --again" in words


@pytest.mark.parametrize(
    ("address", "well"),
    [(None, False), ("http://127.0.0.1:8081", False), ("https://switchover.example", True)],
)
def test_a_bind_that_others_reach_is_named_and_bad_without_tls_in_front(settings, address, well):
    at = replace(settings, pages=PagesAt(host="0.0.0.0", port=0, address=address))  # only looked at
    found, words = said(at)["network of the pages"]
    assert found is well
    assert "they listen on 0.0.0.0, which others can reach" in words
    assert "network of the pages" not in said(settings)
