"""Time-stamps by a real authority: OpenSSL's own, over loopback, with certificates made here."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from switchover.config import load
from switchover.errors import ConfigError, OperatorError, Unreachable
from switchover.evidence import EvidenceLog, verify
from switchover.evidence.bundle import export
from switchover.evidence.timestamp import accept, check_signature, query
from switchover.evidence.verify import Check, Key, stamp
from switchover.log import OncePerChange
from switchover.processes.stamping import EVERY_S, RETRY_S, Stamping, stamp_path
from switchover.testing.clock import ManualClock
from switchover.wiring import evidence as wired
from switchover.wiring import timestamps

OPENSSL = shutil.which("openssl")
CONFIG = """\
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
certs = {folder}/ca.pem
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
ess_cert_id_alg = {ess}
"""
SETTINGS = """\
organisation: {{domicile: NL}}
data: ./data
providers: {{acme: {{home: US}}}}
evidence: {{timestamp: "{url}"}}
upstreams:
  vendor: {{kind: openai, base_url: "http://127.0.0.1:9/v1", model: big-1, developer: acme, host: acme}}
processes:
  claims: {{owner: head-of-claims, criticality: important, data: internal, baseline: vendor}}
"""


def certificate(name, key, issuer=None, issuer_key=None):
    """A certificate authority, or with an issuer a time-stamp authority."""
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )  # fmt: skip
    if issuer is not None:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        made = made.add_extension(usage, critical=True)
    return made.sign(issuer_key or key, hashes.SHA256())


class Authority:
    """A time-stamp authority: OpenSSL with a key and a certificate of its own, issued by a CA of its own."""

    def __init__(self, folder, key, ess="sha256"):
        folder.mkdir()
        self.folder, ca_key = folder, ec.generate_private_key(ec.SECP256R1())
        self.ca = certificate("a root", ca_key)
        self.own = certificate("a time-stamp authority", key, self.ca, ca_key)
        plain = serialization.NoEncryption()
        for name, data in {
            "ca.pem": self.ca.public_bytes(serialization.Encoding.PEM),
            "tsa.pem": self.own.public_bytes(serialization.Encoding.PEM),
            "tsa.key": key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain),
            "serial": b"01\n",
            "ts.cnf": CONFIG.format(folder=folder, ess=ess).encode(),
        }.items():
            (folder / name).write_bytes(data)
        self.asked = 0

    def openssl(self, *words, check=True):
        command = [OPENSSL, "ts", *words]
        return subprocess.run(command, cwd=self.folder, check=check, capture_output=True, timeout=60)

    def answer(self, question):
        self.asked += 1
        (self.folder / "q").write_bytes(question)
        self.openssl("-reply", "-config", "ts.cnf", "-section", "one", "-queryfile", "q", "-out", "a")
        return (self.folder / "a").read_bytes()

    async def ask(self, question):
        return self.answer(question)


@pytest.fixture(scope="module", params=["ec", "rsa"])
def authority(tmp_path_factory, request):
    if OPENSSL is None:
        if os.environ.get("STRICT") == "1":
            pytest.fail("STRICT=1 wants openssl")
        pytest.skip("no openssl on this machine")
    # With the hash named in the certificate's id, and with the one that is meant where none is named.
    key = ec.generate_private_key(ec.SECP256R1()) if request.param == "ec" else rsa.generate_private_key(65537, 2048)
    return Authority(
        tmp_path_factory.mktemp("tsa") / request.param, key, "sha256" if request.param == "ec" else "sha384"
    )


@contextmanager
def served(answer):
    """An HTTP server on loopback whose answers to POST are ``answer(body)``: a status and a body."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.headers["content-type"] == "application/timestamp-query"
            status, body = answer(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/tsr"
        server.shutdown()
        thread.join(60)


DATA = b"a checkpoint"
DIGEST = hashlib.sha256(DATA).digest()


@pytest.fixture(scope="module")
def stamped(authority):
    """An answer to a question of ours."""
    return authority.answer(query(DIGEST, 2**63 + 5))


def test_a_question_is_one_that_openssl_reads(authority):
    (authority.folder / "ours").write_bytes(query(DIGEST, 2**63 + 5))
    said = authority.openssl("-query", "-in", "ours", "-text").stdout.decode()
    assert "Hash Algorithm: sha256" in said
    assert "Certificate required: yes" in said
    assert f"Nonce: 0x{2**63 + 5:X}" in said


def test_an_answer_says_when_and_is_of_what_was_asked_alone(stamped):
    assert abs(accept(stamped, DIGEST, 2**63 + 5).timestamp() - time.time()) < 60
    assert stamp(stamped)[0] == DIGEST
    with pytest.raises(ValueError, match="something else"):
        accept(stamped, hashlib.sha256(b"x").digest(), 2**63 + 5)
    with pytest.raises(ValueError, match="another question"):
        accept(stamped, DIGEST, 2**63 + 6)
    with pytest.raises(ValueError, match="no time-stamp"):
        accept(b"<html>", DIGEST, 1)


def test_a_refusal_is_said(authority):
    refused = authority.answer(query(b"\0" * 20, 1).replace(b"\4\x14", b"\4\x14"))
    with pytest.raises(ValueError, match="refused, status 2"):
        accept(refused, b"\0" * 20, 1)


def test_its_signature_is_checked_with_the_authoritys_certificate_or_its_issuers(authority, stamped, tmp_path):
    for trusted in (authority.ca, authority.own):
        assert check_signature(stamped, [trusted]) == authority.own
    key = ec.generate_private_key(ec.SECP256R1())
    stranger = certificate("a root", key)
    with pytest.raises(ValueError, match="does not lead to one that was given"):
        check_signature(stamped, [stranger])
    with pytest.raises(ValueError, match="does not lead to one that was given"):
        check_signature(stamped, [])
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "tsr").write_bytes(stamped)
    words = ("-verify", "-data", str(tmp_path / "data"), "-in", str(tmp_path / "tsr"), "-CAfile", "ca.pem")
    assert b"Verification: OK" in authority.openssl(*words).stdout


def test_no_changed_byte_of_an_answer_is_taken_for_the_authoritys_word(authority, stamped):
    told = stamp(stamped)
    # The copy of the root in it is not needed: we have our own.
    root = authority.ca.public_bytes(serialization.Encoding.DER)
    begin = stamped.index(root)
    unseen = 0
    for place in {*range(len(stamped))} - {*range(begin, begin + len(root))}:
        changed = bytearray(stamped)
        changed[place] ^= 1 << place % 8
        try:
            check_signature(bytes(changed), [authority.ca])
            assert stamp(bytes(changed)) == told, place
        except ValueError:
            continue
        # Nobody signed the answer's status, nor versions, tags and names of algorithms around the token's parts.
        unseen += 1
    assert unseen < 80
    for end in range(0, len(stamped), 7):
        with pytest.raises(ValueError, match=r"^it is "):
            check_signature(stamped[:end], [authority.ca])


@pytest.fixture
def settings(tmp_path, monkeypatch, authority):
    monkeypatch.chdir(tmp_path)
    with served(lambda question: (200, authority.answer(question))) as url:
        (tmp_path / "switchover.yaml").write_text(SETTINGS.format(url=url), encoding="utf-8")
        yield load("switchover.yaml")


def test_a_command_has_the_checkpoint_stamped_and_an_auditor_checks_it_with_us_and_without(
    settings, authority, tmp_path
):
    log = wired.log_of(settings)
    log.append({"event": "x"})
    size, at = timestamps.stamp_now(settings)
    assert (size, abs(at - time.time()) < 60) == (2, True)
    ca = authority.folder / "ca.pem"
    found = wired.verify(settings, None, (), None, (), lambda check: timestamps.check_stamps(check, ca))
    assert found.wrong == ()
    assert "time-stamps signed by CN=a time-stamp authority: 1" in found.remarks
    export(log, tmp_path / "bundle")
    script = [sys.executable, "-I", str(tmp_path / "bundle" / "verify.py"), str(tmp_path / "bundle")]
    done = subprocess.run(script, capture_output=True, text=True, check=True, timeout=60)
    assert "note   time-stamps that fit their checkpoints: 1; they say that 2 entries were there by 20" in done.stdout
    said = authority.openssl(
        "-verify", "-data", str(tmp_path / "bundle/checkpoints/2"), "-in", str(tmp_path / "bundle/stamps/2.tsr"),
        "-CAfile", "ca.pem",
    ).stdout  # fmt: skip
    assert b"Verification: OK" in said


def test_a_stamp_of_another_checkpoint_a_damaged_one_and_a_strangers_are_named(settings, authority, tmp_path):
    log = wired.log_of(settings)
    for number in range(2):
        log.append({"event": "x", "id": str(number)})
        timestamps.stamp_now(settings)
    first, second = stamp_path(log.folder, 2), stamp_path(log.folder, 3)
    kept = first.read_bytes()

    def wrong():
        return Check(log.folder, Key((log.folder / "key.pub").read_text())).wrong

    assert wrong() == []
    first.write_bytes(second.read_bytes())
    assert "stamps/2.tsr is not of checkpoints/2 as it is: one of the two was changed" in wrong()
    first.write_bytes(kept[:100])
    assert any("stamps/2.tsr: it is no" in said for said in wrong())
    first.write_bytes(kept)
    other = tmp_path / "other.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    other.write_bytes(certificate("a root", key).public_bytes(serialization.Encoding.PEM))
    found = wired.verify(settings, None, (), None, (), lambda check: timestamps.check_stamps(check, other))
    assert [said.split(":")[0] for said in found.wrong] == ["stamps/2.tsr", "stamps/3.tsr"]
    with pytest.raises(OperatorError, match="PEM"):
        timestamps.check_stamps(Check(log.folder, Key((log.folder / "key.pub").read_text())), first)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [(500, b"", "status 500"), (200, b"<html>", "no time-stamp"), (200, b"0" * 70_000, "too long"), (302, b"", "302")],
)
def test_an_authority_that_answers_otherwise_is_said_and_nothing_is_kept(tmp_path, monkeypatch, status, body, said):
    monkeypatch.chdir(tmp_path)
    with served(lambda question: (status, body)) as url:
        (tmp_path / "switchover.yaml").write_text(SETTINGS.format(url=url), encoding="utf-8")
        settings = load("switchover.yaml")
        wired.log_of(settings).append({"event": "x"})
        with pytest.raises(OperatorError, match=said):
            timestamps.stamp_now(settings)
    assert not (tmp_path / "data" / "evidence" / "stamps").exists()


def test_plain_http_is_for_this_machine_alone(tmp_path):
    (tmp_path / "switchover.yaml").write_text(SETTINGS.format(url="http://tsa.example/tsr"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"evidence.timestamp: got http://tsa.example/tsr; want https"):
        load(str(tmp_path / "switchover.yaml"))


class Kept:
    """A keeper's stamping on a clock of its own, beside a log."""

    def __init__(self, folder, authority):
        self.clock, self.logged, self.authority = ManualClock(time.time()), [], authority
        self.log = EvidenceLog(folder, self.clock)
        say = OncePerChange(lambda event, **fields: self.logged.append((event, fields)))
        self.stamping = Stamping(self.log, self.clock, say)

    def grow(self, **more):
        self.log.append({"event": "x", **more})
        self.log.sign()

    def look(self, ask=None):
        return asyncio.run(self.stamping.look(ask or self.authority.ask))


def test_the_keeper_asks_once_an_hour_and_after_a_drill_and_only_for_what_is_new(tmp_path, authority):
    kept = Kept(tmp_path, authority)
    assert not kept.look()
    kept.grow()
    assert kept.look()
    kept.grow()
    assert not kept.look()
    kept.grow(**{"event": "drill", "state": "running"})
    assert not kept.look()
    kept.grow(**{"event": "drill", "state": "done"})
    assert kept.look()
    kept.clock.advance(2 * EVERY_S)
    assert not kept.look()
    kept.grow()
    assert kept.look()
    assert sorted(int(path.stem) for path in kept.log.folder.glob("stamps/*")) == [2, 5, 6]
    # As after a restart: what was stamped lies on the disk.
    assert not Stamping(kept.log, kept.clock, kept.stamping.say)._due()


def test_an_authority_that_is_away_is_asked_again_later_and_said_once(tmp_path, authority):
    kept = Kept(tmp_path, authority)
    kept.grow()

    async def away(question):
        raise Unreachable("connection refused")

    assert not kept.look(away)
    assert not kept.look()
    kept.clock.advance(RETRY_S)
    assert not kept.look(away)
    kept.clock.advance(RETRY_S)
    assert kept.look()
    assert [event for event, _ in kept.logged] == ["no time-stamp: trying again", "checkpoints are time-stamped"]
    assert verify.stamp(stamp_path(kept.log.folder, 2).read_bytes())


def test_the_keepers_task_goes_by_the_authority_that_is_configured_at_the_moment(settings, authority, monkeypatch):
    monkeypatch.setattr(timestamps, "LOOK_S", 0.01)
    log = wired.log_of(settings)
    log.append({"event": "x"})
    log.sign()
    current = [replace(settings, timestamp=None)]

    async def run():
        task = asyncio.create_task(timestamps.follow(lambda: current[0], lambda event, **fields: None))
        await asyncio.sleep(0.1)
        before = list(log.folder.glob("stamps/*"))
        current[0] = settings
        async with asyncio.timeout(60):
            while not list(log.folder.glob("stamps/*")):  # noqa: ASYNC110  # the file is all there is to wait for
                await asyncio.sleep(0.01)
        task.cancel()
        return before

    assert asyncio.run(run()) == []
