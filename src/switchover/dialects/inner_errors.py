"""Errors that arrive inside a 200: from the provider's words to the catalogue's fault id."""

from __future__ import annotations

from typing import Any

import msgspec

from .shapes import redact

Failure = tuple[str, int | None, str]

_PARTS = msgspec.json.Decoder(dict[str, Any])

# What a response's error says of the caller's own prompt or images (platform.openai.com/docs/api-reference/responses).
_OF_THE_PROMPT = (
    "invalid_prompt",
    "bio_policy",
    "misalignment_policy_violation",
    "invalid_image",
    "invalid_image_format",
    "invalid_base64_image",
    "invalid_image_url",
    "invalid_image_mode",
    "image_too_large",
    "image_too_small",
    "image_file_too_large",
    "image_parse_error",
    "image_content_policy_violation",
    "image_file_not_found",
    "empty_image_file",
    "unsupported_image_media_type",
    "failed_to_download_image",
)

# Sources: docs.claude.com/en/api/errors; platform.openai.com/docs/guides/error-codes; openrouter.ai/docs/api/errors.
_BY_NAME: dict[str, tuple[str, int]] = {
    **dict.fromkeys(_OF_THE_PROMPT, ("bad-request", 400)),
    "overloaded_error": ("overloaded", 529),
    "overloaded": ("overloaded", 529),
    "server_overloaded": ("overloaded", 503),
    "engine_overloaded": ("overloaded", 503),
    "unavailable_error": ("overloaded", 503),
    "rate_limit_error": ("rate-limited", 429),
    "rate_limit_exceeded": ("rate-limited", 429),
    "requests": ("rate-limited", 429),
    "tokens": ("rate-limited", 429),
    "insufficient_quota": ("quota-spent", 429),
    "authentication_error": ("key-revoked", 401),
    "invalid_api_key": ("key-revoked", 401),
    "invalid_authentication": ("key-revoked", 401),
    "billing_error": ("unpaid", 402),
    "permission_error": ("permission-denied", 403),
    "permission_denied": ("permission-denied", 403),
    "unsupported_country_region_territory": ("region-refused", 403),
    "not_found_error": ("model-missing", 404),
    "model_not_found": ("model-missing", 404),
    "invalid_request_error": ("bad-request", 400),
    "context_length_exceeded": ("context-too-long", 400),
    "request_too_large": ("body-too-large", 413),
    "api_error": ("server-error", 500),
    "server_error": ("server-error", 500),
    "internal_server_error": ("server-error", 500),
    "internal_error": ("server-error", 500),
    "timeout_error": ("server-error", 504),
}

_BY_STATUS: dict[int, str] = {
    400: "bad-request",
    401: "key-revoked",
    402: "unpaid",
    403: "permission-denied",
    404: "model-missing",
    409: "busy-conflict",
    410: "model-retired",
    413: "body-too-large",
    422: "bad-request",
    429: "rate-limited",
    451: "legal-block",
    503: "overloaded",
    529: "overloaded",
}


def classify(error: Any) -> Failure:
    """``(fault id, the status it stands for, message without keys)`` of an error object as a provider sends it.

    ``code`` is looked at before ``type``, as it says more. What nobody knows is a ``server-error``.
    """
    if not isinstance(error, dict):
        return "server-error", None, redact(str(error))
    message = redact(str(error.get("message") or error.get("type") or "The provider sent an error without words."))
    for key in ("code", "type", "status"):
        value = error.get(key)
        if isinstance(value, str):
            if value.lower() in _BY_NAME:
                fault, status = _BY_NAME[value.lower()]
                return fault, status, message
            value = int(value) if value.isascii() and value.isdigit() and len(value) == 3 else None
        if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
            return _BY_STATUS.get(value, "server-error" if value >= 500 else "bad-request"), value, message
    return "server-error", None, message


def error_message(body: bytes) -> str:
    """The message of an error body in either dialect, or its beginning, without keys."""
    try:
        error = _PARTS.decode(body).get("error")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return redact(body[:500].decode(errors="replace").strip())
    return classify(error)[2] if error else redact(body[:500].decode(errors="replace"))
