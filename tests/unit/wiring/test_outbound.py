"""The client that a configuration leads to, and what is said of a login that can't be read."""

from __future__ import annotations

import asyncio

import pytest

from switchover.domain.process import Egress
from switchover.errors import ConfigError, ProxyDenied
from switchover.testing.builders import make_settings
from switchover.testing.forward_proxy import ForwardProxy
from switchover.wiring.diagnosis import examine
from switchover.wiring.parts import outbound

URL = "https://api.invalid/v1"


def configured(tmp_path, **egress):
    return make_settings(source=str(tmp_path / "switchover.yaml"), data_dir=str(tmp_path), egress=Egress(**egress))


def asked(found):
    async def main():
        client = outbound(found)
        try:
            await client.request("POST", URL, {}, b"{}")
        finally:
            await client.close()

    asyncio.run(main())


def test_the_proxy_is_asked_with_the_login_its_reference_leads_to(tmp_path):
    login = tmp_path / "login"
    login.write_text("worker:canary\n")
    login.chmod(0o600)
    with ForwardProxy({}, login="worker:canary", barred=frozenset(["api.invalid"])) as proxy:
        found = configured(tmp_path, proxy=f"http://127.0.0.1:{proxy.port}", proxy_login="file:login")
        with pytest.raises(ProxyDenied, match="does not let us through") as error:
            asked(found)
        assert "proxy-authorization: Basic" in proxy.asked[0]
    assert "canary" not in str(error.value)
    assert "canary" not in repr(found)


@pytest.mark.parametrize("login", ["", "worker", ":canary", "worker:canary\nmore: lines"])
def test_a_login_that_is_none_is_named_by_its_setting_and_never_shown(tmp_path, monkeypatch, login):
    monkeypatch.setenv("PROXY_LOGIN", login)
    found = configured(tmp_path, proxy="http://127.0.0.1:1", proxy_login="env:PROXY_LOGIN")
    with pytest.raises(ConfigError, match=r"^egress\.proxy_login: got .* at env:PROXY_LOGIN; want ") as error:
        asked(found)
    assert "canary" not in str(error.value)
    told = {one.what: one for one in examine(found)}["login of the proxy"]
    assert not told.well
    assert told.said == str(error.value)


def test_what_needs_no_proxy_needs_no_login(tmp_path):
    found = configured(tmp_path, proxy="http://127.0.0.1:1", proxy_login="env:NO_SUCH_LOGIN", direct=("api.invalid",))
    outbound(found).prepare("POST", URL, {})
    outbound(found).prepare("POST", "http://127.0.0.1:9/v1", {})


def test_the_doctor_names_a_proxy_of_the_environment_and_not_its_value(tmp_path, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://u:canary@proxy.test:3128")
    told = {one.what: one for one in examine(configured(tmp_path))}["proxy"]
    assert told.well
    assert told.said.startswith("none; HTTPS_PROXY is set and not obeyed")
    assert "canary" not in told.said
    assert "proxy" not in {one.what for one in examine(configured(tmp_path, proxy="http://127.0.0.1:1"))}
