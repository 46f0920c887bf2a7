"""What says which configuration is valid. ``load.py`` turns these into the frozen domain settings.

Every class here is a section of ``switchover.yaml``; a field's description is its documentation in the reference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from switchover.domain.personal import KINDS

from .comparison import WANT, comparison
from .values import (
    FILE,
    HEADER,
    LANGUAGE,
    NAME,
    PUBLISHED,
    SUBJECT,
    URL,
    Country,
    Day,
    Duration,
    KeyReference,
    Money,
    Mtok,
    Percent,
    hours,
)


class Section(BaseModel):
    """A section: unknown names are errors, so that a slip of the pen is not silently ignored; numbers are finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class OrganisationSection(Section):
    """Who we are."""

    domicile: Country = Field(description="Country of the organisation, ISO 3166-1 alpha-2.")
    revenue_usd: int | None = Field(default=None, ge=0, description="Yearly revenue; some licences depend on it.")


class GatewaySection(Section):
    """Where applications reach the gateway."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; loopback unless you say otherwise.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(default=1, ge=1, le=64, description="Gateway processes that share the port.")


class PagesSection(Section):
    """Where people read the pages. A change needs a restart of `switchover up`."""

    serve: bool = Field(default=True, description="Whether `switchover up` serves them.")
    host: str = Field(
        default="127.0.0.1", description="Address to listen on. Any but loopback needs an `address` with TLS in front."
    )
    port: int = Field(default=8081, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    address: str | None = Field(
        default=None,
        pattern=URL,
        description="What browsers call them by, such as `https://switchover.example`, where something stands in "
        "front. Plain http to this machine only. Default: host and port.",
    )


class EgressSection(Section):
    """How upstreams elsewhere are reached. A change needs a restart of `switchover up`."""

    proxy: str | None = Field(
        default=None,
        description="Forward proxy to upstreams elsewhere, `http://host:port` or `https://host:port`; this machine is "
        "never called through it, and the environment (`HTTPS_PROXY`) is not asked.",
    )
    proxy_login: KeyReference | None = Field(
        default=None, description="`env:NAME` or `file:PATH` that holds `user:password` for the proxy, never itself."
    )
    direct: tuple[str, ...] = Field(default=(), description="Hosts of upstreams that are called without the proxy.")
    tls_ca: str | None = Field(
        default=None,
        min_length=1,
        description="PEM file with the certificate authorities of your own network, trusted beside the system's.",
    )


class LogSection(Section):
    """What is logged, one line per event, on standard error. Bodies, keys and prompts never are."""

    format: Literal["auto", "json", "text"] = Field(
        default="auto", description="`auto` is text under a terminal and JSON elsewhere."
    )
    level: Literal["info", "warning", "error"] = Field(default="info", description="The least that is logged.")
    requests: Literal["all", "failed", "none"] = Field(
        default="failed",
        description="Which requests get a line: `failed` are those that did not complete at the first attempt.",
    )


class KeyringSection(Section):
    """The keys under which recorded words are sealed. Default: a master key of our own in the data folder."""

    master: KeyReference | None = Field(
        default=None,
        description="`env:NAME` or `file:PATH` that holds the master key, 64 hex digits (`openssl rand -hex 32`), "
        "never itself; default: `keyring/master` in the data folder, made at the first start.",
    )


class TracesSection(Section):
    """Spans of requests and attempts, for a collector that speaks OTLP over HTTP. Without this section there are none.

    A span says who answered, how long it took and what it used, never what was asked or answered.
    """

    endpoint: str = Field(
        pattern=URL, description="The collector's address; `/v1/traces` is added. Plain http to this machine only."
    )
    headers: dict[Annotated[str, Field(pattern=HEADER)], KeyReference] = Field(
        default_factory=dict, description="Headers the collector wants, such as a key: name → `env:NAME`."
    )
    sample: float = Field(
        default=1.0, ge=0, le=1, description="Share of the requests that are traced, where the caller does not say."
    )
    pass_to: tuple[str, ...] = Field(
        default=(),
        description="Upstreams that are told the trace (`traceparent`) beside own engines; default: none.",
    )


class EvidenceSection(Section):
    """What else vouches for the evidence log."""

    timestamp: str | None = Field(
        default=None,
        pattern=URL,
        description="A time-stamp authority (RFC 3161), asked for the newest checkpoint once an hour at most, and "
        "after a drill. It sees a hash. Plain http to this machine only.",
    )


class ProviderSection(Section):
    """An organisation that hosts models and is not among the facts we ship."""

    home: Country = Field(description="Country of the legal entity that can be ordered to stop.")
    parent: str | None = Field(default=None, description="Controlling organisation, if any.")
    parent_home: Country | None = Field(default=None, description="Country of the controlling organisation.")


class PriceSection(Section):
    """What a call costs, where it is not the published price of the upstream's own model: of another one, by your own
    contract, or with a surcharge or a discount on it.

    Where it changes, `price` is a list of such rows, each with the day `from` which it holds; the first may have none.
    Each request is priced by the row of its moment.
    """

    from_: Day | None = Field(
        default=None,
        alias="from",
        description="The day (UTC) from which it holds; before the first, as published.",
    )
    priced_as: str | None = Field(
        default=None,
        alias="as",
        pattern=PUBLISHED,
        description="A published model, provider/model, as `genai-prices` names it.",
    )
    input_mtok: Mtok | None = Field(
        default=None, description='USD per million input tokens, as a decimal in quotes, such as `"0.60"`.'
    )
    output_mtok: Mtok | None = Field(default=None, description="USD per million output tokens, in quotes.")
    cached_mtok: Mtok | None = Field(
        default=None, description="USD per million tokens read from a prompt cache, in quotes; default: as input."
    )
    written_mtok: Mtok | None = Field(
        default=None, description="USD per million tokens written to a prompt cache, in quotes; default: as input."
    )
    surcharge: Percent | None = Field(
        default=None, description="Percent on top, such as `10` where data stays in a region. Needs a `source`."
    )
    discount: Percent | None = Field(
        default=None, description="Negotiated percent off, after the surcharge. Needs a `source`."
    )
    source: str | None = Field(default=None, min_length=1, description="Where it comes from, such as a contract.")
    checked: str | None = Field(default=None, description="The day it was checked, in quotes.")


def _price_shape(section: Any) -> str:
    return "[rows]" if isinstance(section, list | tuple) else "[row]"


class UpstreamSection(Section):
    """Endpoint + model + credential."""

    kind: Literal["openai", "anthropic", "local", "student"] = Field(description="Which endpoint it is.")
    model: str = Field(min_length=1, description="The model's name at the endpoint.")
    developer: str = Field(description="Who made the model.")
    host: str = Field(description="The provider that runs it; `own` is your own machine.")
    base_url: str | None = Field(default=None, pattern=URL, description="As the provider's own SDK takes it.")
    key: KeyReference | None = Field(default=None, description="`env:NAME` or `file:PATH`, never the key itself.")
    speaks: Literal["chat", "responses", "both"] | None = Field(
        default=None,
        description="OpenAI's interfaces that an `openai` endpoint has; default: `both` at OpenAI itself, else `chat`.",
    )
    answers_as: tuple[str, ...] = Field(
        default=(),
        description="Names beside `model` that its answers may bear, such as what a deployment's alias means.",
    )
    weights: str | None = Field(default=None, description="`starter` or `file:PATH.gguf`, for a local engine.")
    context: int | None = Field(
        default=None,
        ge=256,
        description="Tokens of context per slot: of a local engine (default 4096), or of a server of yours "
        "(`host: own`), which is then asked nothing that does not fit.",
    )
    slots: int = Field(default=1, ge=1, le=64, description="Requests served at once, for a local engine.")
    threads: int | None = Field(default=None, ge=1, description="Threads of a local engine; default: all cores.")
    chat_template: str | None = Field(
        default=None,
        pattern=FILE,
        description="`file:PATH` to a chat template that replaces the one in the weights, for a local engine.",
    )
    max_output: int | None = Field(
        default=None,
        ge=1,
        description="Tokens that its model writes at most in one answer, as its provider documents it: what a budget "
        "reserves for a call without a limit of its own.",
    )
    price: (
        Annotated[
            Annotated[PriceSection, Tag("[row]")] | Annotated[tuple[PriceSection, ...], Tag("[rows]")],
            Discriminator(_price_shape),
        ]
        | None
    ) = Field(default=None, description="What a call costs; a list where that changes.")
    retires: Day | None = Field(
        default=None, description="The first day on which its model is gone, as a date such as `2027-01-31`."
    )


SHADOW = (
    "Live requests replayed a day on each replacement with a proof, to see whether it drifts; they count among "
    "`replays_per_day`. 0 is none."
)
CANARIES = (
    "Fixed prompts asked a day of a process's baseline, and of each replacement with a proof, to see whether the model "
    "behind it has changed. 0 is none."
)


def _switch(value: Any) -> Any:
    """YAML reads `off` as false."""
    return "off" if value is False else value


class WatchSection(Section):
    """What `switchover up` looks at once a day, and rehearses by itself."""

    at: Annotated[str, BeforeValidator(hours)] = Field(
        default="00:00-24:00",
        description="The hours of the day (UTC) in which it works, such as `02:00-06:00`; the moment within them is "
        "another each day.",
    )
    calls_per_day: int = Field(
        default=200, ge=0, description="Most calls of a day that ask upstreams themselves: probes and canaries."
    )
    rehearse: Annotated[Literal["auto", "off"], BeforeValidator(_switch)] = Field(
        default="auto",
        description="`auto` keeps proofs warm and rehearses what is due, within the bounds below and the process's "
        "`budget_calls`; `off` only shows what is due.",
    )
    replays_per_day: int = Field(default=200, ge=1, description="Most replays of a day that it makes by itself.")
    spend_per_day: Money | None = Field(
        default=None,
        description="Most that all of it may cost in a day; then only upstreams whose price is known are asked.",
    )
    shadow: int = Field(default=20, ge=0, description=SHADOW)
    canaries: int = Field(default=20, ge=0, description=CANARIES)


class ProcessWatchSection(Section):
    """How this process's proofs are watched, where other than `watch` says."""

    shadow: int | None = Field(default=None, ge=0, description=SHADOW)
    canaries: int | None = Field(default=None, ge=0, description=CANARIES)


class BudgetSection(Section):
    """What may be spent: reserved before a call, settled after it. Days and months are in UTC."""

    day: Money | None = Field(default=None, description="Most in a day.")
    month: Money | None = Field(default=None, description="Most in a month.")
    kind: Literal["hard", "soft"] = Field(
        default="hard", description="`hard` is never crossed; `soft` is told and refuses nothing."
    )
    at_cap: Literal["refuse", "cheaper"] = Field(
        default="refuse",
        description="What becomes of a call that does not fit any more: `refuse` it with an error that says until "
        "when, or let a `cheaper` replacement with a proof in date answer it, if there is one.",
    )


class BudgetsSection(Section):
    """Budgets over several processes, beside those that a process may have of its own."""

    organisation: BudgetSection | None = Field(default=None, description="Over everything.")
    providers: dict[Annotated[str, Field(pattern=NAME)], BudgetSection] = Field(
        default_factory=dict, description="Over all that is spent at a provider."
    )


def _compared(text: Any) -> str:
    """A comparison, as it stands."""
    if not isinstance(text, str):
        raise ValueError(WANT)
    comparison(text)
    return text


class SliceSection(Section):
    """A part of the traffic that is judged or told by itself."""

    where: Annotated[str, BeforeValidator(_compared)] = Field(
        description='Which requests: `metadata.kind == "complaint"`, with `==`, `!=`, `in ["a", "b"]`, `exists`, '
        '`matches "^VIP-"`, `<`, `<=`, `>` or `>=`. A path leads into the request; `words` are those of the last '
        "message of the user's, `turns` the messages of theirs."
    )
    critical: bool = Field(
        default=True, description="Whether it has to pass by itself, and is replayed more often than it comes."
    )
    margin: float | None = Field(
        default=None, gt=0, lt=1, description="Quality loss accepted in it; without it that of `slice_margin`."
    )


def _slice(value: Any) -> Any:
    """The short form is a critical slice's comparison."""
    return value if isinstance(value, Mapping) else {"where": _compared(value)}


class LengthSection(Section):
    """How long an answer may be. A ratio is that of its words to those of the request's last user message."""

    least_words: int | None = Field(default=None, ge=0, description="Fewest words.")
    most_words: int | None = Field(default=None, ge=1, description="Most words.")
    least_characters: int | None = Field(default=None, ge=0, description="Fewest characters.")
    most_characters: int | None = Field(default=None, ge=1, description="Most characters.")
    least_ratio: float | None = Field(default=None, ge=0, description="Fewest words for each word of the request.")
    most_ratio: float | None = Field(default=None, gt=0, description="Most words for each word of the request.")


class ChecksSection(Section):
    """What an answer has to be, whatever was recorded. One that fails a check scores 0; so does the baseline's.

    For the grader `checks` they are all that is graded. Before any other one they are a gate: an answer that fails is
    not compared any more. A recorded answer that fails is nothing to agree with, and leaves its case ungraded.
    """

    no_refusal: bool = Field(
        default=False,
        description="It does not begin by declining what was asked, in English, Dutch, German, French, Spanish or "
        "Italian.",
    )
    language: str | None = Field(
        default=None,
        description="Its language, such as `nl`, or `request`: that of the last user message. A text too short to tell "
        "passes.",
    )
    length: LengthSection | None = Field(default=None, description="How long it may be.")
    format: Literal["json", "one-line", "markdown-list", "iso-date"] | None = Field(
        default=None, description="Its form; for a JSON schema see `schema`."
    )
    pattern: str | None = Field(
        default=None,
        description="A regular expression that occurs in it, such as `^CLM-[0-9]{6}$`; matched in linear time, so "
        "without look-around and back-references.",
    )
    quotes_from_request: bool = Field(
        default=False,
        description="What it quotes, three words or more between quotation marks, occurs in the request, case, "
        "punctuation and spacing aside.",
    )


class ToleranceSection(Section):
    """What may lie between two values of a field."""

    relative: float = Field(default=0.0, ge=0, description="Share of the recorded number, such as `0.01`.")
    absolute: float = Field(default=0.0, ge=0, description="Difference of two numbers.")
    days: float = Field(default=0.0, ge=0, description="Days between two dates.")


def _tolerance(value: Any) -> Any:
    """A share alone is short for ``relative``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if not 0 <= value < math.inf:
        raise ValueError("a finite number" if value != value or value == math.inf else "0 or more")
    return {"relative": value}


def _a_schema(value: Any) -> Any:
    if not isinstance(value, dict | str):
        raise ValueError("a JSON schema, or file:PATH to one")
    return value


Weight = Annotated[float, Field(ge=0)]


class RehearseSection(Section):
    """How candidates are judged. [Choose a grader](../how-to/choose-a-grader.md) says which one suits what.

    A field is named by its path, such as `lines.*.amount`: `*` is any name or place in a list, `$` the answer itself,
    `\\.` a dot in a name. For `tool_calls` a path begins with the tool's name. A setting holds for all below its path,
    and the longest path counts.
    """

    grader: Literal["label", "exact", "json_fields", "tool_calls", "text", "checks", "rubric", "hook", "human"] = Field(
        description="How two answers are compared."
    )
    margin: float = Field(default=0.05, gt=0, lt=1, description="Quality loss accepted.")
    slice_margin: float = Field(default=0.10, gt=0, lt=1, description="Quality loss accepted in a critical slice.")
    alpha: float = Field(default=0.05, gt=0, lt=0.5, description="Chance accepted of a false READY.")
    beta: float = Field(default=0.20, gt=0, lt=0.5, description="Chance accepted of a false NOT READY.")
    half_life: Duration = Field(default=30 * 86400.0, description="Time after which evidence counts half.")
    hold: Duration = Field(default=30 * 86400.0, description="How long proofs are held while the baseline is gone.")
    budget_calls: int = Field(default=1000, ge=1, description="Most replays of one rehearsal.")
    budget: Money | None = Field(
        default=None,
        description="Most that one rehearsal of a candidate may cost, second samples of the baseline included.",
    )
    pace: float | None = Field(
        default=None, gt=0, description="Most calls a second to each upstream; default: as many as it bears."
    )
    concurrency: int = Field(
        default=8,
        ge=1,
        le=256,
        description="Most calls at once to each upstream; it begins with two, takes more while all goes well and fewer "
        "at the first sign of strain. An engine of our own is given as many as it has slots.",
    )
    labels: tuple[str, ...] = Field(default=(), description="The closed set of answers, for `label`.")
    aliases: dict[str, str] = Field(
        default_factory=dict, description="Other spellings: of a label for `label`, of an answer for `exact`."
    )
    case_sensitive: bool = Field(default=False, description="Tell capitals from small letters, for `exact`.")
    decimal: Literal[".", ","] = Field(
        default=".", description="The decimal mark of numbers in words, for `exact` and `text`."
    )
    must_match: tuple[str, ...] = Field(
        default=(), description="Fields that have to agree, else the answer scores 0, for `json_fields`."
    )
    tolerance: dict[str, Annotated[ToleranceSection, BeforeValidator(_tolerance)]] = Field(
        default_factory=dict,
        description="Difference accepted per field, for `json_fields` and `tool_calls`; a number alone is `relative`.",
    )
    keys: dict[str, str] = Field(
        default_factory=dict,
        description="Lists whose items are matched by a field, whatever their order, for `json_fields` and "
        "`tool_calls`: path of the list → name of the field. Other lists are compared place by place.",
    )
    weights: dict[str, Weight] = Field(
        default_factory=dict, description="What a field weighs, 1 where nothing is said, for `json_fields`."
    )
    ignore: tuple[str, ...] = Field(
        default=(), description="Fields that do not count, for `json_fields` and `tool_calls`."
    )
    schema_: Annotated[dict[str, Any] | str | None, BeforeValidator(_a_schema)] = Field(
        default=None,
        alias="schema",
        description="JSON schema that an answer has to keep, written here or `file:PATH`; one that does not scores 0.",
    )
    order: Literal["strict", "any", "subset"] = Field(
        default="any",
        description="Order of calls, for `tool_calls`: `strict` as recorded, `any`, or `subset`, which also leaves out "
        "of account what is called beyond the recorded calls.",
    )
    measure: Literal["f1", "edit"] = Field(
        default="f1",
        description="How alike two texts are, for `text`: by their words (`f1`), or by their characters (`edit`).",
    )
    accept: float | None = Field(
        default=None, gt=0, le=1, description="From which likeness on a text scores 1, and below it 0, for `text`."
    )
    language: str | None = Field(
        default=None, pattern=LANGUAGE, description="Whose articles are left out of account, for `text`; default: `en`."
    )
    checks: ChecksSection | None = Field(default=None, description="What an answer has to be, whatever was recorded.")
    judge: str | None = Field(default=None, description="The upstream that judges, of a third family, for `rubric`.")
    rubric: str | None = Field(
        default=None,
        min_length=1,
        description="What a good answer is, from 0 to 1, or `file:PATH` of it; for `rubric`.",
    )
    labels_share: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Chance with which people are to look at a case, 0 for a judge alone; for `rubric`: 0.5.",
    )
    label_budget: int = Field(default=120, ge=1, description="Cases that may wait for people at once.")
    hook: str | None = Field(
        default=None,
        description="`file:PATH.py:function` or `module:function`, a Python function of yours; for `hook`.",
    )
    hook_by_merit: bool = Field(
        default=False, description="Whether the function scores an answer without the recorded one; for `hook`."
    )
    hook_timeout: Duration = Field(default=10.0, description="The longest that a call of the function takes.")
    slices: dict[str, Annotated[SliceSection, BeforeValidator(_slice)]] = Field(
        default_factory=dict,
        description='Parts of the traffic by name: `metadata.kind == "complaint"` for a critical one, or its settings.',
    )


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


def _recording(section: Any) -> Any:
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


class CostsSection(Section):
    """How what was metered is held against what providers bill."""

    tolerance: Percent = Field(
        default="2",
        description="Percent of an invoice that it may differ by from what was metered; beyond it "
        "`switchover costs reconcile` ends with 3.",
    )


class ProcessSection(Section):
    """A business activity that relies on AI answers."""

    owner: str = Field(min_length=1, description="The role that answers for the process.")
    criticality: Literal["critical", "important", "ordinary"] = Field(description="How much depends on it.")
    data: Literal["public", "internal", "confidential", "secret"] = Field(description="How sensitive its data is.")
    routes: tuple[Annotated[str, Field(max_length=128)], ...] = Field(
        default=(), description="Model names its callers ask for; default: its name."
    )
    allow: dict[Literal["public", "internal", "confidential", "secret"], tuple[Any, ...]] = Field(
        default_factory=dict, description="Upstreams (or `host-home: EU`) that may see each class of data."
    )
    rto: Duration = Field(default=300.0, description="Longest time it may be without answers.")
    baseline: str = Field(description="The upstream that serves today.")
    fallbacks: tuple[str, ...] = Field(default=(), description="Tried in order, each only with a proof in date.")
    embeddings: tuple[str, ...] = Field(
        default=(),
        description="Upstreams that make its embeddings, in order; after the first, those with the same model of the "
        "same developer may stand in. Default: the baseline and the fallbacks.",
    )
    midstream: Literal["stop", "hold", "continue"] = Field(
        default="stop",
        description="What to do when an answer breaks midway: `stop` ends it with an error, `hold` sends nothing "
        "before it is whole, `continue` lets a replacement go on with it that is proven to; see "
        "[Continuing an answer](../explanation/continuing.md).",
    )
    accept_provisional: bool = Field(default=False, description="Also fail over to a PROVISIONAL replacement.")
    first_content_timeout: Duration = Field(default=30.0, description="Longest wait for the first content.")
    exact: bool = Field(
        default=False,
        description="An answer that names another model than the one asked is a failed attempt; "
        "else it is served, marked and reported. Embeddings always count as exact.",
    )
    provider_fallback: bool = Field(
        default=False, description="Let callers ask a provider to answer with another model of its own."
    )
    recording: Annotated[RecordingSection, BeforeValidator(_recording)] = Field(
        default_factory=RecordingSection, description="What is kept of its exchanges."
    )
    detect: bool | None = Field(
        default=None,
        description="Look in each request for data of a more sensitive class than `data`, and let only those "
        "upstreams see it that `allow` names for that class. Default: where that makes a difference.",
    )
    retention: ProcessRetentionSection | None = Field(
        default=None, description="How long things of this process are kept."
    )
    rehearse: RehearseSection | None = Field(default=None, description="How candidates are judged.")
    budget: BudgetSection | None = Field(default=None, description="What the process may spend.")
    watch: ProcessWatchSection | None = Field(default=None, description="How its proofs are watched.")


class ConfigurationFile(Section):
    """The whole file."""

    organisation: OrganisationSection = Field(description="Who we are.")
    data: str = Field(default="./switchover-data", description="Folder for records, proofs and reports.")
    store: str | None = Field(
        default=None,
        description="Where the store is: `sqlite:///FILE`, or `postgresql+psycopg://USER@HOST:PORT/NAME` (with the "
        "extra `postgres`). Default: SQLite in the folder.",
    )
    store_password: KeyReference | None = Field(
        default=None,
        description="`env:NAME` or `file:PATH` that holds the password of the store's user, read at each new "
        "connection.",
    )
    gateway: GatewaySection = Field(default_factory=GatewaySection, description="Where applications reach it.")
    pages: PagesSection = Field(default_factory=PagesSection, description="Where people read the pages.")
    egress: EgressSection = Field(default_factory=EgressSection, description="How upstreams elsewhere are reached.")
    log: LogSection = Field(default_factory=LogSection, description="What is logged.")
    keyring: KeyringSection = Field(default_factory=KeyringSection, description="Keys of what is recorded.")
    traces: TracesSection | None = Field(default=None, description="Where spans go.")
    privacy: PrivacySection = Field(default_factory=PrivacySection, description="How personal data and keys are found.")
    evidence: EvidenceSection = Field(
        default_factory=EvidenceSection, description="What else vouches for the evidence log."
    )
    budgets: BudgetsSection = Field(
        default_factory=BudgetsSection, description="What may be spent by several processes together."
    )
    costs: CostsSection = Field(default_factory=CostsSection, description="What was metered, and what is billed.")
    watch: WatchSection = Field(default_factory=WatchSection, description="What is looked at and rehearsed each day.")
    archive: ArchiveSection | None = Field(default=None, description="Where finished days go.")
    retention: RetentionSection = Field(
        default_factory=RetentionSection, description="How long what was recorded is kept."
    )
    providers: dict[Annotated[str, Field(pattern=NAME)], ProviderSection] = Field(
        default_factory=dict, description="Providers that are not among the facts we ship."
    )
    upstreams: dict[Annotated[str, Field(pattern=NAME)], UpstreamSection] = Field(
        min_length=1, description="Endpoints with model and credential."
    )
    processes: dict[Annotated[str, Field(pattern=NAME)], ProcessSection] = Field(
        min_length=1, description="Business activities that rely on AI answers."
    )


SECTIONS: tuple[type[Section], ...] = (
    ConfigurationFile,
    OrganisationSection,
    GatewaySection,
    PagesSection,
    EgressSection,
    LogSection,
    TracesSection,
    EvidenceSection,
    ArchiveSection,
    RetentionSection,
    ProcessRetentionSection,
    ProviderSection,
    UpstreamSection,
    PriceSection,
    KeyringSection,
    ProcessSection,
    RecordingSection,
    RehearseSection,
    SliceSection,
    ChecksSection,
    LengthSection,
    ToleranceSection,
    PrivacySection,
    PresidioSection,
    BudgetSection,
    BudgetsSection,
    CostsSection,
    WatchSection,
    ProcessWatchSection,
)
