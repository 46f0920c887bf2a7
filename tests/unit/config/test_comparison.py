from __future__ import annotations

import pytest

from switchover.config.comparison import Comparison, comparison
from switchover.config.load import load
from switchover.errors import ConfigError

CONFIGURATION = """
organisation: {domicile: NL}
upstreams:
  big: {kind: openai, model: big, developer: own, host: own, base_url: "http://127.0.0.1:9/v1"}
processes:
  mail:
    owner: head
    criticality: ordinary
    data: internal
    baseline: big
    rehearse:
      grader: label
      labels: [a, b]
      slices:
        complaints: metadata.kind == "complaint"
        SLICE
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('metadata.kind == "complaint"', Comparison("metadata.kind", "==", "complaint")),
        ("metadata.kind=='complaint'", Comparison("metadata.kind", "==", "complaint")),
        ('metadata.kind != ""', Comparison("metadata.kind", "!=", "")),
        ("temperature == 0.5", Comparison("temperature", "==", "0.5")),
        ("stream == true", Comparison("stream", "==", "true")),
        ("metadata.amount > 1000", Comparison("metadata.amount", ">", "1000")),
        ("words >= 200", Comparison("words", ">=", "200")),
        ("tools exists", Comparison("tools", "exists")),
        ("metadata.kind in [\"a, b\", 'c', 3]", Comparison("metadata.kind", "in", among=("a, b", "c", "3"))),
        ('messages.0.content matches "^You are"', Comparison("messages.0.content", "matches", "^You are")),
    ],
)
def test_a_slice_is_one_comparison(text, told):
    assert comparison(text) == told


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("everything", "a comparison such as"),
        ('__import__("os") == "x"', "a comparison such as"),
        ("a == b", "a text in quotes after =="),
        ('a == "b" or 1', "a text in quotes after =="),
        ('amount > "much"', "a number after >"),
        ("tools exists not", "nothing after exists"),
        ("kind in []", "a list after in"),
        ('kind in ["a" "b"]', "a list after in"),
        ('kind in "a"', "a list after in"),
        ('text matches "(?=a)"', "without look-around"),
        ('text matches "("', "without look-around"),
        (f'text matches "{"a" * 501}"', "at most 500 characters"),
    ],
)
def test_what_is_no_comparison_says_what_is_wanted(text, want):
    with pytest.raises(ValueError, match=want.replace("(", r"\(")):
        comparison(text)


def loaded(tmp_path, line):
    file = tmp_path / "switchover.yaml"
    file.write_text(CONFIGURATION.replace("SLICE", line))
    return load(str(file))


def test_a_slice_may_be_told_only_and_have_a_margin_of_its_own(tmp_path):
    settings = loaded(tmp_path, 'long: {where: "words > 200", critical: false, margin: 0.2}')
    complaints, long = settings.processes["mail"].rehearse.slices
    assert (complaints.critical, complaints.margin) == (True, None)
    assert (long.how, long.equals, long.critical, long.margin) == (">", "200", False, 0.2)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("vip: tools exist", "16: processes.mail.rehearse.slices.vip: got tools exist; want a comparison"),
        ("vip: {critical: false}", "16: processes.mail.rehearse.slices.vip.where: got nothing; want a value for where"),
        ("vip: [1]", "16: processes.mail.rehearse.slices.vip"),
    ],
)
def test_a_wrong_slice_is_told_at_its_line(tmp_path, line, said):
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, line)
    assert said in str(raised.value)
