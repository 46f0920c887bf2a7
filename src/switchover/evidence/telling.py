"""What an entry says in a sentence, and what it is about. Pure: the entry alone is asked, nothing is looked up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from switchover.domain.figures import figure

Entry = Mapping[str, Any]

# A part in brackets is left out where the entry lacks what it names.
WORDS: Mapping[str, str] = {
    "log began": "The log began, under the key {key}",
    "log recovered": "After a crash {torn_bytes} half-written bytes were set aside as {file}",
    "verdict saved": "{target} for {process} is {state}[, and was {before}][; {replays} compared]"
    "[, difference {difference} (at least {lower}, accepted −{margin})][; holds until {expires}]",
    "proof given": "{target} holds a proof for {process}[ until {expires}]",
    "proof revoked": "The proof of {target} for {process} was revoked",
    "proof expired": "The proof of {target} for {process} is out of date",
    "change noticed": "A change was noticed[ of {process}][: {kind}]",
    "drill": "A drill of {process}[ that loses {target}][ by {fault}] is {state}[: {result}]"
    "[; {requests} requests, {failed} failed][, recovered in {rto} s of {rto_promised} s]",
    "cut-off placed": "{target} was cut off[ for the drill {drill}]",
    "cut-off lifted": "The cut-off of {target} was lifted[ at the end of the drill {drill}]",
    "key created": "A key of {process} was made",
    "key revoked": "A key of {process} was revoked",
    "erasure": "Words were erased[ of {process}][: {exchanges} exchanges]",
    "gap": "Something is missing from the record[ of worker {worker}][: {records} records][, {reason}]",
    "person added": "A person was added[ as {roles}][ of {processes}]",
    "person's key created": "A person's key was made",
    "person revoked": "A person was revoked",
    "person's key revoked": "A person's key was revoked",
    "risk accepted": "{target} may serve {process} without a proof[ until {expires}]",
    "risk no longer accepted": "{target} may no longer serve {process} without a proof",
    "approval asked": "A second person is asked for[: {act}][ {target}][ of {process}]",
    "approval": "The approval {approval} is {state}",
    "placement decided": "{process} was decided to be placed with: {place}[, served by {serves}]"
    "[, {replacement} to stand in]; to be looked at again on {review_on}",
    "assumption edited": "The assumption {name} was edited[ (version {version})]",
    "report issued": "The report {id} was issued; its PDF has the SHA-256 {pdf_sha256}",
    "failover": "{process} is answered by {to}[, and was by {from}]",
    "breaker held": "{upstream} is asked nothing until somebody restores it",
    "breaker restored": "{upstream} may be asked again",
    "proofs suspended": "Proofs of {upstream} do not count[, by what {process} showed ({by})]",
    "probe failed": "{upstream} fails its probe[: {failed}][ ({fault})]",
    "probe well": "{upstream} answers its probe again",
    "retirement known": "{model} ({upstream}) retires on {day}, says {source}",
    "due order opened": "A rehearsal of {candidate} for {process} is due: {why}",
    "due order done": "The rehearsal of {candidate} for {process} that was due ({why}) is done",
    "due order given up": "The rehearsal of {candidate} for {process} that was due ({why}) is given up",
    "act refused": "Somebody tried what they have not the right to: {act}[ of {process}]",
    "signed in": "A person signed in to the pages",
    "bodies shown": "A person read what the exchange {exchange} of {process} says",
    "labels given": "A person marked {labels} answers of {target} for {process}",
    "prompt versions saved": "An adaptation of {process} saved the prompt versions {versions}",
    "restored": "{target} was put back[; proofs count again of {unsuspended}]",
    "budget reached": "The budget {budget} has come to {percent} % in {period}",
    "budget will not last": "At this pace the budget {budget} ends before {period} does[, on {ends}]",
    "budget corrected": "An invoice told what was unknown of the budget {budget} in {period}",
    "invoice imported": "An invoice of {provider} for {month} was imported: {amount_usd} USD",
    "reconciled": "What was metered at {provider} in {month} was held against the invoice: "
    "{settled_usd} USD of {invoiced_usd} USD",
    "configuration": "Other settings came into force[: {changed}][ and {and_more} more]",
    "import": "{taken} exchanges were imported[ from {format}][ for {processes}]",
    "store backed up": "The store was copied to a backup: {rows} rows",
    "store restored": "The store was put back from a backup: {rows} rows",
    "store rebuilt": "The store was filled anew from the record: {exchanges} exchanges",
    "archived": "{day} of {process} was archived: {rows} rows",
    "archive removed": "{day} of {process} was taken out of the archive: {rows} rows",
    "deleted": "Retention deleted {count} {what}[ of {process}] from before {until}",
}
# What a field of an entry is the id of; of an entry's own "id" its event says that.
FIELDS = {
    "process": "process",
    "drill": "drill",
    "verdict": "verdict",
    "exchange": "exchange",
    "approval": "approval",
}
IDS = {
    "verdict saved": "verdict",
    "drill": "drill",
    "cut-off placed": "cut-off",
    "cut-off lifted": "cut-off",
    "key created": "key",
    "key revoked": "key",
    "person added": "person",
    "person revoked": "person",
    "approval asked": "approval",
    "report issued": "report",
}
# Fields that are hashes, places in the log, or said apart from the sentence.
APART = frozenset(("n", "at", "event", "sha256", "by", "role", "late", "lapsed", "reports"))
OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
FIELD = re.compile(r"\{([a-z0-9_]+)\}")
MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d\.\d+Z")


def sentence(entry: Entry) -> str:
    """The entry in words; one of a kind without words is said by its fields."""
    event = str(entry.get("event", ""))
    if event not in WORDS:
        told = ", ".join(f"{name} {shown(value)}" for name, value in entry.items() if name not in APART)
        return f"{event}: {told}" if told else event
    template = OPTIONAL.sub(lambda part: part[1] if _has(entry, part[1]) else "", WORDS[event])
    said = FIELD.sub(lambda found: shown(entry.get(found[1])), template)
    if entry.get("lapsed"):
        said += ", by its expiry"
    return f"{said} (found in the store later)" if entry.get("late") else said


def about(entry: Entry) -> Iterator[tuple[str, str]]:
    """What the entry is about: each a kind ("verdict", "drill", "process" …) and an id."""
    event = str(entry.get("event", ""))
    if event in IDS and entry.get("id"):
        yield IDS[event], str(entry["id"])
    for name, kind in FIELDS.items():
        if isinstance(found := entry.get(name), str):
            yield kind, found


def names(entry: Entry, wanted: str) -> bool:
    """Whether the entry is of what has this id."""
    return any(value == wanted for name, value in entry.items() if name not in APART)


def shown(value: object) -> str:
    """A field's value: moments to the minute, figures to four digits, lists with commas."""
    if isinstance(value, list):
        return ", ".join(shown(one) for one in value)
    if isinstance(value, Mapping):
        return " ".join(shown(one) for one in value.values())
    text = "nobody" if value is None else "yes" if value is True else str(value)
    if moment := MOMENT.fullmatch(text):
        return f"{moment[1]} {moment[2]}"
    if isinstance(value, str) and re.fullmatch(r"-?\d+\.\d+(e-?\d+)?", text):
        return figure(float(text))
    return text


def _has(entry: Entry, part: str) -> bool:
    return all(entry.get(name) is not None for name in FIELD.findall(part))
