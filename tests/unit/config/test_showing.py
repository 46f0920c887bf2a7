"""A configuration as it is shown: values with their lines, defaults marked, and no secret wherever it was put."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from switchover.config.load import parse
from switchover.config.showing import Shown, masked, shown

FILE = """\
organisation: {domicile: NL}
store: "postgresql+psycopg://switchover:p@ss/w-canary@db.example:5432/store"
egress: {proxy: "http://proxy.example:3128", proxy_login: env:CANARY_LOGIN}
keyring: {master: file:canary-master}
traces:
  endpoint: "https://collector.example/x"
  headers: {authorization: env:CANARY_HEADER, x-team: file:canary-team}
archive: {to: "s3://bucket/x", endpoint: "https://s3.example", key: env:CANARY_S3}
retention: {exchanges: 90d}
alerts:
  webhooks:
    chat: {url: "https://hooks.example/services/canary-path", secret: env:CANARY_SIGN}
    pager: {url: env:CANARY_URL, secret: file:canary-sign}
  mail: {team: {server: smtp.example.net, login: env:CANARY_MAIL, from: a@example.net, to: [b@example.net]}}
upstreams:
  vendor:
    kind: openai
    base_url: https://vendor.example/v1
    key: env:CANARY_VENDOR
    model: big-1
    developer: openai
    host: openai
    price:
      - {input_mtok: "1.00", output_mtok: "2.00", source: contract}
      - {from: 2027-01-01, input_mtok: "1.50", output_mtok: "2.00", source: contract}
processes:
  claims:
    owner: head-of-claims
    criticality: critical
    data: internal
    baseline: vendor
    rto: 5m
    recording: redacted
    rehearse:
      grader: exact
      slices: {vip: 'words matches "^VIP-"'}
"""


@pytest.fixture
def found(tmp_path) -> Shown:
    path = tmp_path / "switchover.yaml"
    path.write_text(FILE, encoding="utf-8")
    return shown(*parse(str(path)))


def walk(one: Shown) -> Iterator[Shown]:
    yield one
    for below in one.below:
        yield from walk(below)


def test_a_value_that_is_set_stands_as_it_was_written_with_its_line(found):
    lines = FILE.splitlines()
    for path, value in (
        ("processes.claims.rto", "5m"),
        ("retention.exchanges", "90d"),
        ("upstreams.vendor.model", "big-1"),
    ):
        one = found.find(path)
        assert (one.value, one.is_set) == (value, True)
        assert one.name in lines[one.line - 1]


def test_a_default_is_marked_and_said_as_a_person_would_write_it(found):
    for path, value in (
        ("processes.claims.first_content_timeout", "30s"),
        ("processes.claims.rehearse.half_life", "30d"),
        ("processes.claims.accept_provisional", "false"),
        ("gateway.host", "127.0.0.1"),
        ("processes.claims.fallbacks", "none"),
    ):
        one = found.find(path)
        assert (one.value, one.line) == (value, None), path
    assert found.find("gateway").defaults == 3


def test_short_forms_are_shown_by_the_setting_that_they_are_short_for(found):
    assert found.find("processes.claims.recording.bodies").value == "redacted"
    assert found.find("processes.claims.rehearse.slices.vip.where").value == 'words matches "^VIP-"'


def test_rows_and_names_are_sections_of_their_own(found):
    assert found.find("upstreams.vendor.price.1.input_mtok").value == "1.50"
    assert found.find("upstreams.vendor.price.0").name == "row 1"
    assert found.find("upstreams.vendor").documented == "upstreams.NAME"
    assert found.find("processes.nobody") is None


def test_a_reference_shows_its_kind_alone(found):
    said = {one.path: one.value for one in walk(found)}
    assert said["upstreams.vendor.key"] == said["archive.key"] == said["egress.proxy_login"] == "env:***"
    assert said["keyring.master"] == "file:***"
    assert said["traces.headers"] == "authorization: env:***, x-team: file:***"
    assert said["alerts.webhooks.chat.secret"] == said["alerts.mail.team.login"] == "env:***"
    assert said["alerts.webhooks.pager.url"] == "env:***"
    assert said["store_password"] == "none"  # no password: that there is none


def test_no_secret_nor_the_name_of_one_is_shown_anywhere(found):
    whole = " ".join(f"{one.name} {one.path} {one.value} {one.said}" for one in walk(found)).lower()
    assert "canary" not in whole
    assert found.find("alerts.webhooks.chat.url").value == "https://hooks.example/***"
    assert found.find("store").value == "postgresql+psycopg://***@db.example:5432/store"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("https://user:pass@host/v1", "https://***@host/v1"),
        ("https://host/v1?api_key=canary&x=1", "https://host/v1?***"),
        ("see https://host/v1#token=canary, please", "see https://host/v1?*** please"),
        ("postgresql://u:a@b/c@host/db", "postgresql://***@host/db"),
        ("jane@example.org?", "jane@example.org?"),
        ("https://host/v1", "https://host/v1"),
    ],
)
def test_logins_and_queries_of_addresses_are_masked(text, left):
    assert masked(text) == left
