"""The section about the pages: no key of a person goes over a network in clear."""

from __future__ import annotations

import pytest

from switchover.config import load
from switchover.domain.process import PagesAt
from switchover.errors import ConfigError

FILE = """\
organisation: {domicile: NL}
providers: {acme: {home: US}}
PAGES
upstreams:
  vendor: {kind: openai, base_url: "https://vendor.invalid/v1", model: m, developer: acme, host: acme}
processes:
  messages: {owner: o, criticality: important, data: internal, baseline: vendor}
"""


@pytest.fixture
def loaded(tmp_path):
    def go(section):
        file = tmp_path / "switchover.yaml"
        file.write_text(FILE.replace("PAGES", section and f"pages: {section}"), encoding="utf-8")
        return load(str(file)).pages

    return go


@pytest.mark.parametrize(
    ("section", "wanted"),
    [
        ("", PagesAt()),
        ("{serve: false, host: 0.0.0.0}", PagesAt(serve=False, host="0.0.0.0")),
        ('{host: "::1", port: 0}', PagesAt(host="::1", port=0)),
        ("{note: A rehearsal of ours.}", PagesAt(note="A rehearsal of ours.")),
        (
            "{host: 0.0.0.0, address: 'https://switchover.example/'}",
            PagesAt(host="0.0.0.0", address="https://switchover.example"),
        ),
        (
            "{host: 0.0.0.0, address: 'http://127.0.0.1:8081'}",
            PagesAt(host="0.0.0.0", address="http://127.0.0.1:8081"),
        ),
    ],
)
def test_pages_are_where_they_are_said_to_be(loaded, section, wanted):
    assert loaded(section) == wanted


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("{host: 0.0.0.0}", "3: pages.host: got 0.0.0.0, which others can reach, and no pages.address"),
        ("{host: switchover.example}", "3: pages.host: got switchover.example, which others can reach"),
        ("{address: 'http://switchover.example'}", "got plain http, over which keys could be read"),
        ("{address: 'https://a.example/switchover'}", "got an address with more than a name and a port"),
        ("{address: 'https://u:canary@a.example'}", "got an address with more than a name and a port"),
        ("{address: 'https://a.example:x'}", "got no address"),
        ("{port: 70000}", "3: pages.port"),
    ],
)
def test_a_slip_is_refused_with_its_line_and_what_to_do(loaded, section, words):
    with pytest.raises(ConfigError) as caught:
        loaded(section)
    assert words in str(caught.value)
    assert "; want " in str(caught.value)
    assert "canary" not in str(caught.value)
