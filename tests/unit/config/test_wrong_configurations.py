"""Each wrong configuration is refused with file and line, where, what stands there and what to write instead."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from switchover.config import load
from switchover.domain.personal import KINDS
from switchover.errors import ConfigError

GOOD = """\
organisation: {domicile: NL, revenue_usd: 40_000_000}
gateway: {host: 127.0.0.1, port: 8080, workers: 1}
providers: {acme: {home: US, parent: megacorp, parent_home: US}}
upstreams:
  vendor:
    kind: openai
    base_url: "https://api.acme.test/v1"
    key: env:VENDOR_KEY
    model: big-1
    developer: acme
    host: acme
    price: {as: openai/gpt-4.1-mini}
  own: {kind: local, weights: starter, model: smollm2, developer: huggingface, host: own, context: 4096}
processes:
  customer-messages:
    owner: head-of-service
    criticality: critical
    data: confidential
    routes: [messages]
    allow: {confidential: [own, vendor]}
    rto: 5m
    baseline: vendor
    fallbacks: [own]
    midstream: stop
    rehearse:
      grader: label
      labels: [billing, claim]
      margin: 0.10
      slices: {complaints: 'metadata.kind == "complaint"'}
"""


class Slip(NamedTuple):
    """One edit of the good file, and the whole message it has to lead to, after the file's name."""

    name: str
    old: str
    new: str
    message: str


UPSTREAMS = "one of own, vendor"

LOG = "gateway: {host: 127.0.0.1, port: 8080, workers: 1}"

ARCHIVE = """archive:
  to: s3://records/claims
  endpoint: https://s3.test
  key: env:ARCHIVE_KEY
"""
DAYS = "retention: {exchanges: 90d, bodies: 30d}"

SLIPS = (
    Slip(
        "archive without a place",
        LOG,
        f"{LOG}\narchive: {{bodies: false}}",
        "3: archive.to: got nothing; want a value for to",
    ),
    Slip(
        "object store without an address",
        LOG,
        f"{LOG}\n{ARCHIVE.replace('  endpoint: https://s3.test', '')}",
        "3: archive.endpoint: got nothing; want the address of the object store, such as "
        "https://s3.eu-west-1.amazonaws.com",
    ),
    Slip(
        "object store by plain http",
        LOG,
        f"{LOG}\n{ARCHIVE.replace('https', 'http')}",
        "5: archive.endpoint: got http://s3.test; want https: plain http goes to this machine only",
    ),
    Slip(
        "object store without a key",
        LOG,
        f"{LOG}\n{ARCHIVE.replace('  key: env:ARCHIVE_KEY', '')}",
        "3: archive.key: got nothing; want env:NAME or file:PATH that holds ID:SECRET",
    ),
    Slip(
        "the key itself",
        LOG,
        f"{LOG}\n{ARCHIVE.replace('env:ARCHIVE_KEY', 'AKIA:abc')}",
        "6: archive.key: got something else; want env:NAME or file:PATH, never the key itself",
    ),
    Slip(
        "object store without a bucket",
        LOG,
        f"{LOG}\n{ARCHIVE.replace('s3://records/claims', 's3:///claims')}",
        "4: archive.to: got s3:///claims; want s3://bucket/prefix",
    ),
    Slip(
        "a folder with an address",
        LOG,
        f"{LOG}\n{ARCHIVE.replace('s3://records/claims', './archive')}",
        "5: archive.endpoint: got something for a folder; want nothing, or to: s3://bucket/prefix",
    ),
    Slip(
        "bodies that outlive their exchanges",
        LOG,
        f"{LOG}\n{DAYS.replace('30d', '91d')}",
        "3: retention.bodies: got a longer time than exchanges; want at most as long as exchanges",
    ),
    Slip(
        "a process's bodies that outlive them",
        "    midstream: stop",
        "    midstream: stop\n    retention: {exchanges: 1d, bodies: 90d}",
        "25: processes.customer-messages.retention.bodies: got a longer time than exchanges; "
        "want at most as long as exchanges",
    ),
    Slip(
        "no time to keep anything",
        LOG,
        f"{LOG}\nretention: {{exchanges: 0d}}",
        "3: retention.exchanges: got 0d; want greater than 0",
    ),
    Slip(
        "a collector over plain http elsewhere",
        LOG,
        f"{LOG}\ntraces: {{endpoint: 'http://collector.test:4318'}}",
        "3: traces.endpoint: got http://collector.test:4318; want https: plain http goes to this machine only",
    ),
    Slip(
        "a collector's key in the file",
        LOG,
        f"{LOG}\ntraces: {{endpoint: 'https://collector.test', headers: {{x-key: my-canary-key}}}}",
        "3: traces.headers.x-key: got something else; want env:NAME or file:PATH, never the key itself",
    ),
    Slip(
        "a kind of personal data that there is not",
        LOG,
        f"{LOG}\nprivacy: {{without: [shoe-size]}}",
        f"3: privacy.without.0: got shoe-size; want one of {', '.join(KINDS)}",
    ),
    Slip(
        "a class of data that there is not",
        LOG,
        f"{LOG}\nprivacy: {{classes: {{card: top}}}}",
        "3: privacy.classes.card: got top; want one of 'public', 'internal', 'confidential' or 'secret'",
    ),
    Slip(
        "a language in words",
        LOG,
        f"{LOG}\nprivacy: {{presidio: {{languages: [Dutch]}}}}",
        "3: privacy.presidio.languages.0: got Dutch; want a language of two small letters, such as nl",
    ),
    Slip(
        "a record that is required and not made",
        "    midstream: stop",
        "    recording: {bodies: none, required: true}",
        "24: processes.customer-messages.recording.required: got true; want false where bodies is none",
    ),
    Slip(
        "a trace passed to nobody",
        LOG,
        f"{LOG}\ntraces: {{endpoint: 'https://collector.test', pass_to: [vendor, nobody]}}",
        "3: traces.pass_to.1: got nobody; want one of own, vendor",
    ),
    Slip(
        "a log of some requests",
        LOG,
        f"{LOG}\nlog: {{requests: some}}",
        "3: log.requests: got some; want one of 'all', 'failed' or 'none'",
    ),
    Slip("a value of the wrong kind", "port: 8080", "port: eighty", "2: gateway.port: got eighty; want a whole number"),
    Slip(
        "a number out of range",
        "workers: 1",
        "workers: 0",
        "2: gateway.workers: got 0; want greater than or equal to 1",
    ),
    Slip(
        "a misspelt name",
        "    rto: 5m",
        "    rot: 5m",
        "21: processes.customer-messages.rot: got an unknown name; want rto, perhaps",
    ),
    Slip(
        "a misspelt name that leaves a value missing",
        "    owner: head",
        "    ovner: head",
        "16: processes.customer-messages.ovner: got an unknown name; want owner, perhaps",
    ),
    Slip(
        "a name unlike any other",
        "    midstream: stop",
        "    zzzz: stop",
        "24: processes.customer-messages.zzzz: got an unknown name; "
        "want one of the names in docs/reference/settings.md",
    ),
    Slip(
        "a fallback of the provider's own where nothing but the model asked will do",
        "    midstream: stop",
        "    exact: true\n    provider_fallback: true",
        "25: processes.customer-messages.provider_fallback: got true; "
        "want false where exact is true: an answer by another model would fail",
    ),
    Slip(
        "a value that is missing",
        "    owner: head-of-service\n",
        "",
        "15: processes.customer-messages.owner: got nothing; want a value for owner",
    ),
    Slip(
        "a choice that is none",
        "criticality: critical",
        "criticality: huge",
        "17: processes.customer-messages.criticality: got huge; want one of 'critical', 'important' or 'ordinary'",
    ),
    Slip(
        "a chat template that is no file",
        "host: own, context: 4096}",
        "host: own, chat_template: chatml}",
        "13: upstreams.own.chat_template: got chatml; want file:PATH",
    ),
    Slip(
        "a chat template where no engine of ours runs",
        "  own: {kind: local, weights: starter, model: smollm2, developer: huggingface, host: own, context: 4096}",
        "  own: {kind: student, model: smollm2, developer: huggingface, host: own, chat_template: 'file:/t'}",
        "13: upstreams.own.chat_template: got file:/t; want no template, or kind: local",
    ),
    Slip(
        "a duration nobody can read",
        "rto: 5m",
        "rto: 4 hrs",
        "21: processes.customer-messages.rto: got 4 hrs; want a duration such as 4h",
    ),
    Slip(
        "a duration without end",
        "rto: 5m",
        "rto: .inf",
        "21: processes.customer-messages.rto: got inf; want a duration such as 4h",
    ),
    Slip(
        "a number without end",
        "margin: 0.10",
        "margin: .inf",
        "28: processes.customer-messages.rehearse.margin: got inf; want a finite number",
    ),
    Slip(
        "a share that is no number",
        "margin: 0.10",
        "tolerance: {amount: .nan}",
        "28: processes.customer-messages.rehearse.tolerance.amount: got nan; want a finite number",
    ),
    Slip(
        "a whole number without end",
        "port: 8080",
        "port: .inf",
        "2: gateway.port: got inf; want a finite number",
    ),
    Slip(
        "a country in small letters",
        "domicile: NL",
        "domicile: nl",
        "1: organisation.domicile: got nl; want a country of two capital letters, such as NL",
    ),
    Slip(
        "a baseline that is no upstream",
        "baseline: vendor",
        "baseline: vendr",
        f"22: processes.customer-messages.baseline: got vendr; want {UPSTREAMS}",
    ),
    Slip(
        "a fallback that is no upstream",
        "fallbacks: [own]",
        "fallbacks: [own, nowhere]",
        f"23: processes.customer-messages.fallbacks.1: got nowhere; want {UPSTREAMS}",
    ),
    Slip(
        "the baseline as its own fallback",
        "fallbacks: [own]",
        "fallbacks: [vendor]",
        "23: processes.customer-messages.fallbacks.0: got vendor again; want each upstream once",
    ),
    Slip(
        "embeddings of an upstream that there is not",
        "fallbacks: [own]",
        "embeddings: [own, nowhere]",
        f"23: processes.customer-messages.embeddings.1: got nowhere; want {UPSTREAMS}",
    ),
    Slip(
        "an upstream named twice for embeddings",
        "fallbacks: [own]",
        "embeddings: [vendor, vendor]",
        "23: processes.customer-messages.embeddings.1: got vendor again; want each upstream once",
    ),
    Slip(
        "a policy that keeps the data from the baseline",
        "{confidential: [own, vendor]}",
        "{confidential: [own]}",
        "20: processes.customer-messages.allow.confidential: got a policy that keeps confidential data from the "
        "baseline vendor; want vendor (or its host's home) under allow.confidential, or another baseline",
    ),
    Slip(
        "a permission for nobody",
        "{confidential: [own, vendor]}",
        "{confidential: [own, vendor, friends]}",
        "20: processes.customer-messages.allow.confidential: got friends; want an upstream (own, vendor) or "
        "host-home: EU",
    ),
    Slip(
        "a label grader without labels",
        "labels: [billing, claim]",
        "labels: [billing]",
        "27: processes.customer-messages.rehearse.labels: got ['billing']; want the closed set of answers, two or more",
    ),
    Slip(
        "labels that are read as one",
        "labels: [billing, claim]",
        'labels: ["-1", "0", "1"]',
        "27: processes.customer-messages.rehearse.labels.2: got '1', which is read as '-1' is; want labels that differ "
        "in letters or digits (for signs: `grader: exact`)",
    ),
    Slip(
        "a label that is read as nothing",
        "labels: [billing, claim]",
        'labels: [billing, "+"]',
        "27: processes.customer-messages.rehearse.labels.1: got '+', which is read as nothing; want labels that differ "
        "in letters or digits (for signs: `grader: exact`)",
    ),
    Slip(
        "an alias that is read as another label",
        "labels: [billing, claim]",
        "labels: [billing, claim]\n      aliases: {Claim!: billing}",
        "28: processes.customer-messages.rehearse.aliases.Claim!: got 'Claim!', which is read as 'claim' is; want "
        "labels that differ in letters or digits (for signs: `grader: exact`)",
    ),
    Slip(
        "an alias that is read as no answer",
        "grader: label\n      labels: [billing, claim]",
        'grader: exact\n      aliases: {"-": none}',
        "27: processes.customer-messages.rehearse.aliases.-: got '-'; want an answer with letters or digits, as no "
        "answer at all would be read as it, too",
    ),
    Slip(
        "a setting of another grader",
        "margin: 0.10",
        "order: strict",
        "28: processes.customer-messages.rehearse.order: got a setting of tool_calls; want nothing: the grader is "
        "label",
    ),
    Slip(
        "a schema that is invalid",
        "margin: 0.10",
        "schema: {type: objekt}",
        '28: processes.customer-messages.rehearse.schema: got type: "objekt" is not valid under any of the schemas '
        "listed in the 'anyOf' ke...; want a valid JSON schema",
    ),
    Slip(
        "a schema that refers elsewhere",
        "margin: 0.10",
        "schema: {$ref: 'https://schemas.test/claim'}",
        "28: processes.customer-messages.rehearse.schema: got Resource 'https://schemas.test/claim' is not present in "
        "a registry and retrie...; want a valid JSON schema",
    ),
    Slip(
        "a schema in a file that is not there",
        "margin: 0.10",
        "schema: file:claim.json",
        "28: processes.customer-messages.rehearse.schema: got claim.json: No such file or directory; "
        "want a readable file",
    ),
    Slip(
        "a schema that is neither",
        "margin: 0.10",
        "schema: [1]",
        "28: processes.customer-messages.rehearse.schema: got a list; want a JSON schema, or file:PATH to one",
    ),
    Slip(
        "a pattern that can be made to hang",
        "margin: 0.10",
        "checks: {pattern: '(?=x)'}",
        "28: processes.customer-messages.rehearse.checks.pattern: got (?=x); want a regular expression without "
        "look-around and back-references",
    ),
    Slip(
        "a language that can't be told",
        "margin: 0.10",
        "checks: {language: xx}",
        "28: processes.customer-messages.rehearse.checks.language: got xx; want request, or one of ar, da, de, el, en, "
        "es, fr, he, hi, it, ja, ko, nl, pl, pt, ru, sv, th, uk, zh",
    ),
    Slip(
        "a length that nothing has",
        "margin: 0.10",
        "checks: {length: {least_words: 9, most_words: 3}}",
        "28: processes.customer-messages.rehearse.checks.length.least_words: got 9; want at most 3, its most_words",
    ),
    Slip(
        "checks of nothing",
        "grader: label\n      labels: [billing, claim]",
        "grader: checks",
        "25: processes.customer-messages.rehearse.checks: got nothing; want what to check, such as {no_refusal: true}",
    ),
    Slip(
        "a field that must match and is ignored",
        "grader: label\n      labels: [billing, claim]",
        "grader: json_fields\n      must_match: [policy.number]\n      ignore: [policy]",
        "27: processes.customer-messages.rehearse.must_match.0: got policy.number, which is ignored; "
        "want a field that counts",
    ),
    Slip(
        "a weight below nothing",
        "grader: label\n      labels: [billing, claim]",
        "grader: json_fields\n      weights: {amount: -1}",
        "27: processes.customer-messages.rehearse.weights.amount: got -1; want greater than or equal to 0",
    ),
    Slip(
        "articles of a language without any",
        "grader: label\n      labels: [billing, claim]",
        "grader: text\n      language: pl",
        "27: processes.customer-messages.rehearse.language: got pl; want one of de, en, es, fr, it, nl, pt",
    ),
    Slip(
        "a slice that is no comparison",
        "'metadata.kind == \"complaint\"'",
        "everything",
        "29: processes.customer-messages.rehearse.slices.complaints: got everything; "
        'want a comparison such as metadata.kind == "complaint", metadata.kind in ["a", "b"], metadata.amount > 1000, '
        'tools exists or metadata.ticket matches "^VIP-"',
    ),
    Slip(
        "a margin of one",
        "margin: 0.10",
        "margin: 1",
        "28: processes.customer-messages.rehearse.margin: got 1; want less than 1",
    ),
    Slip(
        "a host nobody knows",
        "    host: acme",
        "    host: umbrella",
        "11: upstreams.vendor.host: got umbrella; want a provider we know, or its home under providers.umbrella",
    ),
    Slip(
        "plain http to another machine",
        '"https://api.acme.test/v1"',
        '"http://api.acme.test/v1"',
        "7: upstreams.vendor.base_url: got http://api.acme.test/v1; want https: plain http goes to this machine only",
    ),
    Slip(
        "an address with a query",
        '"https://api.acme.test/v1"',
        '"https://api.acme.test/v1?to=elsewhere"',
        "7: upstreams.vendor.base_url: got https://api.acme.test/v1?to=elsewhere; "
        "want an address such as https://host/v1, without a query",
    ),
    Slip(
        "an endpoint without an address",
        '    base_url: "https://api.acme.test/v1"\n',
        "",
        "5: upstreams.vendor.base_url: got nothing; want the address of the endpoint",
    ),
    Slip(
        "a section where a list belongs",
        "fallbacks: [own]",
        "fallbacks: {own: 1}",
        "23: processes.customer-messages.fallbacks: got a section; want a list such as [one, two]",
    ),
    Slip(
        "the same name twice",
        "    midstream: stop",
        "    rto: 10m",
        "24: processes.customer-messages.rto: got the same name twice; want each name once",
    ),
    Slip(
        "text that is not YAML",
        "[billing, claim]",
        "[billing, claim",
        "28: the file: got expected ',' or ']', but got ':'; want valid YAML",
    ),
    Slip(
        "nesting that would exhaust the stack",
        "domicile: NL",
        "domicile: " + "[" * 30 + "]" * 30,
        "1: organisation.domicile" + ".0" * 19 + ": got a very deep nesting; want at most 20 levels",
    ),
)


def refused(tmp_path: Path, text: str) -> ConfigError:
    """The error that this configuration leads to."""
    file = tmp_path / "switchover.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(str(file))
    return caught.value


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip.name)
def test_a_wrong_configuration_is_refused_with_its_line_and_the_mend(slip: Slip, tmp_path: Path) -> None:
    assert GOOD.count(slip.old) == 1
    error = refused(tmp_path, GOOD.replace(slip.old, slip.new))
    assert str(error) == f"{tmp_path / 'switchover.yaml'}:{slip.message}"


def test_the_file_that_all_slips_start_from_is_valid(tmp_path: Path) -> None:
    file = tmp_path / "switchover.yaml"
    file.write_text(GOOD, encoding="utf-8")
    assert list(load(str(file)).processes) == ["customer-messages"]


def test_a_key_in_the_file_is_refused_and_never_shown(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD.replace("env:VENDOR_KEY", "sk-canary-0123456789"))
    assert str(error) == (
        f"{tmp_path / 'switchover.yaml'}:8: upstreams.vendor.key: got something else; "
        "want env:NAME or file:PATH, never the key itself"
    )
    assert "canary" not in repr(error)


def test_a_file_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.yaml")
    with pytest.raises(ConfigError) as caught:
        load(missing)
    assert str(caught.value) == (
        f"{missing}: got No such file or directory; want a configuration; `switchover init` drafts one"
    )


def test_an_empty_file_says_what_belongs_in_it(tmp_path: Path) -> None:
    assert "got an empty file; want upstreams and processes; `switchover init` drafts them" in str(
        refused(tmp_path, "# nothing yet\n")
    )


def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    assert "switchover.yaml:1: the file: got a list; want a section of names and values" in str(
        refused(tmp_path, "- organisation\n")
    )


def test_bytes_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "switchover.yaml"
    file.write_bytes(b"organisation: \xff\xfe")
    with pytest.raises(ConfigError, match=r"got bytes that are not UTF-8; want a UTF-8 text file$"):
        load(str(file))


def test_a_huge_file_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    error = refused(tmp_path, "#" * ((1 << 20) + 1))
    assert str(error).endswith(f"got {(1 << 20) + 1} bytes; want at most {1 << 20} bytes")


def test_a_tag_that_would_make_objects_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD.replace("domicile: NL", "domicile: !!python/name:os.system NL"))
    assert error.line == 1
    assert error.want == "a plain YAML value"
