"""What the guard turns away: another Host, another Origin, another spelling of a path."""

from __future__ import annotations

import pytest

from switchover.web.security import Guard, Turned

HERE = "127.0.0.1:8081"
LOCAL = Guard.at(None, "127.0.0.1", 8081)
BEHIND = Guard.at("https://switchover.example", "0.0.0.0", 8081)
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


def status(guard, method="GET", path="/", host=HERE, **headers):
    told = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    try:
        guard.check(method, path, [(b"host", host.encode()), *told])
    except Turned as turned:
        return turned.status
    return 200


def posted(guard, host=HERE, **headers):
    return status(guard, "POST", "/sign-out", host, **{**FORM, **headers})


@pytest.mark.parametrize("host", [HERE, "localhost:8081", "[::1]:8081", "LOCALHOST:8081"])
def test_every_name_of_this_machine_is_ours(host):
    assert status(LOCAL, host=host) == 200


@pytest.mark.parametrize(
    "host", ["evil.invalid", "127.0.0.1", "127.0.0.1:80", "evil.invalid:8081", "127.0.0.1:8081.evil.invalid", ""]
)
def test_no_other_name_is(host):
    assert status(LOCAL, host=host) == 421


def test_behind_tls_only_the_address_is_ours():
    assert status(BEHIND, host="switchover.example") == 200
    assert status(BEHIND, host="switchover.example:443") == 421
    assert status(BEHIND, host="127.0.0.1:8081") == 421
    assert posted(BEHIND, "switchover.example", origin="https://switchover.example") == 200
    assert posted(BEHIND, "switchover.example", origin="http://switchover.example") == 403


@pytest.mark.parametrize(
    ("origin", "wanted"),
    [
        (f"http://{HERE}", 200),
        ("http://localhost:8081", 403),
        ("http://127.0.0.1", 403),
        ("https://127.0.0.1:8081", 403),
        ("null", 403),
        ("https://evil.invalid", 403),
    ],
)
def test_a_form_comes_from_the_very_page_it_stands_on(origin, wanted):
    assert posted(LOCAL, origin=origin) == wanted
    assert status(LOCAL, origin=origin) == wanted


def test_a_form_without_an_origin_is_not_taken():
    assert posted(LOCAL) == 403


@pytest.mark.parametrize(
    ("site", "mode", "dest", "wanted"),
    [
        ("same-origin", "navigate", "document", 200),
        ("none", "navigate", "document", 200),
        ("cross-site", "navigate", "document", 200),
        ("cross-site", "navigate", "iframe", 403),
        ("cross-site", "no-cors", "image", 403),
        ("same-site", "cors", "empty", 403),
    ],
)
def test_pages_elsewhere_may_link_here_and_nothing_more(site, mode, dest, wanted):
    assert status(LOCAL, sec_fetch_site=site, sec_fetch_mode=mode, sec_fetch_dest=dest) == wanted


def test_a_form_from_another_site_is_refused_even_with_our_origin():
    assert posted(LOCAL, origin=f"http://{HERE}", sec_fetch_site="cross-site", sec_fetch_mode="navigate") == 403


@pytest.mark.parametrize(
    "path", ["//", "/a//b", "/a/", "/../etc", "/a/../b", "/.env", "/%2e%2e", "/a%00", "/a;b", "/a\\b", "a", "", "/é"]
)
def test_a_path_has_one_spelling(path):
    assert status(LOCAL, path=path) == 404


@pytest.mark.parametrize("path", ["/", "/verdicts/v-01ab", "/compare/customer.messages_2", "/static/pages.css"])
def test_paths_of_ours_pass(path):
    assert status(LOCAL, path=path) == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get"])
def test_other_methods_are_not_taken(method):
    assert status(LOCAL, method) == 405


def test_only_plain_forms_are_taken():
    origin = f"http://{HERE}"
    assert posted(LOCAL, origin=origin, **{"content-type": "application/json"}) == 415
    assert posted(LOCAL, origin=origin, content_encoding="gzip") == 415
