"""Every command, flag and variable in what runs onetag elsewhere is one that onetag has."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer

from annotator.settings import SECRETS_DIR, Settings, load_settings
from model_backend.cli import build_app

from .conftest import COMPOSE, command_lines, variables

OF_COMPOSE = {"ONETAG_WORKERS"}
"""Variables that compose itself reads."""


@pytest.mark.parametrize("words", command_lines(), ids=" ".join)
def test_a_command_line_is_understood(words: list[str]) -> None:
    command: Any = typer.main.get_command(build_app())
    _, *rest = words
    while hasattr(command, "commands"):
        command, rest = command.commands[rest[0]], rest[1:]
    command.make_context(words[0], rest)  # raises for what it does not know


@pytest.mark.parametrize("name", sorted(variables() - OF_COMPOSE - {SECRETS_DIR}))
def test_a_variable_is_a_setting(name: str) -> None:
    assert name.removeprefix("ONETAG_").lower() in Settings.model_fields


@pytest.mark.parametrize("name", sorted(OF_COMPOSE))
def test_a_variable_of_compose_has_a_default(name: str) -> None:
    assert re.search(rf"\$\{{{name}:-\w+\}}", COMPOSE.read_text("utf-8"))


def test_a_secret_comes_from_a_file_where_no_variable_gives_it(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onetag_secret").write_text("from a file\n")
    (tmp_path / "onetag_database_url").write_text("postgresql://db/onetag\n")
    monkeypatch.setenv(SECRETS_DIR, str(tmp_path))
    settings = load_settings(data_dir=tmp_path)
    assert settings.secret is not None
    assert settings.secret.get_secret_value() == "from a file"
    assert settings.store_url == "postgresql://db/onetag"
    monkeypatch.setenv("ONETAG_DATABASE_URL", "postgresql://other/onetag")
    assert load_settings(data_dir=tmp_path).store_url == "postgresql://other/onetag"


def test_a_folder_of_secrets_that_is_not_there_is_told(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRETS_DIR, str(tmp_path / "nowhere"))
    with pytest.raises(Exception, match=f"{SECRETS_DIR} names .*nowhere"):
        load_settings()
