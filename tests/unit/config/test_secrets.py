from __future__ import annotations

from pathlib import Path

import pytest

from switchover.config import resolve
from switchover.errors import ConfigError


def key_file(folder: Path, text: str, mode: int = 0o600) -> str:
    """A key file in ``folder``; its name."""
    path = folder / "vendor.key"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path.name


def test_a_key_is_read_from_the_environment(tmp_path: Path) -> None:
    assert resolve("env:VENDOR_KEY", str(tmp_path), {"VENDOR_KEY": "k-1"}).reveal() == "k-1"


@pytest.mark.parametrize("env", [{}, {"VENDOR_KEY": ""}])
def test_a_variable_that_is_not_set_is_named(env: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve("env:VENDOR_KEY", str(tmp_path), env)
    assert str(caught.value) == ("key env:VENDOR_KEY: got nothing; want the environment variable VENDOR_KEY to be set")


def test_a_key_is_read_from_a_file_beside_the_configuration_without_its_line_end(tmp_path: Path) -> None:
    assert resolve(f"file:{key_file(tmp_path, 'k-2' + chr(10))}", str(tmp_path), {}).reveal() == "k-2"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_file_that_others_may_read_is_refused_with_the_command_that_mends_it(mode: int, tmp_path: Path) -> None:
    name = key_file(tmp_path, "k-canary", mode)
    with pytest.raises(ConfigError) as caught:
        resolve(f"file:{name}", str(tmp_path), {})
    assert caught.value.want == "chmod 600 vendor.key"
    assert "canary" not in str(caught.value)


def test_a_key_file_that_is_not_there_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        resolve("file:none.key", str(tmp_path), {})
    with pytest.raises(ConfigError, match="an empty file"):
        resolve(f"file:{key_file(tmp_path, chr(10))}", str(tmp_path), {})


def test_a_key_given_in_place_of_a_reference_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve("sk-canary-0123456789", str(tmp_path), {})
    assert "canary" not in str(caught.value)


def test_a_key_file_that_is_no_text_is_refused_without_its_bytes(tmp_path: Path) -> None:
    name = key_file(tmp_path, "")
    (tmp_path / name).write_bytes(b"k-canary\xff")
    with pytest.raises(ConfigError, match="bytes that are no text") as refused:
        resolve(f"file:{name}", str(tmp_path), {})
    assert refused.value.__cause__ is None
    assert "canary" not in str(refused.value)


def test_a_secret_never_shows_itself() -> None:
    secret = resolve("env:K", ".", {"K": "k-canary"})
    assert [repr(secret), str(secret), f"{secret}", f"{secret!r}", "%s" % (secret,)] == ["***"] * 5  # noqa: UP031
    assert "canary" not in repr({"key": secret})
