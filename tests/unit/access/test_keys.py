from __future__ import annotations

import dataclasses
import stat
from pathlib import Path

import pytest

from switchover.access import check_key, load_pepper, make_key
from switchover.errors import StoreUnavailable

PEPPER = bytes(range(32))


def test_a_key_is_recognised_and_belongs_to_its_process() -> None:
    key, token = make_key("claims", PEPPER, now=1.0)
    found = check_key(token.reveal(), {key.id: key}, PEPPER, 3.0)
    assert found is not None
    assert found.process == "claims"


def test_the_token_is_not_kept() -> None:
    key, token = make_key("claims", PEPPER, now=1.0)
    assert token.reveal().split("_", 2)[2] not in repr(key)
    assert repr(token) == "***"


@pytest.mark.parametrize("change", ["x", "sw_", "", "sw_aaaaaaaa_" + "a" * 43, "sw_aaaaaaaa_" + "a" * 4_000_000])
def test_any_other_token_is_refused(change: str) -> None:
    key, _ = make_key("claims", PEPPER, now=1.0)
    assert check_key(change, {key.id: key}, PEPPER, 3.0) is None


def test_a_changed_secret_a_revoked_key_and_another_pepper_are_refused() -> None:
    key, token = make_key("claims", PEPPER, now=1.0)
    text = token.reveal()
    last = "A" if text[-1] != "A" else "B"
    assert check_key(text[:-1] + last, {key.id: key}, PEPPER, 3.0) is None
    assert check_key(text, {key.id: dataclasses.replace(key, revoked_at=2.0)}, PEPPER, 3.0) is None
    assert check_key(text, {key.id: key}, bytes(32), 3.0) is None


def test_the_pepper_is_made_once_for_us_alone(tmp_path: Path) -> None:
    first = load_pepper(str(tmp_path / "data"))
    assert load_pepper(str(tmp_path / "data")) == first
    assert stat.S_IMODE((tmp_path / "data" / "pepper").stat().st_mode) == 0o600


def test_a_damaged_pepper_is_refused_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "pepper").write_bytes(b"short")
    with pytest.raises(StoreUnavailable, match="damaged"):
        load_pepper(str(tmp_path))
    assert (tmp_path / "pepper").read_bytes() == b"short"
