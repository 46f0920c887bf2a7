"""The fake vendor's control, and its command."""

from __future__ import annotations

import http.client
import json

import pytest

from switchover.testing.fake_vendor import FakeVendor, VendorProcess, main


def call(url, method, path, body=None, key="k"):
    host = url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=60)
    try:
        connection.request(
            method, path, json.dumps(body) if body is not None else None, {"authorization": f"Bearer {key}"}
        )
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def vendor():
    with FakeVendor({"hi": "hello"}, key="k") as running:
        yield running


def ask(vendor, text="hi"):
    return call(
        vendor.url, "POST", "/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": text}]}
    )


def test_control_needs_the_key(vendor):
    assert call(vendor.url, "POST", "/_control", {"mode": "denied"}, key="other")[0] == 401
    assert ask(vendor)[0] == 200


def test_control_over_http_changes_and_restores(vendor):
    assert call(vendor.url, "POST", "/_control", {"mode": "vanished"})[1]["mode"] == "vanished"
    assert ask(vendor)[0] == 404
    assert call(vendor.url, "POST", "/_control", {"mode": "normal"})[0] == 200
    assert ask(vendor)[1]["choices"][0]["message"]["content"] == "hello"


@pytest.mark.parametrize(
    "wrong", [{"mode": "sulking"}, {"mood": 1}, {"latency": -1}, {"mode": "refused"}, {"seconds": "x"}]
)
def test_control_refuses_what_there_is_not(vendor, wrong):
    assert call(vendor.url, "POST", "/_control", wrong)[0] == 400
    assert ask(vendor)[0] == 200


def test_rates_can_be_changed(vendor):
    vendor.control(failures=1.0)
    assert ask(vendor)[0] in (500, 529)
    vendor.control(failures=0.0)
    assert ask(vendor)[0] == 200


def test_it_counts_what_it_served(vendor):
    before = vendor.served.get("answered", 0)
    ask(vendor)
    assert vendor.served["answered"] == before + 1


def test_every_answer_says_that_it_is_simulated(vendor):
    assert call(vendor.url, "GET", "/_control")[1]["simulated"] is True


def test_the_process_is_a_vendor_with_the_inbox_and_ends(capfd):
    with VendorProcess(key="k", latency=0.0) as vendor:
        assert call(vendor.url, "GET", "/v1/models")[0] == 200
        assert call(vendor.url, "GET", "/v1/models", key="other")[0] == 401
    with pytest.raises(ConnectionRefusedError):
        call(vendor.url, "GET", "/v1/models")
    assert capfd.readouterr().err == ""


def test_a_taken_port_is_named(vendor, capsys):
    port = vendor.url.rsplit(":", 1)[1]
    assert main(["--key", "k", "--port", port]) == 1
    assert f"port {port}" in capsys.readouterr().err


def test_without_a_key_the_command_says_what_it_wants(monkeypatch, capsys):
    monkeypatch.delenv("SWITCHOVER_FAKE_VENDOR_KEY", raising=False)
    with pytest.raises(SystemExit):
        main([])
    assert "a key is wanted" in capsys.readouterr().err
