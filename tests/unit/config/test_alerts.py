"""Where alerts go, as the configuration says it; what is wrong is located, and no secret is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from switchover.config import load
from switchover.domain.alert import Mail, Webhook
from switchover.domain.process import Budget
from switchover.errors import ConfigError

GOOD = """\
organisation: {domicile: NL}
alerts:
  webhooks:
    ops: {url: "https://hooks.example.net/x?team=7", secret: env:HOOK}
    chat: {url: "file:secrets/url", secret: "file:secrets/hook"}
    here: {url: "http://127.0.0.1:9/x", secret: env:HOOK}
  mail:
    board: {server: smtp.example.net, from: switchover@example.net, to: [cfo@example.net], login: env:MAIL}
    relay: {server: 127.0.0.1, port: 25, security: none, from: a@example.net, to: [b@example.net, c@example.net]}
budgets:
  keys: {k3v9x2ab: {day: 5 USD, kind: soft}}
upstreams:
  vendor: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: gpt-4.1, developer: openai, host: openai}
processes:
  claims: {owner: o, criticality: critical, data: internal, baseline: vendor, key_budget: {month: 50 USD}}
"""


def loaded(folder: Path, text: str):
    file = folder / "switchover.yaml"
    file.write_text(text, encoding="utf-8")
    return load(str(file))


def test_channels_have_names_and_their_secrets_are_references(tmp_path):
    found = loaded(tmp_path, GOOD).alerts
    assert found.names == ("webhook:ops", "webhook:chat", "webhook:here", "mail:board", "mail:relay")
    assert found.webhooks["ops"] == Webhook(url="https://hooks.example.net/x?team=7", secret="env:HOOK")
    assert found.webhooks["chat"] == Webhook(url=f"file:{tmp_path}/secrets/url", secret=f"file:{tmp_path}/secrets/hook")
    assert found.mails["board"] == Mail(
        server="smtp.example.net", port=587, security="starttls", sender="switchover@example.net",
        to=("cfo@example.net",), login="env:MAIL",
    )  # fmt: skip


def test_keys_have_budgets_by_process_and_by_id(tmp_path):
    found = loaded(tmp_path, GOOD)
    assert found.processes["claims"].key_budget == Budget(month=50_000_000)
    assert found.budgets == {"key:k3v9x2ab": Budget(day=5_000_000, kind="soft")}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("env:HOOK}\n    chat", "hook-canary}\n    chat", "4: alerts.webhooks.ops.secret: got something else; want"),
        ("https://hooks", "http://canary", "4: alerts.webhooks.ops.url: got plain http to another machine; want https://"),
        ("https://hooks", "https://canary:canary@hooks", "got an address with a credential in it; want https://host/path"),
        ("https://hooks", "canary://hooks", "4: alerts.webhooks.ops.url: got something else; want https://host"),
        ("hooks.example.net/x", "hooks:canary/x", "alerts.webhooks.ops.url: got no address; want https://host/path"),
        (', secret: "file:secrets/hook"', "", "5: alerts.webhooks.chat.secret: got nothing; want a value for secret"),
        ("env:MAIL", "user:canary", "8: alerts.mail.board.login: got something else; want env:NAME or file:PATH"),
        ("server: 127.0.0.1", "server: 192.0.2.1", "9: alerts.mail.relay.security: got none for 192.0.2.1; want"),
        ("security: none", "security: maybe", "9: alerts.mail.relay.security: got maybe; want one of"),
        ("[cfo@example.net]", "[]", "8: alerts.mail.board.to: got a list; want"),
        ("[cfo@example.net]", '["a b@c"]', "8: alerts.mail.board.to.0: got a b@c; want an address such as"),
        ("[cfo@example.net]", '["a@b>\\r\\nRCPT TO:<x@y"]', "alerts.mail.board.to.0: got"),
        ("from: a@example.net", "form: a@example.net", "9: alerts.mail.relay.form: got an unknown name; want from"),
        ("smtp.example.net", '"smtp\\r\\nx"', "8: alerts.mail.board.server: got"),
        ("k3v9x2ab", "sw_k3v9", "11: budgets.keys.sw_k3v9: got sw_k3v9; want the id of a caller key, such as k3v9x2ab"),
        ("{day: 5 USD, kind: soft}", "{kind: soft}", "11: budgets.keys.k3v9x2ab: got no amount; want day: or month:"),
        ("{month: 50 USD}", "{at_cap: refuse}", "processes.claims.key_budget: got no amount; want day: or month:"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line_and_never_a_secret(tmp_path, old, new, said):
    assert old in GOOD
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, GOOD.replace(old, new, 1))
    assert said in str(raised.value)
    assert "canary" not in str(raised.value)
