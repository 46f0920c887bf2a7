"""Requests to an object store: signed as AWS says, sent to the endpoint alone, and what it answers told plainly."""

from __future__ import annotations

import pytest
from pyarrow import fs

from switchover.clock import SystemClock
from switchover.domain.secret import Secret
from switchover.egress import Client
from switchover.egress.s3 import Bucket
from switchover.egress.signing import signed
from switchover.errors import StoreUnavailable
from switchover.testing.object_store import KEY_ID, REGION, SECRET, object_store


@pytest.fixture(scope="module")
def served():
    with object_store() as store:
        yield store


@pytest.fixture
def store(served):
    served.files.clear()
    served.asked.clear()
    served.instead.clear()
    return served


def bucket(store, *, secret=SECRET, prefix="a/b", allow=None):
    clock = SystemClock()
    return Bucket(
        store.url,
        "records",
        prefix,
        region=REGION,
        key=lambda: Secret(f"{KEY_ID}:{secret}"),
        client=lambda: Client(clock, allow=[allow or store.url]),
        clock=clock,
    )


# AWS, "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk", its examples.
EXAMPLES = [
    ("GET", "https://examplebucket.s3.amazonaws.com/test.txt", {"Range": "bytes=0-9"}, b"",
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
    ("PUT", "https://examplebucket.s3.amazonaws.com/test%24file.text",
     {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"}, b"Welcome to Amazon S3.",
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
    ("GET", "https://examplebucket.s3.amazonaws.com/?lifecycle=", {}, b"",
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
    ("GET", "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J", {}, b"",
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "url", "headers", "body", "signature"), EXAMPLES)
def test_a_request_is_signed_as_in_the_examples_of_aws(method, url, headers, body, signature):
    found = signed(
        method, url, headers, body, key_id="AKIAIOSFODNN7EXAMPLE",
        secret=Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), region="us-east-1", at=1_369_353_600.0,
    )  # fmt: skip
    assert found["authorization"].endswith(f"Signature={signature}")


def test_files_are_written_listed_page_by_page_read_and_removed(store, monkeypatch):
    monkeypatch.setattr(store, "page", 2)
    target = bucket(store)
    names = [f"process=a&b%2F/day=2026-11-0{n}/part-é{n}.parquet" for n in range(1, 6)]
    for name in names:
        target.put(name, name.encode() * 1000)
    store.files["records/elsewhere"] = b"not ours"
    assert target.paths() == names
    assert target.get(names[2]) == names[2].encode() * 1000
    assert target.get("process=none") is None
    target.remove(names[0])
    target.remove(names[0])
    assert target.paths() == names[1:]


def test_aws_own_client_and_ours_mean_the_same_files(store):
    """The double's reading of the signature is held against a client that AWS wrote."""
    theirs = fs.S3FileSystem(
        access_key=KEY_ID, secret_key=SECRET, region=REGION, endpoint_override=store.url[7:], scheme="http",
        background_writes=False, allow_bucket_creation=False,
    )  # fmt: skip
    bucket(store).put("process=claims/part-1.parquet", b"ours")
    with theirs.open_input_stream("records/a/b/process=claims/part-1.parquet") as file:
        assert file.read() == b"ours"
    wrong = fs.S3FileSystem(
        access_key=KEY_ID, secret_key="another", region=REGION, endpoint_override=store.url[7:], scheme="http",
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=1),
    )  # fmt: skip
    with pytest.raises(OSError, match=r"ACCESS_DENIED|403|SIGNATURE"):
        wrong.open_input_stream("records/a/b/process=claims/part-1.parquet")


def test_a_wrong_key_is_said_with_what_the_store_answered_and_never_shown(store):
    with pytest.raises(StoreUnavailable, match="403 SignatureDoesNotMatch") as caught:
        bucket(store, secret="not-the-secret").put("x", b"1")
    assert "not-the-secret" not in str(caught.value)
    assert "archive.key" in str(caught.value)


def test_a_redirect_is_not_followed(store):
    store.instead.append(307)
    with pytest.raises(StoreUnavailable, match="307"):
        bucket(store).get("x")
    assert len(store.asked) == 1


def test_nothing_but_the_endpoint_is_called(store):
    with pytest.raises(StoreUnavailable, match="not an origin"):
        bucket(store, allow="https://s3.example").paths()
    assert store.asked == []


def test_a_store_that_is_not_there_is_said_to_be(store):
    away = bucket(store)
    away.root = "http://127.0.0.1:9/records"
    away._make = lambda: Client(SystemClock())
    with pytest.raises(StoreUnavailable, match="can't be reached"):
        away.paths()


def test_a_busy_store_is_said_to_be(store):
    store.instead.append(503)
    with pytest.raises(StoreUnavailable, match="503 SlowDown"):
        bucket(store).put("x", b"1")
