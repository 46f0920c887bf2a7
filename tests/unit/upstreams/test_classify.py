"""What a provider says, and what it means: rows of facts/faults.yaml."""

from __future__ import annotations

import pytest

from switchover.upstreams.classify import classify, retry_after

ROWS = [
    (401, b'{"error":{"code":"invalid_api_key"}}', "key-revoked", "credential", "hold"),
    (403, b'{"error":{"type":"permission_error"}}', "permission-denied", "credential", "hold"),
    (403, b'{"error":{"message":"Country, region, or territory not supported"}}', "region-refused", "provider", "hold"),
    (402, b"{}", "unpaid", "credential", "hold"),
    (404, b'{"error":{"code":"model_not_found"}}', "model-missing", "model", "hold"),
    (410, b"", "model-retired", "model", "hold"),
    (451, b"", "legal-block", "provider", "hold"),
    (429, b'{"error":{"type":"rate_limit_error"}}', "rate-limited", "none", "none"),
    (429, b'{"error":{"code":"insufficient_quota"}}', "quota-spent", "credential", "hold"),
    (400, b'{"error":{"message":"You have reached your spend limit"}}', "spend-limit-as-400", "credential", "hold"),
    (400, b'{"error":{"message":"bad temperature"}}', "bad-request", "none", "none"),
    (400, b'{"error":{"code":"context_length_exceeded"}}', "context-too-long", "none", "none"),
    (413, b"<html>", "body-too-large", "none", "none"),
    (409, b"", "busy-conflict", "upstream", "count"),
    (500, b"", "server-error", "upstream", "count"),
    (502, b"<html>", "edge-error", "upstream", "count"),
    (503, b'{"error":{"message":"Loading model"}}', "local-loading", "none", "none"),
    (529, b'{"error":{"type":"overloaded_error"}}', "overloaded", "upstream", "count"),
    (302, b"", "redirected", "upstream", "trip"),
]


@pytest.mark.parametrize(("status", "body", "fault", "scope", "effect"), ROWS)
def test_a_status_and_its_body_mean_one_row_of_the_catalogue(status, body, fault, scope, effect):
    error = classify(status, {}, body, "vendor")
    assert (error.fault, error.breaker_scope, error.breaker_effect) == (fault, scope, effect)
    assert error.seen_status == status


def test_a_rejection_bears_the_providers_reason_without_the_key():
    error = classify(400, {}, b'{"error":{"message":"seed must be a number; key sk-proj-abc123xyz"}}', "vendor")
    assert "seed must be a number" in str(error)
    assert "abc123xyz" not in str(error)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3600", 3600.0), ("-5", 0.0), ("7", 7.0), ("nan", None), ("inf", None), ("tomorrow", None), (None, None)],
)
def test_retry_after_is_seconds_and_text_is_nothing(text, seconds):
    assert retry_after(text) == seconds


@pytest.mark.parametrize(
    ("date", "seconds"),
    [("Wed, 21 Oct 2015 07:27:30 GMT", 30.0), ("Wed, 21 Oct 2015 07:28:30 GMT", None), ("noon", None), (None, None)],
)
def test_a_date_is_told_by_the_clock_of_whoever_sent_it(date, seconds):
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", date) == seconds
