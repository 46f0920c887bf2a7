"""A company's network: `switchover up` behind a proxy that wants a login, to a provider only our own CA vouches for."""

from __future__ import annotations

import json
import ssl

import openai
import pytest
import trustme

from switchover.testing.forward_proxy import ForwardProxy
from switchover.testing.scripted import ScriptedServer, reply

HOST = "api.invalid"
LOGIN = "worker:canary-5f1d"
ANSWER = {
    "id": "c1", "object": "chat.completion", "created": 1, "model": "big-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "claim_status"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}  # fmt: skip
EGRESS = """\
egress:
  proxy: http://127.0.0.1:{port}
  proxy_login: env:PROXY_LOGIN
  tls_ca: company.pem
upstreams:
"""


def test_a_call_goes_through_and_no_file_and_no_line_tells_the_login(alone, helpers):
    authority, side = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.cert_pem.write_to_path(alone.folder / "company.pem")
    authority.issue_cert(HOST).configure_cert(side)
    with (
        ScriptedServer([reply(json.dumps(ANSWER).encode())], tls=side) as provider,
        ForwardProxy({HOST: provider.port}, login=LOGIN) as proxy,
    ):
        alone.write()
        alone.edit("http://127.0.0.1:9/v1", f"https://{HOST}:{provider.port}/v1")
        alone.edit("upstreams:\n", EGRESS.format(port=proxy.port))
        told = alone.run("doctor")
        assert "BAD  login of the proxy: egress.proxy_login: got nothing at env:PROXY_LOGIN" in told.stdout
        alone.env |= {"PROXY_LOGIN": LOGIN, "HTTPS_PROXY": "http://127.0.0.1:9"}
        assert "ok   login of the proxy: env:PROXY_LOGIN can be read" in alone.run("doctor").stdout
        alone.up("worker-0", "keeper")
        with alone.client(alone.key()) as client:
            for _ in range(2):
                answer = client.chat.completions.create(model="messages", messages=helpers.say)
                assert answer.choices[0].message.content == "claim_status"
        assert len(proxy.asked) == 1
        alone.edit(f"127.0.0.1:{proxy.port}", "127.0.0.1:3128")
        helpers.wait_until(lambda: "want a restart of switchover up" in str(alone.keeper().get("configuration")))
        assert alone.down() == 0
    written = b"".join(path.read_bytes() for path in alone.folder.rglob("*") if path.is_file())
    # The record is among it, sealed.
    assert b"SWSPOOL1" in written
    assert b"claim_status" not in written
    assert LOGIN.partition(":")[2].encode() not in written


def test_a_proxy_that_is_not_there_is_named_as_what_failed(alone, helpers):
    alone.write()
    alone.edit("http://127.0.0.1:9/v1", f"https://{HOST}/v1")
    alone.edit("upstreams:\n", "egress: {proxy: 'http://127.0.0.1:9'}\nupstreams:\n")
    alone.up("worker-0", "keeper")
    with alone.client(alone.key()) as client, pytest.raises(openai.APIStatusError) as error:
        client.chat.completions.create(model="messages", messages=helpers.say)
    assert "the proxy 127.0.0.1:9 refused the connection" in error.value.message
    assert alone.down() == 0
