"""The watch's section and an upstream's date as people write them."""

from __future__ import annotations

import pytest

from switchover.config import load
from switchover.config.values import hours_of
from switchover.config.watching import known_retirements
from switchover.domain.process import Watch
from switchover.errors import ConfigError

PLAIN = """\
organisation: {{domicile: NL}}
watch: {{{watch}}}
upstreams:
  vendor: {{kind: openai, base_url: "https://api.openai.com/v1", model: gpt-5, developer: openai, host: openai{more}}}
processes:
  claims: {{owner: o, criticality: critical, data: internal, baseline: vendor}}
"""


def read(tmp_path, watch="", more=""):
    file = tmp_path / "switchover.yaml"
    file.write_text(PLAIN.format(watch=watch, more=more))
    return load(str(file))


def test_everything_has_a_default_and_can_be_said(tmp_path):
    assert read(tmp_path).watch == Watch()
    said = 'at: "22:30-04:00", calls_per_day: 0, replays_per_day: 60, spend_per_day: 5 USD, rehearse: off'
    assert read(tmp_path, said).watch == Watch(
        begins=81_000, lasts=19_800, calls_per_day=0, replays_per_day=60, spend_per_day=5_000_000, rehearses=False
    )


@pytest.mark.parametrize("written", ["2027-01-31", '"2027-01-31"'])
def test_a_date_may_be_in_quotes_or_not(tmp_path, written):
    assert read(tmp_path, more=f", retires: {written}").upstreams["vendor"].retires == "2027-01-31"


@pytest.mark.parametrize(
    ("watch", "more", "said"),
    [
        ("at: night", "", "watch.at: got night; want hours of the day in quotes, such as 02:00-06:00"),
        ('at: "25:00-26:00"', "", "watch.at"),
        ("at: 02:00", "", "watch.at"),
        ("rehearse: sometimes", "", "watch.rehearse: got sometimes; want one of 'auto' or 'off'"),
        ("spend_per_day: 5", "", "watch.spend_per_day"),
        ("replays_per_day: 0", "", "watch.replays_per_day"),
        ("", ", retires: soon", "upstreams.vendor.retires: got soon; want a date such as 2027-01-31"),
        ("", ", retires: 2027-02-30", "retires"),
        ("", ", retires: 2027-01-31 10:00:00", "retires"),
    ],
)
def test_what_is_wrong_is_said_with_how_to_write_it(tmp_path, watch, more, said):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, watch, more)
    assert said in str(caught.value)


def test_hours_may_last_the_whole_day_and_go_over_midnight():
    assert hours_of("00:00-24:00") == (0.0, 86_400.0)
    assert hours_of("23:00-00:30") == (82_800.0, 5400.0)
    assert hours_of("06:00-06:00") == (21_600.0, 86_400.0)


def test_the_facts_hold_dated_retirements_each_with_its_source():
    found = {one.model: one for one in known_retirements()}
    assert (found["gpt-5"].vendor, found["gpt-5"].day) == ("openai", "2026-12-11")
    assert all(one.source.startswith("https://") for one in found.values())
