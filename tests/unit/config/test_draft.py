from __future__ import annotations

from pathlib import Path

import pytest

from switchover.config import load
from switchover.config.draft import KNOWN, draft
from switchover.domain.process import Settings


def drafted(folder: Path, env: dict[str, str], domicile: str = "NL") -> Settings:
    """The settings that a draft for this environment leads to."""
    file = folder / "switchover.yaml"
    file.write_text(draft(env, domicile), encoding="utf-8")
    return load(str(file))


@pytest.mark.parametrize("name", [*sorted(KNOWN), "NONE"])
def test_a_draft_is_valid_whatever_key_is_found(name: str, tmp_path: Path) -> None:
    settings = drafted(tmp_path, {name: "k-canary"})
    assert set(settings.upstreams) >= {"own", "student"}
    assert len(settings.processes) == 1


def test_a_draft_with_all_keys_names_one_upstream_for_each(tmp_path: Path) -> None:
    settings = drafted(tmp_path, dict.fromkeys(KNOWN, "k"), "DE")
    assert len(settings.upstreams) == len(KNOWN) + 2
    assert settings.organisation == {"domicile": "DE"}


def test_a_draft_names_the_variable_and_never_its_value() -> None:
    text = draft({"OPENAI_API_KEY": "k-canary"}, "NL")
    assert "env:OPENAI_API_KEY" in text
    assert "canary" not in text


def test_a_draft_uses_no_more_than_the_keys_that_are_set(tmp_path: Path) -> None:
    settings = drafted(tmp_path, {"MISTRAL_API_KEY": "k", "OPENAI_API_KEY": ""})
    assert settings.upstreams["mistral"].key == "env:MISTRAL_API_KEY"
    assert "openai" not in settings.upstreams


def test_a_draft_says_that_a_proxy_of_the_environment_is_not_obeyed(tmp_path: Path) -> None:
    env = {"HTTPS_PROXY": "http://u:canary@proxy.test:3128", "https_proxy": "http://proxy.test:3128"}
    assert drafted(tmp_path, env).egress.proxy is None
    text = draft(env, "NL")
    assert text.count("is set, and not obeyed") == 1
    assert "proxy.test" not in text
    (tmp_path / "switchover.yaml").write_text(text.replace("# egress", "egress"), encoding="utf-8")
    assert load(str(tmp_path / "switchover.yaml")).egress.proxy == "http://proxy.example:3128"
