"""Caller keys while it runs: every worker lets go of one that is revoked, and of one that expires in its moment."""

from __future__ import annotations

import http.client
import json
import time

import pytest

from switchover.wiring import register

WORKERS = 2
# Seconds; it ends what hangs and measures nothing.
PATIENCE = 120.0


class Callers:
    """Connections that stay open, at least one to each worker."""

    def __init__(self, url: str, token: str) -> None:
        self.token, self.address = token, url.removeprefix("http://")
        self.open: dict[str, http.client.HTTPConnection] = {}
        end = time.monotonic() + PATIENCE
        while len(self.open) < WORKERS:
            assert time.monotonic() < end, f"only {list(self.open)} answered"
            connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
            connection.request("GET", "/readyz")
            body = connection.getresponse().read().decode()
            worker = body.partition('"worker":"')[2].partition('"')[0]
            if worker in self.open:
                connection.close()
            else:
                self.open[worker] = connection

    def __enter__(self) -> Callers:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self.open.values():
            connection.close()

    def statuses(self) -> set[int]:
        """What each worker answers to the key."""
        found = set()
        for connection in self.open.values():
            connection.request("GET", "/v1/models", headers={"authorization": f"Bearer {self.token}"})
            response = connection.getresponse()
            response.read()
            found.add(response.status)
        return found

    def until(self, status: int) -> None:
        """Asks until every worker answers so."""
        end = time.monotonic() + PATIENCE
        while self.statuses() != {status}:
            assert time.monotonic() < end
            time.sleep(0.02)


@pytest.fixture(scope="module")
def running(stage):
    stage.write(workers=WORKERS)
    stage.edit("pages: {serve: false}", "pages: {port: 0}")
    stage.up(*(f"worker-{number}" for number in range(WORKERS)), "keeper")
    return stage


def test_a_revoked_key_is_refused_by_every_worker_once_it_goes_by_the_newest_register(running):
    key, token = register.create_key(running.settings(), "messages")
    with Callers(running.url, token.reveal()) as callers:
        callers.until(200)
        register.revoke_key(running.settings(), key.id)
        running.followed()
        assert callers.statuses() == {401}


def test_a_rotated_key_and_its_successor_both_open_until_the_old_one_ends_by_itself(running):
    key, token = register.create_key(running.settings(), "messages")
    with Callers(running.url, token.reveal()) as old:
        old.until(200)
        _, successor, ending = register.rotate_key(running.settings(), key.id, overlap=3.0)
        with Callers(running.url, successor.reveal()) as new:
            new.until(200)
        running.followed()
        while time.time() < ending.ends_at:
            found = old.statuses()
            # An answer that is later than the end may be either.
            assert found == {200} or time.time() >= ending.ends_at
            time.sleep(0.05)
        assert old.statuses() == {401}


def test_the_pages_answer_beside_the_gateway_under_the_address_that_is_printed(running):
    address = json.loads((running.data / "run" / "pages.json").read_bytes())["url"]
    running.until(lambda: f"pages on {address}/, open to this user on this machine" in running.said(1000))
    asked = http.client.HTTPConnection(address.removeprefix("http://"), timeout=PATIENCE)
    asked.request("GET", "/")
    told = asked.getresponse()
    assert told.status == 200
    assert b"messages" in told.read()
    # Nobody waits for whoever keeps a connection open.
    assert running.down() == 0
    assert not (running.data / "run" / "pages.json").exists()
    asked.close()
