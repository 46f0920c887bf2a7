"""``switchover explain`` says who may go on with an answer that broke off, and why the others end it in an error."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from switchover import cli
from switchover.config import load
from switchover.domain.candidate import Continuation
from switchover.store import Store
from switchover.store.prompt_versions import save_prompt_version
from switchover.store.proofs import save_proof
from switchover.testing.builders import make_prompt_version, make_proof

CONFIGURATION = """\
organisation: {domicile: NL}
providers: {acme: {home: US}, other: {home: NL}}
upstreams:
  vendor: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: big-1, developer: acme, host: acme}
  backup: {kind: openai, base_url: "http://127.0.0.1:8/v1", model: big-2, developer: other, host: other}
processes:
  claims:
    {owner: head-of-claims, criticality: important, data: internal, baseline: vendor, fallbacks: [backup],
     midstream: MODE}
"""


def explained(folder: Path, capsys: pytest.CaptureFixture[str], *, mode: str = "continue", **proven: object) -> str:
    """What is printed, with a proof of the backup that is in date."""
    (folder / "switchover.yaml").write_text(CONFIGURATION.replace("MODE", mode), encoding="utf-8")
    settings = load(str(folder / "switchover.yaml"))
    Path(settings.data_dir).mkdir(exist_ok=True)
    version = make_prompt_version("claims", "backup")
    now = time.time()
    known = settings.upstreams
    proof = make_proof(known["backup"], version, known["vendor"], made_at=now, expires_at=now + 3600)
    with Store.open(settings.database) as store:
        save_prompt_version(store, version)
        save_proof(store, replace(proof, **proven))
    with pytest.raises(SystemExit) as ended:
        cli.main(("explain", "claims", "--config", str(folder / "switchover.yaml")))
    assert ended.value.code in (None, 0)
    return capsys.readouterr().out


def test_a_replacement_that_was_shown_to_go_on_is_named_with_its_way(tmp_path, capsys):
    told = explained(tmp_path, capsys, continuation=Continuation.PREFILL, continues_until=4e9)
    assert "may continue a broken answer, by prefill, shown until 2096-10-02" in told


def test_one_that_was_not_shown_to_go_on_ends_it_in_an_error(tmp_path, capsys):
    told = explained(tmp_path, capsys)
    assert "continues no answer, so that a broken one ends in an error" in told
    assert "its proof has no cut-and-continue cases" in told


def test_nothing_is_said_of_it_where_answers_are_not_continued(tmp_path, capsys):
    told = explained(tmp_path, capsys, mode="stop", continuation=Continuation.PREFILL, continues_until=4e9)
    assert "backup (big-2)" in told
    assert "continue" not in told


def test_a_class_that_is_supposed_to_be_in_the_request_takes_away_who_may_not_see_it(tmp_path, capsys):
    file = tmp_path / "switchover.yaml"
    file.write_text(CONFIGURATION.replace("midstream: MODE", "allow: {secret: [backup]}"), encoding="utf-8")
    for words, code, said in (
        ((), 0, "1. vendor (big-1): the baseline"),
        (("--data", "confidential"), 0, "with confidential data in the request"),
        (("--data", "secret"), 3, "vendor: the data policy keeps secret data from it"),
        (("--data", "most"), 1, "use one of public, internal, confidential, secret"),
    ):
        with pytest.raises(SystemExit) as ended:
            cli.main(("explain", "claims", *words, "--config", str(file)))
        assert (ended.value.code or 0) == code
        told = capsys.readouterr()
        assert said in told.out + told.err
