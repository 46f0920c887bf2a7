"""A judge of a third family that may see the data, a hook that is there, a share of labels; or an error at its line."""

from __future__ import annotations

import pytest

from switchover.config import load
from switchover.domain.candidate import grader_id
from switchover.domain.judge import RUBRIC
from switchover.errors import ConfigError

FILE = """\
organisation: {domicile: NL}
providers: {acme: {home: US}, newlab: {home: DE}, thirdhouse: {home: US}}
upstreams:
  vendor: {kind: openai, base_url: "https://a.test/v1", model: claude-9, developer: acme, host: acme}
  other: {kind: openai, base_url: "https://b.test/v1", model: llama-7-8b, developer: newlab, host: newlab}
  judge: {kind: openai, base_url: "https://c.test/v1", model: mistral-9, developer: thirdhouse, host: thirdhouse}
processes:
  answers:
    owner: head-of-service
    criticality: important
    data: internal
    baseline: vendor
    fallbacks: [other]
    rehearse: TERMS
"""
AT = "switchover.yaml:14: processes.answers.rehearse."


@pytest.fixture
def terms(tmp_path):
    def read(line, **edits):
        text = FILE.replace("TERMS", line)
        for old, new in edits.values():
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "switchover.yaml").write_text(text, encoding="utf-8")
        return load(str(tmp_path / "switchover.yaml"), {}).processes["answers"].rehearse

    read.folder = tmp_path
    return read


def refused(terms, line, **edits):
    with pytest.raises(ConfigError) as caught:
        terms(line, **edits)
    return str(caught.value).removeprefix(f"{terms.folder}/")


def test_a_judge_is_named_by_its_model_its_prompt_its_rubric_and_its_share_of_labels(terms):
    plain = terms("{grader: rubric, judge: judge}")
    assert (plain.judge, plain.labels_share, plain.label_budget) == ("judge", 0.5, 120)
    assert plain.settings["rubric"] == RUBRIC
    (terms.folder / "rubric.txt").write_text("1: polite.\n", encoding="utf-8")
    others = [
        terms("{grader: rubric, judge: judge, rubric: 'file:rubric.txt'}"),
        terms("{grader: rubric, judge: judge, labels_share: 0.25}"),
        terms("{grader: rubric, judge: judge}", model=("mistral-9", "mistral-10")),
    ]
    assert others[0].settings["rubric"] == "1: polite."
    assert len({grader_id(one) for one in (plain, *others)}) == 4
    # Where the judge's key lies changes nothing of what it says.
    assert grader_id(plain) == grader_id(
        terms("{grader: rubric, judge: judge}", key=("model: mis", "key: env:K, model: mis"))
    )


@pytest.mark.parametrize(
    ("edits", "got"),
    [
        ({"by": ("developer: thirdhouse", "developer: acme")}, "judge, by acme as is vendor"),
        ({"by": ("developer: thirdhouse", "developer: newlab")}, "judge, by newlab as is other"),
        ({"of": ("mistral-9", "claude-8")}, "judge (claude-8), of the family of vendor (claude-9)"),
        ({"of": ("mistral-9", "meta/llama-7-70b")}, "judge (meta/llama-7-70b), of the family of other (llama-7-8b)"),
        ({"of": ("mistral-9", "mix-1, answers_as: [llama]")}, "judge (mix-1), of the family of other (llama-7-8b)"),
    ],
)
def test_a_judge_of_the_family_of_any_that_it_judges_is_refused_at_its_line(terms, edits, got):
    want = "a judge of another developer and family than any that it judges"
    assert refused(terms, "{grader: rubric, judge: judge}", **edits) == f"{AT}judge: got {got}; want {want}"


def test_a_judge_that_may_not_see_the_data_is_refused(terms):
    said = refused(
        terms,
        "{grader: rubric, judge: judge}",
        allow=("data: internal", "data: internal\n    allow: {internal: [vendor, other]}"),
    )
    assert "got judge, which may not see internal data; want judge (or its host's home) under allow.internal" in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{grader: rubric}", "judge: got nothing; want the upstream that judges: one of judge, other, vendor"),
        ("{grader: rubric, judge: me}", "judge: got me; want the upstream that judges: one of judge, other, vendor"),
        (
            "{grader: label, labels: [a, b], judge: judge}",
            "judge: got a setting of rubric; want nothing: the grader is label",
        ),
        (
            "{grader: human, labels_share: 0.5}",
            "labels_share: got a setting of rubric; want nothing: the grader is human",
        ),
        (
            "{grader: rubric, judge: judge, labels_share: 0.05}",
            "labels_share: got 0.05; want 0, or a share of 0.1 to 1",
        ),
        ("{grader: rubric, judge: judge, rubric: 'file:none'}", "rubric: got file:none; want a readable text file"),
        ("{grader: rubric, judge: judge, rubric: ' '}", "rubric: got 1 characters; want 1 to 20000 characters"),
        ("{grader: hook}", "hook: got nothing; want file:PATH.py:function or module:function"),
        ("{grader: hook, hook: 'file:none.py:f'}", "hook: got file:none.py:f; want a readable file: No such file"),
        (
            "{grader: hook, hook: 'no.such:f'}",
            "hook: got no.such:f; want file:PATH.py:function or module:function, of a module that can",
        ),
        ("{grader: hook, hook: 'json.py'}", "hook: got json.py; want file:PATH.py:function or module:function"),
    ],
)
def test_what_is_wrong_with_who_grades_is_said_at_its_line(terms, line, said):
    assert refused(terms, line).startswith(f"{AT}{said}")


def test_a_hook_is_named_by_its_content_wherever_it_lies(terms):
    file = terms.folder / "mine.py"
    file.write_text("def score(a, r, q): return 1\n", encoding="utf-8")
    first = terms("{grader: hook, hook: 'file:mine.py:score'}")
    assert first.hook_file == str(file.resolve())
    assert grader_id(first) == grader_id(terms("{grader: hook, hook: 'mine:score'}"))
    assert grader_id(first) != grader_id(terms("{grader: hook, hook: 'mine:score', hook_by_merit: true}"))
    file.write_text("def score(a, r, q): return 0\n", encoding="utf-8")
    assert grader_id(first) != grader_id(terms("{grader: hook, hook: 'mine:score'}"))
    assert terms("{grader: hook, hook: 'json.decoder:scanstring'}").hook_file.endswith("json/decoder.py")


def test_people_look_at_every_case_where_they_grade(terms):
    assert terms("{grader: human, label_budget: 30}").labels_share == 1.0
