"""Two secrets are valid while a rotation is under way and for a while after; one before, and one then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from annotator.errors import OnetagError
from annotator.settings import Settings, load_settings, save_credentials
from annotator.shared_secret import (
    begin_rotation,
    finish_rotation,
    is_under_way,
    take_back,
    valid_secrets,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    save_credentials(tmp_path, secret="first")
    return load_settings(data_dir=tmp_path)


def valid(settings: Settings, hours: float = 0) -> list[str]:
    secrets = valid_secrets(settings, datetime.now(UTC) + timedelta(hours=hours))
    return [secret.get_secret_value() for secret in secrets]


def test_the_old_one_holds_until_all_have_the_new_one_and_then_for_as_long_as_was_said(
    settings: Settings,
) -> None:
    assert valid(settings) == ["first"]
    new = begin_rotation(settings).get_secret_value()
    assert is_under_way(settings)
    assert valid(settings, hours=1e5) == [new, "first"]
    until = finish_rotation(settings, timedelta(hours=2))
    assert timedelta(hours=1.9) < until - datetime.now(UTC) <= timedelta(hours=2)
    assert not is_under_way(settings)
    assert valid(settings, hours=1.9) == [new, "first"]
    assert valid(settings, hours=2.1) == [new]


def test_a_rotation_that_is_under_way_goes_on_with_the_same_secret(settings: Settings) -> None:
    assert begin_rotation(settings) == begin_rotation(settings)


def test_at_most_two_are_valid(settings: Settings) -> None:
    for _ in range(3):
        before = valid(settings)[0]
        new = begin_rotation(settings).get_secret_value()
        finish_rotation(settings, timedelta(hours=1))
        assert valid(settings) == [new, before]


def test_one_that_is_taken_back_is_valid_no_more(settings: Settings) -> None:
    begin_rotation(settings)
    take_back(settings)
    assert valid(settings) == ["first"]
    assert not is_under_way(settings)


@pytest.mark.parametrize("until", ["", "soon", "2026-01-01", "2026-01-01T00:00:00+00:00"])
def test_an_end_that_is_past_or_cannot_be_read_is_an_end(settings: Settings, until: str) -> None:
    save_credentials(settings.data_dir, previous_secret="old", previous_secret_until=until)
    assert valid(settings) == ["first"]


def test_a_secret_of_the_environment_is_not_the_data_folders_to_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_credentials(tmp_path, secret="kept", previous_secret="old", previous_secret_until="under way")
    monkeypatch.setenv("ONETAG_SECRET", "given")
    settings = load_settings(data_dir=tmp_path)
    assert valid_secrets(settings) == (SecretStr("given"),)
    with pytest.raises(OnetagError, match="ONETAG_SECRET"):
        begin_rotation(settings)


def test_without_a_secret_there_is_none_to_rotate(tmp_path: Path) -> None:
    assert valid_secrets(load_settings(data_dir=tmp_path)) == ()
    with pytest.raises(OnetagError, match="no secret yet"):
        begin_rotation(load_settings(data_dir=tmp_path))
