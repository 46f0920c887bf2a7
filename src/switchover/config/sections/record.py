"""What is kept of exchanges, for how long, and what is looked for in them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from switchover.domain.personal import KINDS

from ..values import (
    LANGUAGE,
    NAME,
    SUBJECT,
    URL,
    Country,
    Duration,
    KeyReference,
)
from .base import Section

Level = Literal["public", "internal", "confidential", "secret"]


def _kind(text: Any) -> str:
    if text not in KINDS:
        raise ValueError(f"one of {', '.join(KINDS)}")
    return str(text)


Kind = Annotated[str, BeforeValidator(_kind)]


class PresidioSection(Section):
    """Microsoft's Presidio beside our own patterns: names and places, by a language model that it brings.

    It needs `pip install switchover[presidio]` and a spaCy model of each language.
    """

    languages: tuple[Annotated[str, Field(pattern=LANGUAGE)], ...] = Field(
        min_length=1, description="Languages it reads, each text in every one of them, such as `[en, nl]`."
    )


class PrivacySection(Section):
    """How personal data and keys are found, in requests that more than one class of upstream may see and in what is
    recorded as `redacted`.

    What is found can only raise the class of data, and where nobody can look it counts as `secret`.
    """

    countries: tuple[Country, ...] | None = Field(
        default=None,
        description="Countries whose phone numbers are known without their country code; default: the organisation's.",
    )
    classes: dict[Kind, Level] = Field(
        default_factory=dict,
        description="The class that a kind makes of its text, where it is not ours; see "
        "[Personal data](../explanation/personal-data.md). `unread` is what nobody can read: images, files, sound.",
    )
    without: tuple[Kind, ...] = Field(default=(), description="Kinds that are not looked for.")
    presidio: PresidioSection | None = Field(default=None, description="Presidio beside our own patterns.")


class RecordingSection(Section):
    """What is kept of a process's exchanges. A word alone, such as `recording: redacted`, is short for `bodies`."""

    bodies: Literal["full", "redacted", "metadata", "none"] = Field(
        default="full",
        description="How much of request and answer is kept: `redacted` without personal data, `metadata` without "
        "either, `none` nothing of the exchange at all.",
    )
    required: bool = Field(
        default=False, description="End an answer only once it is recorded; `recording: required` is short for it."
    )
    subject: str | None = Field(
        default=None,
        pattern=SUBJECT,
        description="Where a request names whom it is about: `user`, or `metadata.NAME`. Kept as a keyed hash, so that "
        "all about one person can be erased.",
    )


def as_recording(section: Any) -> Any:
    """A word alone is short for ``bodies``, or for what is required."""
    if section == "required":
        return {"required": True}
    return {"bodies": section} if isinstance(section, str) else section


class ArchiveSection(Section):
    """Where finished days are written as Parquet files. Needs `pip install 'switchover[archive]'`."""

    to: str = Field(min_length=1, description="A folder, or `s3://bucket/prefix`.")
    endpoint: str | None = Field(
        default=None,
        pattern=URL,
        description="The object store's address, such as `https://s3.eu-west-1.amazonaws.com`; nothing else is called.",
    )
    region: str = Field(
        default="us-east-1", pattern=NAME, description="The object store's region, which is signed with each request."
    )
    key: KeyReference | None = Field(
        default=None, description="`env:NAME` or `file:PATH` that holds `ID:SECRET` for the object store, never itself."
    )
    bodies: bool = Field(default=True, description="Whether requests and answers go to the archive, too.")
    after: Duration = Field(
        default=6 * 3600.0, description="How long after its end (midnight, UTC) a day is archived: for late records."
    )


class ProcessRetentionSection(Section):
    """How long things of this process are kept, where other than `retention` says."""

    exchanges: Duration | None = Field(default=None, description="How long its exchanges are kept.")
    bodies: Duration | None = Field(default=None, description="How long its requests and answers are kept.")
    archive: Duration | None = Field(default=None, description="How long its days are kept in the archive.")
    hold: bool = Field(
        default=False, description="A legal hold: nothing of the process goes from the store or the archive."
    )


class RetentionSection(Section):
    """How long what was recorded is kept, in whole days (UTC). What is not named is kept for ever."""

    exchanges: Duration | None = Field(
        default=None, description="How long exchanges are kept in the store. Figures counted from them stay."
    )
    bodies: Duration | None = Field(
        default=None, description="How long their requests and answers are kept in the store."
    )
    archive: Duration | None = Field(default=None, description="How long a day is kept in the archive.")
    spool: Duration | None = Field(
        default=None,
        description="How long a spool's segments are kept once all in them is in the store; never longer than the "
        "shortest term for bodies or exchanges, as those lie in them, too.",
    )
