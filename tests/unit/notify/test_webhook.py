"""A webhook: what is sent, signed so that a receiver can check it, and what counts as not arrived."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json

import pytest
import trustme

from switchover.clock import SystemClock
from switchover.domain.budget import USD
from switchover.domain.process import Budget
from switchover.domain.secret import Secret
from switchover.egress import Client, trusting
from switchover.egress.s3 import origin
from switchover.errors import Undelivered
from switchover.notify import webhook, wording
from switchover.notify.webhook import WebhookChannel, signature
from switchover.testing.scripted import HANG, RESET, ScriptedServer, reply

AT = 1_780_000_000.0
SECRET = Secret("a-canary-secret-of-a-webhook")
ALERT = wording.budget_reached(
    "process:claims", Budget(month=500 * USD), "2026-11", 500 * USD, 80, settled=412_500_000, unknown=1_250_000,
    ends_at=AT + 86_400, over=AT + 5 * 86_400, at=AT,
)  # fmt: skip


def send(url: str, alert=ALERT, *, secret: Secret = SECRET, tls=None, allow: str | None = None) -> None:
    async def run() -> None:
        client = Client(SystemClock(), allow=(allow or origin(url),), tls=tls)
        try:
            await WebhookChannel(url, secret, client).send(alert, AT)
        finally:
            await client.close()

    asyncio.run(run())


def test_an_alert_arrives_as_json_with_a_signature_over_what_was_sent():
    with ScriptedServer([reply(b"{}", status=202)]) as receiver:
        send(f"{receiver.url}/hooks/budget?team=7")
    (seen,) = receiver.seen
    assert seen.line == "POST /hooks/budget?team=7 HTTP/1.1"
    told = json.loads(seen.body)
    assert told == {
        "id": ALERT.id, "kind": "budget-reached", "about": "process:claims", "period": "2026-11", "percent": 80,
        "at": AT, "ends_at": AT + 86_400, "amount_usd": "500.000000", "settled_usd": "412.500000",
        "unknown_usd": "1.250000", "headline": "budget of claims, 2026-11: 80 % reached", "text": ALERT.said,
    }  # fmt: skip
    # As a receiver checks it, by the standard's own words and without our code.
    signed = f"{seen.headers['webhook-id']}.{seen.headers['webhook-timestamp']}.".encode() + seen.body
    expected = base64.b64encode(hmac.new(SECRET.reveal().encode(), signed, hashlib.sha256).digest()).decode()
    assert seen.headers["webhook-signature"] == f"v1,{expected}"
    assert (seen.headers["webhook-id"], seen.headers["webhook-timestamp"]) == (ALERT.id, "1780000000")
    assert SECRET.reveal() not in f"{seen.headers}{seen.body!r}"


def test_the_signature_is_that_of_the_standards_own_example():
    # standard-webhooks/standard-webhooks: libraries/python/tests/test_webhooks.py
    secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    with pytest.raises(Undelivered, match="is no base64"):
        signature(Secret("whsec_*"), "x", 1, b"")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ([reply(b"no", status=500)], "answered with status 500"),
        ([reply(b"", status=302, more="location: http://127.0.0.1:1/elsewhere\r\n")], "answered with status 302"),
        ([RESET], "not reached"),
        ([b"HTTP/1.1 200 OK\r\nx: ", HANG], "no answer within"),
    ],
)
def test_whatever_is_no_yes_has_not_arrived_and_no_redirect_is_followed(script, said, monkeypatch):
    monkeypatch.setattr(webhook, "SEND_S", 1.0 if HANG in script else 60.0)
    with ScriptedServer(script) as receiver, pytest.raises(Undelivered, match=said) as raised:
        send(f"{receiver.url}/secret-path")
    assert len({seen.line for seen in receiver.seen}) == 1
    assert "secret-path" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_another_origin_than_that_of_the_configuration_is_not_called():
    with ScriptedServer([reply(b"")]) as receiver:
        with pytest.raises(Undelivered, match="not reached"):
            send(f"{receiver.url}/x", allow="http://127.0.0.1:1")
        assert receiver.seen == []
    with pytest.raises(Undelivered, match="not reached"):
        send("http://192.0.2.1/x")


def test_tls_is_verified(tmp_path):
    import ssl

    authority, side = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(side)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with ScriptedServer([reply(b"")], tls=side) as receiver:
        with pytest.raises(Undelivered, match="not reached"):
            send(f"{receiver.url}/x")
        assert receiver.seen == []
        send(f"{receiver.url}/x", tls=trusting(str(tmp_path / "ca.pem")))
        assert len(receiver.seen) == 1


EVIL = "acme\r\nBcc: all@example.net\u2028; used up\x1b[2J\u202e"


def test_no_name_breaks_a_line_or_pretends_to_be_another_part():
    made = [
        wording.invoice_differs(EVIL, "2026-11", invoiced=9, metered=-5, percent="3 %", tolerance="2", at=AT),
        wording.price_missing(EVIL, "2026-11", at=AT),
        wording.budget_reached(f"provider:{EVIL}", Budget(day=1), "2026-11-25", 1, 100, settled=2, unknown=0,
                               ends_at=None, over=AT, at=AT),
        wording.budget_will_not_last(f"process:{EVIL * 9}", "2026-11", 5, settled=2, unknown=0, ends_at=AT, total=9,
                                     over=AT, at=AT),
    ]  # fmt: skip
    for one in made:
        assert one.said.isprintable(), one.said
        assert one.headline.partition(":")[2].strip() != ""
        assert len(one.said) < 600
    # The name's own "; " is no part of the alert.
    assert [one.said.count("; ") for one in made] == [1, 2, 2, 2]


@pytest.mark.parametrize(
    ("terms", "then"),
    [
        (Budget(month=1), "calls that do not fit are refused"),
        (Budget(month=1, at_cap="cheaper"), "go to a cheaper replacement with a proof"),
        (Budget(month=1, kind="soft"), "its cap is soft, so that calls go on"),
    ],
)
def test_at_the_cap_it_says_what_becomes_of_calls(terms, then):
    made = wording.budget_reached(
        "organisation", terms, "2026-11", USD, 100, settled=USD, unknown=0, ends_at=None, over=AT, at=AT
    )
    assert made.headline == "budget of the organisation, 2026-11: used up"
    assert then in made.said
    assert "until 2026-05-28 20:26 UTC" in made.said
