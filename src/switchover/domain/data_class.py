"""How sensitive data is."""

from __future__ import annotations

from enum import StrEnum


class DataClass(StrEnum):
    """How sensitive the data of a process is, least first."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    SECRET = "secret"  # noqa: S105  # a class of data, not a password
