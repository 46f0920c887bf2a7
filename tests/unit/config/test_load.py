from __future__ import annotations

import math
from pathlib import Path

import pytest

from switchover.config import load
from switchover.config.schema import SECTIONS
from switchover.config.values import seconds
from switchover.domain.personal import Privacy
from switchover.domain.process import (
    Bodies,
    Criticality,
    DataClass,
    Listen,
    Logging,
    Midstream,
    Recording,
    Settings,
    Tracing,
)
from switchover.errors import ConfigError

LEAST = """\
organisation: {domicile: NL}
upstreams:
  vendor: {kind: openai, base_url: "http://127.0.0.1:9100/v1", model: big-1, developer: openai, host: openai}
processes:
  claims: {owner: head-of-claims, criticality: important, data: internal, baseline: vendor}
"""


def loaded(folder: Path, text: str = LEAST) -> Settings:
    """The settings of a file with this text in ``folder``."""
    file = folder / "switchover.yaml"
    file.write_text(text, encoding="utf-8")
    return load(str(file))


def test_what_is_left_out_has_the_documented_default(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    assert settings.gateway == Listen(host="127.0.0.1", port=8080, workers=1)
    assert settings.data_dir == str(tmp_path / "switchover-data")
    assert settings.database == f"sqlite:///{tmp_path / 'switchover-data' / 'store.sqlite'}"
    assert settings.upstreams["vendor"].window is None
    assert settings.upstreams["vendor"].slots == 1
    assert settings.log == Logging(format="auto", level="info", requests="failed")
    assert settings.traces is None


def test_how_personal_data_is_found_and_exchanges_are_kept_is_read(tmp_path: Path) -> None:
    plain = loaded(tmp_path)
    assert plain.privacy == Privacy(countries=("NL",))
    assert (plain.processes["claims"].recording, plain.processes["claims"].detect) == (Recording(), None)
    more = "privacy: {countries: [BE, FR], classes: {card: internal}, without: [phone], presidio: {languages: [nl]}}\n"
    settings = loaded(tmp_path, LEAST.replace("baseline:", "recording: redacted, detect: true, baseline:") + more)
    assert settings.privacy == Privacy(
        countries=("BE", "FR"), classes={"card": DataClass.INTERNAL}, without=("phone",), presidio=("nl",)
    )
    claims = settings.processes["claims"]
    assert (claims.recording, claims.detect) == (Recording(bodies=Bodies.REDACTED), True)


def test_where_spans_go_and_what_is_logged_are_read(tmp_path: Path) -> None:
    more = "log: {format: json, level: warning, requests: none}\ntraces:\n  endpoint: http://127.0.0.1:4318\n"
    more += "  headers: {x-key: 'file:keys/collector', x-tenant: env:TENANT}\n  sample: 0.1\n  pass_to: [vendor]\n"
    settings = loaded(tmp_path, LEAST + more)
    assert settings.log == Logging(format="json", level="warning", requests="none")
    assert settings.traces == Tracing(
        endpoint="http://127.0.0.1:4318",
        headers={"x-key": f"file:{tmp_path / 'keys' / 'collector'}", "x-tenant": "env:TENANT"},
        sample=0.1,
        pass_to=("vendor",),
    )


@pytest.mark.parametrize(
    ("address", "more", "speaks"),
    [
        ("http://127.0.0.1:9100/v1", "", "chat"),
        ("https://api.openai.com/v1", "", "both"),
        ("https://api.openai.com/v1", "speaks: chat, ", "chat"),
        ("https://api.openai.com.example/v1", "", "chat"),
        ("http://127.0.0.1:9100/v1", "speaks: responses, ", "responses"),
    ],
)
def test_an_endpoint_speaks_responses_at_openai_or_if_told(
    tmp_path: Path, address: str, more: str, speaks: str
) -> None:
    text = LEAST.replace("http://127.0.0.1:9100/v1", address).replace("kind: openai, ", f"kind: openai, {more}")
    assert loaded(tmp_path, text).upstreams["vendor"].speaks == speaks


def test_other_kinds_have_nothing_to_choose(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"upstreams\.vendor\.speaks"):
        loaded(tmp_path, LEAST.replace("kind: openai, ", "kind: anthropic, speaks: both, "))


def test_a_process_has_the_documented_defaults(tmp_path: Path) -> None:
    process = loaded(tmp_path).processes["claims"]
    assert (process.criticality, process.data) == (Criticality.IMPORTANT, DataClass.INTERNAL)
    assert process.routes == ("claims",)
    assert (process.rto, process.first_content_timeout) == (300.0, 30.0)
    assert process.midstream is Midstream.STOP
    assert (process.fallbacks, process.allow, process.rehearse) == ((), {}, None)
    assert process.accept_provisional is False


def test_a_rehearsal_has_the_defaults_of_the_verdict(tmp_path: Path) -> None:
    text = LEAST.replace("baseline: vendor", "baseline: vendor, rehearse: {grader: label, labels: [a, b]}")
    terms = loaded(tmp_path, text).processes["claims"].rehearse
    assert terms is not None
    assert (terms.margin, terms.slice_margin, terms.alpha, terms.beta) == (0.05, 0.10, 0.05, 0.20)
    assert (terms.half_life, terms.hold, terms.budget_calls) == (30.0, 30.0, 1000)
    assert terms.settings == {"labels": ["a", "b"], "aliases": {}}


def test_durations_become_days_in_the_terms_and_seconds_elsewhere(tmp_path: Path) -> None:
    text = LEAST.replace(
        "baseline: vendor", "rto: 1.5h, baseline: vendor, rehearse: {grader: json_fields, half_life: 14d}"
    )
    process = loaded(tmp_path, text).processes["claims"]
    assert process.rto == 5400.0
    assert process.rehearse is not None
    assert process.rehearse.half_life == 14.0


def test_settings_of_graders_are_those_that_were_set(tmp_path: Path) -> None:
    (tmp_path / "claim.json").write_text('{"type": "object"}', encoding="utf-8")
    for section, settings in (
        ("grader: exact", {}),
        ("grader: exact, decimal: ','", {"decimal": ","}),
        ("grader: json_fields, tolerance: {a: 0.01}", {"must_match": [], "tolerance": {"a": 0.01}, "version": 3}),
        (
            "grader: json_fields, schema: file:claim.json, tolerance: {d: {days: 2}}, keys: {lines: sku}",
            {
                "must_match": [],
                "tolerance": {"d": {"days": 2.0}},
                "keys": {"lines": "sku"},
                "schema": {"type": "object"},
                "version": 3,
            },
        ),
        ("grader: tool_calls, order: strict", {"tolerance": {}, "order": "strict", "version": 2}),
        ("grader: text, checks: {no_refusal: true, length: {most_words: 5}}",
         {"checks": {"no_refusal": True, "length": {"most_words": 5}}}),
        ("grader: checks, schema: {type: array}", {"schema": {"type": "array"}}),
    ):  # fmt: skip
        text = LEAST.replace("baseline: vendor", f"baseline: vendor, rehearse: {{{section}}}")
        terms = loaded(tmp_path, text).processes["claims"].rehearse
        assert terms is not None
        assert terms.settings == settings


def test_relative_folders_are_taken_from_the_files_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    loaded(tmp_path, "data: ./records\n" + LEAST.replace("model: big-1", "model: big-1, key: file:keys/vendor"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    settings = load("../switchover.yaml")
    assert settings.data_dir == str(tmp_path / "records")
    assert settings.upstreams["vendor"].key == f"file:{tmp_path / 'keys' / 'vendor'}"


def test_our_own_machine_is_at_home_where_the_organisation_is(tmp_path: Path) -> None:
    assert loaded(tmp_path).providers["own"].home == "NL"


def test_a_provider_in_the_file_goes_before_the_facts_we_ship(tmp_path: Path) -> None:
    provider = loaded(tmp_path, "providers: {openai: {home: IE, parent: openai-inc, parent_home: US}}\n" + LEAST)
    assert (provider.providers["openai"].home, provider.providers["openai"].parent_home) == ("IE", "US")


def test_an_upstream_may_be_allowed_by_its_hosts_home(tmp_path: Path) -> None:
    text = LEAST.replace("host: openai", "host: scaleway").replace(
        "baseline: vendor", 'baseline: vendor, allow: {internal: ["host-home": EU]}'
    )
    settings = loaded(tmp_path, text.replace('"host-home": EU', "{host-home: EU}"))
    assert settings.processes["claims"].allow == {DataClass.INTERNAL: ("host-home:EU",)}


@pytest.mark.parametrize(
    ("text", "expected"), [("250ms", 0.25), ("5m", 300.0), ("1.5h", 5400.0), ("30d", 2592000.0), (45, 45.0)]
)
def test_a_duration_is_read_as_seconds(text: object, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ["4 hrs", "h", "-5m", "", True, None, [5], math.inf, math.nan, 10**400, f"1{'0' * 400}d"]
)
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="a duration such as 4h"):
        seconds(text)


def test_every_setting_describes_itself() -> None:
    undescribed = [
        f"{section.__name__}.{name}"
        for section in SECTIONS
        for name, field in section.model_fields.items()
        if not (field.description or "").endswith(".")
    ]
    assert undescribed == []
