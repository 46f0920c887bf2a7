"""The section about the way out: each slip refused with its line, and no login ever shown."""

from __future__ import annotations

import pytest
import trustme

from switchover.config import load
from switchover.errors import ConfigError

FILE = """\
organisation: {domicile: NL}
providers: {acme: {home: US}}
egress:
  proxy: https://proxy.acme.test:3128
  proxy_login: file:keys/proxy
  direct: [inside.acme.test]
  tls_ca: company.pem
upstreams:
  vendor: {kind: openai, base_url: "https://inside.acme.test/v1", model: m, developer: acme, host: acme}
processes:
  messages: {owner: o, criticality: important, data: internal, baseline: vendor}
"""


@pytest.fixture
def loaded(tmp_path):
    """What a file leads to, beside a bundle of authorities."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "company.pem")

    def go(text=FILE):
        file = tmp_path / "switchover.yaml"
        file.write_text(text, encoding="utf-8")
        return load(str(file)).egress

    return go


def test_paths_are_taken_from_the_files_own_folder(loaded, tmp_path):
    egress = loaded()
    assert egress.proxy_login == f"file:{tmp_path / 'keys/proxy'}"
    assert egress.tls_ca == str(tmp_path / "company.pem")
    assert (egress.proxy, egress.direct) == ("https://proxy.acme.test:3128", ("inside.acme.test",))


WANT_PROXY = "want http://host:port or https://host:port; its login in egress.proxy_login"
SLIPS = [
    ("https://proxy.acme.test:3128", "https://u:canary@proxy", f"4: egress.proxy: got an address with a login in it; {WANT_PROXY}"),
    ("https://proxy.acme.test:3128", "http://u:canary@proxy:x", f"4: egress.proxy: got no address; {WANT_PROXY}"),
    ("https://proxy.acme.test:3128", "socks5://canary:1080", f"4: egress.proxy: got another kind of address; {WANT_PROXY}"),
    ("https://proxy.acme.test:3128", "proxy.canary.test:3128", f"4: egress.proxy: got another kind of address; {WANT_PROXY}"),
    ("https://proxy.acme.test:3128", "https://proxy/canary", f"4: egress.proxy: got an address with a path; {WANT_PROXY}"),
    ("file:keys/proxy", "worker:canary", "5: egress.proxy_login: got something else; want env:NAME or file:PATH, never the key itself"),
    ("[inside.acme", "[outside.acme", "6: egress.direct.0: got outside.acme.test; want the host of a base_url or a webhook (inside.acme.test)"),
    ("company.pem", "none.pem", "7: egress.tls_ca: got none.pem: No such file or directory; want a readable PEM file of certificate authorities"),
    ("company.pem", "switchover.yaml", "7: egress.tls_ca: got switchover.yaml: no certificate that can be read; want a readable PEM file of certificate authorities"),
    ("  proxy: https://proxy.acme.test:3128\n", "", "4: egress.proxy_login: got no proxy; want the proxy it is about, as egress.proxy"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), SLIPS, ids=[row[2].split(";")[0] for row in SLIPS])
def test_a_slip_is_refused_with_its_line_and_the_mend(loaded, tmp_path, old, new, message):
    assert FILE.count(old) == 1
    with pytest.raises(ConfigError) as error:
        loaded(FILE.replace(old, new))
    assert str(error.value) == f"{tmp_path / 'switchover.yaml'}:{message}"
    assert "canary" not in repr(error.value)
    assert error.value.__cause__ is None or "canary" not in repr(error.value.__cause__)
