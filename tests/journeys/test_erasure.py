"""A person is erased while the gateway serves: gone from everything on disk, recorded again under another key."""

from __future__ import annotations

import pytest

from switchover.domain.process import Bodies
from switchover.errors import ApprovalNeeded
from switchover.wiring import access
from switchover.wiring.erasure import erase, opened, reaches, rotate
from switchover.wiring.evidence import verify

ANNA, BOB = "anna-canary-51c3", "bob-canary-e80f"
PROCESS = "    recording: {subject: metadata.customer}"
ASK = [{"role": "user", "content": "where is my claim?"}]


def ask(client, who):
    said = [*ASK, {"role": "assistant", "content": who}, *ASK]
    client.chat.completions.create(model="messages", messages=said, metadata={"customer": who, "kind": "claim"})


def erased(settings, who):
    first = access.init(settings, "officer").token
    officer = access.admit(settings, "access add", lambda: first)
    given = access.add(settings, officer, "desk", ["operator"], []).token
    own = access.rotate(settings, access.admit(settings, "access rotate", lambda: given), None).token
    desk = access.admit(settings, "erase", lambda: own)
    with opened(settings) as ring:
        wanted = reaches(ring, subject=who)
    with pytest.raises(ApprovalNeeded):
        erase(settings, wanted, desk, reason="asked to")
    (asked,) = access.approvals_known(settings)
    access.approve(settings, officer, asked.id)
    return erase(settings, wanted, desk, reason="asked to")


def whose(stage, who):
    return [one for one in stage.recorded() if who.encode() in one.request]


def test_a_person_is_erased_while_the_gateway_serves_and_the_master_key_changes(stage, helpers):
    stage.write(process=PROCESS)
    stage.up("worker-0", "keeper")
    with stage.client(stage.key()) as client:
        for who in (ANNA, BOB, ANNA):
            ask(client, who)
        helpers.wait_until(lambda: len(stage.recorded()) == 3)
        assert (len(whose(stage, ANNA)), len(whose(stage, BOB))) == (2, 1)
        done = erased(stage.settings(), ANNA)
        assert (done.keys, done.exchanges) == (1, 2)
        assert whose(stage, ANNA) == []
        assert [one.bodies for one in stage.recorded() if one.bodies is Bodies.ERASED] == [Bodies.ERASED] * 2
        # The worker held her key in memory; what she writes now is sealed with another.
        ask(client, ANNA)
        helpers.wait_until(lambda: len(whose(stage, ANNA)) == 1)
        master = (stage.data / "keyring" / "master").read_bytes()
        rotate(stage.settings(), None)
        ask(client, BOB)
        helpers.wait_until(lambda: len(whose(stage, BOB)) == 2)
    assert stage.down() == 0
    kept = [path for path in stage.data.rglob("*") if path.is_file()]
    assert [path for path in kept for text in (ANNA, BOB) if text.encode() in path.read_bytes()] == []
    assert [path for path in kept if master in path.read_bytes()] == []
    assert verify(stage.settings(), None, (), None, ()).wrong == ()
