"""``switchover exchanges show`` says what of an exchange is kept, and what is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from switchover import cli
from switchover.config import load
from switchover.domain.exchange import Exchange
from switchover.domain.process import Bodies, DataClass
from switchover.store import Store
from switchover.store.indexing import save_exchanges
from switchover.testing.builders import make_exchange

CONFIGURATION = """\
organisation: {domicile: NL}
providers: {acme: {home: US}}
upstreams:
  vendor: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: big-1, developer: acme, host: acme}
processes:
  claims: {owner: head-of-claims, criticality: important, data: internal, baseline: vendor, recording: redacted}
"""


def shown(folder: Path, capsys: pytest.CaptureFixture[str], **changes: object) -> str:
    file = folder / "switchover.yaml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    settings = load(str(file))
    Path(settings.data_dir).mkdir(exist_ok=True)
    kept: Exchange = replace(make_exchange("I am [e-mail 1]", "Hello [e-mail 1]"), **changes)
    with Store.open(settings.database) as store:
        save_exchanges(store, [kept])
    with pytest.raises(SystemExit) as ended:
        cli.main(("exchanges", "show", kept.id, "--config", str(file)))
    assert ended.value.code in (None, 0)
    return capsys.readouterr().out


def test_a_redacted_exchange_is_shown_with_its_placeholders_and_what_is_missing(tmp_path, capsys):
    told = shown(tmp_path, capsys, bodies=Bodies.REDACTED, dropped=("recorded.image",), data=DataClass.SECRET)
    assert "I am [e-mail 1]" in told
    assert "left out of the record: image" in told
    assert "data: found to be secret" in told


def test_an_exchange_of_which_no_bodies_are_kept_says_so(tmp_path, capsys):
    told = shown(tmp_path, capsys, bodies=Bodies.METADATA, request=b"", answer=b"")
    assert "No request and no answer is kept of it" in told
    assert "--- request ---" not in told
