"""What is particular to single faults."""

from __future__ import annotations

import asyncio

import pytest

from switchover.domain.ports import OutboundRequest
from switchover.errors import Cut
from switchover.faults import BrokenStream, Denied
from switchover.faults.answers import CannedAnswer

REQUEST = OutboundRequest(body=b"{}", stream=True)


class Answers:
    name, model, dialect = "vendor", "big-1", "openai_chat"

    async def answer(self, request):
        return CannedAnswer(200, {"Content-Length": "10"}, b"0123456789")


@pytest.mark.parametrize("status", [401, 403])
def test_denied_can_be_either_status(status):
    assert asyncio.run(Denied(status=status).call(Answers(), REQUEST)).status == status


@pytest.mark.parametrize(("after", "seen"), [(0, b""), (4, b"0123"), (10, b"0123456789"), (11, b"0123456789")])
def test_a_stream_breaks_at_its_byte(after, seen):
    async def read():
        answer = await BrokenStream(after_bytes=after).call(Answers(), REQUEST)
        assert "Content-Length" not in answer.headers
        got = b""
        try:
            async for chunk in answer.chunks():
                got += chunk
        except Cut:
            return got, True
        return got, False

    assert asyncio.run(read()) == (seen, after <= 10)
