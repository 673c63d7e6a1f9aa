"""Settings: variables, flags over variables, and credentials that stay with their owner."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from annotator.errors import OnetagError
from annotator.flags import Panel, default_text, flag_of
from annotator.settings import (
    Settings,
    load_credentials,
    load_settings,
    new_secret,
    renewed,
    save_credentials,
    save_missing_credentials,
)


def test_a_flag_wins_over_a_variable_and_a_variable_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().port == 9090
    monkeypatch.setenv("ONETAG_PORT", "9191")
    assert load_settings().port == 9191
    assert load_settings(port=9292).port == 9292
    assert load_settings(port=None).port == 9191


def test_a_wrong_value_is_refused_by_the_name_of_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONETAG_PORT", "ninety")
    with pytest.raises(OnetagError, match="ONETAG_PORT"):
        load_settings()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_is_and_where_it_belongs(name: str) -> None:
    field = Settings.model_fields[name]
    assert str(field.description).endswith(".")
    assert flag_of(field).panel in Panel
    assert default_text(field), "a setting without a value says what holds while it has none"


def test_the_store_is_sqlite_in_the_data_folder_unless_a_url_is_given(tmp_path: Path) -> None:
    assert load_settings(data_dir=tmp_path).store_url == f"sqlite:///{tmp_path / 'onetag.db'}"
    assert load_settings(database_url="postgresql://db/onetag").store_url == "postgresql://db/onetag"


def test_hosts_are_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONETAG_IMAGE_HOSTS", "Images.example, cdn.example,")
    assert load_settings().image_hosts == ("images.example", "cdn.example")


def test_credentials_fill_what_is_unset_and_no_more(tmp_path: Path) -> None:
    save_credentials(tmp_path, secret="kept", label_studio_token="token", password="for people")
    settings = load_settings(data_dir=tmp_path, secret="given")
    assert settings.secret is not None
    assert settings.secret.get_secret_value() == "given"
    assert settings.label_studio_token is not None
    assert settings.label_studio_token.get_secret_value() == "token"


def test_credentials_are_for_their_owner_alone_and_add_up(tmp_path: Path) -> None:
    save_credentials(tmp_path / "data", secret="one")
    assert save_credentials(tmp_path / "data", token="two") == {"secret": "one", "token": "two"}
    assert load_credentials(tmp_path / "data") == {"secret": "one", "token": "two"}
    for file in (tmp_path / "data").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["{", "[]", "\x00"])
def test_a_damaged_credentials_file_is_told_without_its_content(tmp_path: Path, text: str) -> None:
    (tmp_path / "credentials.json").write_text(text)
    with pytest.raises(OnetagError, match=r"credentials\.json"):
        load_settings(data_dir=tmp_path)


@pytest.mark.parametrize("content", [b"", b'{"secret": "ke', b"[]", b"\x00\xff", b"null"])
def test_a_damaged_credentials_file_is_mended_from_its_copy(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    save_credentials(tmp_path, secret="one", label_studio_token="hush")
    (tmp_path / "credentials.json").write_bytes(content)
    settings = load_settings(data_dir=tmp_path)
    assert settings.secret is not None
    assert settings.secret.get_secret_value() == "one"
    assert load_credentials(tmp_path) == {"secret": "one", "label_studio_token": "hush"}
    assert (tmp_path / "credentials.json.damaged").read_bytes() == content
    assert "credentials.json was damaged" in caplog.text
    assert "hush" not in caplog.text
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_a_deleted_credentials_file_does_not_come_back(tmp_path: Path) -> None:
    save_credentials(tmp_path, secret="one")
    (tmp_path / "credentials.json").unlink()
    assert load_settings(data_dir=tmp_path).secret is None


def test_no_secret_shows_in_a_printed_setting() -> None:
    settings = Settings(secret="hush", label_studio_token="hush", database_url="postgresql://me:hush@db/x")
    assert "hush" not in repr(settings)
    assert "hush" not in str(settings)


def test_every_secret_is_new() -> None:
    assert len({new_secret() for _ in range(100)}) == 100


def test_a_data_folder_knows_its_port_unless_one_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_credentials(tmp_path, host="0.0.0.0", port="19190")
    assert (load_settings(data_dir=tmp_path).host, load_settings(data_dir=tmp_path).port) == (
        "0.0.0.0",
        19190,
    )
    assert load_settings(data_dir=tmp_path, port=9090).port == 9090
    monkeypatch.setenv("ONETAG_PORT", "9191")
    assert load_settings(data_dir=tmp_path).port == 9191


def test_what_is_connected_later_reaches_those_who_ask_again(tmp_path: Path) -> None:
    started = load_settings(data_dir=tmp_path, secret="given")
    assert renewed(started) is started
    save_credentials(tmp_path, label_studio_url="http://one", label_studio_token="t", secret="kept")
    first = renewed(started)
    assert (first.label_studio_url, first.secret) == ("http://one", started.secret)
    assert renewed(first) is first
    save_credentials(tmp_path, label_studio_url="http://two")
    assert renewed(first).label_studio_url == "http://two"
    fixed = load_settings(data_dir=tmp_path, label_studio_url="http://mine")
    assert renewed(fixed).label_studio_url == "http://mine"


def test_kept_values_that_cannot_be_used_are_told_without_them(tmp_path: Path) -> None:
    save_credentials(tmp_path, port="hush", secret="hush")
    with pytest.raises(OnetagError, match=r"credentials\.json") as told:
        load_settings(data_dir=tmp_path)
    assert "hush" not in str(told.value)


def test_of_several_that_make_a_secret_at_once_the_first_wins_for_all(tmp_path: Path) -> None:
    """`serve &`, `worker &` and `connect` start within the same moment."""

    def make(number: int) -> str:
        save_credentials(tmp_path, **{f"port_{number}": str(number)})
        return save_missing_credentials(tmp_path, secret=f"made by {number}")["secret"]

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(make, range(24)))) == 1
    assert len(load_credentials(tmp_path)) == 25, "nobody overwrites what another one has saved meanwhile"
