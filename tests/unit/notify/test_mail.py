"""E-mail over a real conversation: TLS verified, a login, a time limit, and headers that nothing breaks."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
import threading
import time

import pytest
import trustme

from switchover.domain.alert import Alert, AlertKind, Mail
from switchover.domain.secret import Secret
from switchover.egress import trusting
from switchover.egress.smtp import MailServer as Server
from switchover.errors import AddressRefused, Undelivered
from switchover.notify import mail
from switchover.notify.mail import MailChannel
from switchover.testing.mail_server import MailServer

AT = 1_780_000_000.0
LOGIN = "switchover:pass:word-canary"
SAID = "budget of claims, 2026-11: 80 % reached; 412.50 USD of 500.00 USD spent; at the recent rate it is used up soon"
ALERT = Alert(id="al-0123", kind=AlertKind.REACHED, about="process:claims", period="2026-11", at=AT, said=SAID)


@pytest.fixture(scope="module")
def side(tmp_path_factory):
    """The server's TLS, and the bundle that a client trusts it by."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    bundle = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    return context, str(bundle)


def terms(server: MailServer, security="starttls", to=("cfo@example.net", "ops@example.net")) -> Mail:
    return Mail(server="127.0.0.1", port=server.port, security=security, sender="switchover@example.net", to=to)


def send(server: MailServer, bundle=None, security="starttls", login=LOGIN, alert=ALERT) -> None:
    given = terms(server, security)
    made = Server(
        given.server, given.port, security, tls=lambda: trusting(bundle),
        login=(lambda: Secret(login)) if login else None,
    )  # fmt: skip
    asyncio.run(MailChannel(given, made).send(alert, AT))


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_message_arrives_encrypted_with_the_login_after_tls_began(side, security):
    context, bundle = side
    with MailServer(context, at_once=security == "tls", login=LOGIN) as server:
        send(server, bundle, security)
    (letter,) = server.letters
    assert (letter.encrypted, letter.login) == (True, LOGIN)
    assert (letter.sender, letter.to) == ("switchover@example.net", ["cfo@example.net", "ops@example.net"])
    found = email.message_from_bytes(letter.data, policy=email.policy.default)
    assert found["subject"] == "Switchover: budget of claims, 2026-11: 80 % reached"
    assert found["from"] == "Switchover <switchover@example.net>"
    assert found["to"] == "cfo@example.net, ops@example.net"
    assert found["message-id"] == "<al-0123@example.net>"
    assert found["auto-submitted"] == "auto-generated"
    assert "412.50 USD of 500.00 USD spent." in found.get_content()
    assert [line for encrypted, line in server.lines if not encrypted] in (["ehlo example.net", "STARTTLS"], [])


def test_on_this_machine_alone_it_may_go_in_the_clear():
    with MailServer() as server:
        send(server, security="none", login=None)
    assert [letter.encrypted for letter in server.letters] == [False]
    with pytest.raises(AddressRefused, match="want TLS"):
        Server("mail.example.net", 25, "none")


def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_login_is_said(side):
    context, _ = side
    with MailServer(context, login=LOGIN) as server:
        with pytest.raises(Undelivered, match=r"egress\.tls_ca"):
            send(server)
        assert server.letters == []
        assert "pass" not in str(server.lines)
        assert not any("AUTH" in line for _, line in server.lines)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"STARTTLS": "454 not now"}, "refuses"),
        ({"AUTH": "535 5.7.8 switchover is nobody"}, r"refuses the login \(535\)"),
        ({"MAIL": "550 no switchover@example.net"}, r"refuses the sender \(550\)"),
        ({"RCPT": "550 no cfo@example.net"}, r"refuses a recipient \(550\)"),
        ({"DATA": "554 no"}, r"refuses"),
        ({"": "554 go away"}, r"refuses \(554\)"),
        ({"EHLO": "250 nothing"}, "offers no STARTTLS"),
    ],
)
def test_what_the_server_refuses_has_not_arrived_and_its_words_are_not_told_on(side, answers, said):
    context, bundle = side
    with MailServer(context, login=LOGIN, answers=answers) as server:
        with pytest.raises(Undelivered, match=said) as raised:
            send(server, bundle)
        assert server.letters == []
    told = f"{raised.value!r}{raised.value.__cause__!r}{raised.value.__cause__.__cause__!r}"
    for word in ("cfo@", "switchover@", "nobody", "canary"):
        assert word not in told


def test_a_server_that_drips_or_is_not_there_costs_no_more_than_the_time_given(side, monkeypatch):
    monkeypatch.setattr(mail, "SEND_S", 0.3)
    before = threading.active_count()
    with MailServer(drips=0.5, answers={"": f"220 {'x' * 400}"}) as server:
        begun = time.monotonic()
        with pytest.raises(Undelivered, match="not done within"):
            send(server, security="none", login=None)
        assert time.monotonic() - begun < 60  # 200 until all has dripped
        port = server.port
    # The thread that read the drips ends with the connection.
    while threading.active_count() > before + 1:
        assert time.monotonic() - begun < 60
        time.sleep(0.01)
    gone = Server("127.0.0.1", port, "none")
    with pytest.raises(Undelivered, match="can't be reached"):
        asyncio.run(MailChannel(terms(server, "none"), gone).send(ALERT, AT))


@pytest.mark.parametrize(
    "said",
    [
        "budget of x\r\nBcc: everybody@example.net, 2026-11: used up; y\r\n.\r\nMAIL FROM:<z@z>",
        "\r\n.\r\n", "été \u2028 \x00 \x1b[31m ; ünd", "a" * 2000 + "; " + "b" * 5000,
    ],
)  # fmt: skip
def test_nothing_that_an_alert_says_breaks_a_header_or_ends_the_message(said):
    alert = Alert(id="al-1", kind=AlertKind.REACHED, about="x", period="", at=AT, said=said)
    with MailServer() as server:
        send(server, security="none", login=None, alert=alert)
    (letter,) = server.letters
    found = email.message_from_bytes(letter.data, policy=email.policy.default)
    names = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"]
    assert [name for name in found if name not in ("Content-Type", "Content-Transfer-Encoding", "MIME-Version")] == (
        names[:3] + names[3:]
    )
    assert letter.to == ["cfo@example.net", "ops@example.net"]
    assert found.get_content().rstrip().endswith("switchover alerts")
    assert "Bcc" not in found
