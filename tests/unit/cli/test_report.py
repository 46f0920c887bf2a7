"""``switchover report``: looking changes nothing, issuing keeps what people are given, byte for byte."""

from __future__ import annotations

import hashlib
import json
import sys

import pytest

from switchover import cli

CONFIGURATION = """\
organisation: {name: Acme Insurance, domicile: NL}
providers: {acme: {home: US}}
upstreams:
  vendor: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: big-1, developer: acme, host: acme}
processes:
  claims: {owner: o, criticality: critical, data: internal, baseline: vendor}
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a command: its exit code, what it printed, and what it complained about."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "switchover.yaml").write_text(CONFIGURATION)

    def ran(*words):
        try:
            cli.main(words)
            code = 0
        except SystemExit as left:
            code = left.code or 0
        out, err = capsys.readouterr()
        return code, out, err

    return ran


def test_a_report_is_issued_kept_byte_for_byte_and_the_next_says_what_changed_since(run, tmp_path):
    code, out, err = run("report", "issue", "--html", "a.html", "--pdf", "a.pdf", "--json")
    assert (code, err) == (0, "")
    name = json.loads(out)["id"]
    assert run("report", "save", name, "--html", "b.html", "--pdf", "b.pdf")[0] == 0
    for kind in ("html", "pdf"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    page = (tmp_path / "a.html").read_text()
    assert "Acme Insurance" in page
    assert f"report {name}" in page
    assert "No report was issued before this one." in page
    (listed,) = json.loads(run("report", "list", "--json")[1])
    digest = hashlib.sha256((tmp_path / "a.pdf").read_bytes()).hexdigest()
    assert (listed["id"], listed["pdf_sha256"]) == (name, digest)
    newest = json.loads(run("evidence", "log", "--last", "1", "--json")[1])[-1]
    assert (newest["event"], newest["id"], newest["pdf_sha256"], newest["by"]) == (
        "report issued",
        name,
        digest,
        "local",
    )
    assert run("evidence", "verify")[0] == 0
    # Looking keeps nothing, so that the next one is held against what was issued.
    code, out, _ = run("report", "--html", "c.html")
    assert (code, f"What changed since {name} of" in out, "No process stands otherwise." in out) == (0, True, True)
    looked = (tmp_path / "c.html").read_text()
    assert f"Since report {name} of" in looked
    assert "not issued" in looked
    assert len(json.loads(run("report", "list", "--json")[1])) == 1


def test_a_report_that_was_never_issued_is_named(run):
    for words in (("save", "report-0", "--html", "x.html"), ("--since", "report-0")):
        code, _, err = run("report", *words)
        assert (code, "there is no report 'report-0'" in err, "switchover report list" in err) == (1, True, True)
    assert "No report was issued yet" in run("report", "list")[1]


def test_a_stand_in_that_is_no_upstream_is_named(run):
    code, _, err = run("report", "--simulated", "nobody")
    assert (code, "there is no upstream 'nobody'" in err, "use one of vendor" in err) == (1, True, True)


def test_without_typst_a_pdf_says_how_to_get_it_and_the_page_is_issued_all_the_same(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "typst", None)
    for words in ((), ("issue",)):
        code, _, err = run("report", *words, "--pdf", "a.pdf")
        assert (code, "pip install 'switchover[report]'" in err) == (1, True)
    assert "No report was issued yet" in run("report", "list")[1]
    code, out, _ = run("report", "issue")
    assert (code, "as a page; a PDF needs switchover[report]" in out) == (0, True)
    name = json.loads(run("report", "list", "--json")[1])[0]["id"]
    code, _, err = run("report", "save", name, "--pdf", "a.pdf")
    assert (code, f"no PDF was made of {name}" in err) == (1, True)
