"""Official SDKs through the gateway to upstreams that speak TLS: straight, through a proxy, and when either fails."""

from __future__ import annotations

import json
import ssl

import anthropic
import openai
import pytest
import trustme

from switchover.clock import SystemClock
from switchover.domain.process import Criticality, DataClass, Process
from switchover.domain.secret import Secret
from switchover.egress import Client, Proxy, trusting
from switchover.errors import ConfigError
from switchover.testing.forward_proxy import ForwardProxy
from switchover.testing.scripted import ScriptedServer, reply, stream
from switchover.testing.served import ServedGateway, register, spec

HOST = "api.invalid"
SAY = [{"role": "user", "content": "what is it?"}]
CHAT = {
    "id": "c1", "object": "chat.completion", "created": 1, "model": "vendor-model",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "forty-two"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}  # fmt: skip
MESSAGE = {
    "id": "m1", "type": "message", "role": "assistant", "model": "vendor-model", "stop_reason": "end_turn",
    "stop_sequence": None, "content": [{"type": "text", "text": "forty-two"}],
    "usage": {"input_tokens": 3, "output_tokens": 2},
}  # fmt: skip


def event(delta, reason=None):
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return f"data: {json.dumps({**CHAT, 'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n".encode()


STREAM = stream(
    event({"role": "assistant", "content": ""}), event({"content": "forty-"}), 0.02, event({"content": "two"}),
    event({}, "stop"), b"data: [DONE]\n\n",
)  # fmt: skip


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """A certificate authority that only `tls_ca` makes known."""
    authority, bundle = trustme.CA(), tmp_path_factory.mktemp("company") / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    return authority, str(bundle)


def vendor(company, script, name):
    side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    company[0].issue_cert(name).configure_cert(side)
    return ScriptedServer(script, tls=side)


def served(url, client, kind="openai"):
    process = Process(
        name="claims", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor",
        routes=("claims",),
    )  # fmt: skip
    snapshot, token = register(process, [spec("vendor", url, kind)])
    return ServedGateway(snapshot, client=client), token


def ask(gateway, token, **more):
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=token, max_retries=0) as client:
        answer = client.chat.completions.create(model="claims", messages=SAY, **more)
        if not more.get("stream"):
            return answer.choices[0].message.content
        return "".join(one.choices[0].delta.content or "" for one in answer)


def answered(request, seen):
    return STREAM if json.loads(seen.body).get("stream") else [reply(json.dumps(CHAT).encode())]


def test_an_upstream_of_a_private_authority_answers_on_one_connection(company):
    with vendor(company, answered, "localhost") as upstream:
        client = Client(SystemClock(), tls=trusting(company[1]))
        gateway, token = served(f"https://localhost:{upstream.port}", client)
        with gateway:
            assert [ask(gateway, token), ask(gateway, token, stream=True), ask(gateway, token)] == ["forty-two"] * 3
        assert upstream.connections == 1


def test_an_upstream_that_nobody_can_trust_is_an_error_that_says_what_to_set(company):
    with vendor(company, answered, "localhost") as upstream:
        gateway, token = served(f"https://localhost:{upstream.port}", Client(SystemClock()))
        with gateway, pytest.raises(openai.APIStatusError) as error:
            ask(gateway, token)
        assert (error.value.status_code, error.value.code) == (503, "upstream_unreachable")
        assert "egress.tls_ca" in error.value.message
        assert not upstream.seen


def behind(company, proxy, login="worker:canary"):
    address = f"http://127.0.0.1:{proxy.port}"
    return Client(SystemClock(), tls=trusting(company[1]), proxy=Proxy(address, lambda: Secret(login)))


def test_both_official_clients_are_answered_through_a_proxy_that_never_sees_the_key(company):
    with (
        vendor(company, answered, HOST) as upstream,
        ForwardProxy({HOST: upstream.port}, login="worker:canary") as proxy,
    ):
        gateway, token = served(f"https://{HOST}:{upstream.port}", behind(company, proxy))
        with gateway:
            assert [ask(gateway, token), ask(gateway, token, stream=True)] == ["forty-two"] * 2
        assert upstream.seen[0].headers["authorization"] == "Bearer upstream-secret"
        assert len(proxy.asked) == 1
        assert "upstream-secret" not in proxy.asked[0]
        upstream.play([reply(json.dumps(MESSAGE).encode())])
        gateway, token = served(f"https://{HOST}:{upstream.port}", behind(company, proxy), "anthropic")
        with gateway, anthropic.Anthropic(base_url=gateway.url, api_key=token, max_retries=0) as client:
            answer = client.messages.create(model="claims", messages=SAY, max_tokens=20)
            assert answer.content[0].text == "forty-two"


def test_a_proxy_that_turns_us_away_is_told_to_the_caller_without_its_login(company):
    with ForwardProxy({HOST: 1}, login="worker:another") as proxy:
        gateway, token = served(f"https://{HOST}", behind(company, proxy))
        with gateway, pytest.raises(openai.APIStatusError) as error:
            ask(gateway, token)
        assert (error.value.status_code, error.value.code) == (503, "upstream_unreachable")
        assert "egress.proxy_login (407)" in error.value.message
        assert "canary" not in str(error.value.body)


def test_a_login_that_cannot_be_read_costs_only_what_goes_through_the_proxy():
    def unreadable():
        raise ConfigError(at="egress.proxy_login", got="nothing", want="a login")

    client = Client(SystemClock(), proxy=Proxy("http://127.0.0.1:1", unreadable))
    gateway, token = served(f"https://{HOST}", client)
    with gateway, pytest.raises(openai.APIStatusError) as error:
        ask(gateway, token)
    assert "vendor can't be called: the login of its proxy can't be read" in error.value.message
