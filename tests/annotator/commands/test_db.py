"""`onetag db`: upgrade, downgrade and check, for people and for scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from annotator.commands.db import app
from annotator.errors import OnetagError
from annotator.store import open_store


def run(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(
        app, list(arguments), env={f"ONETAG_{name}": value for name, value in variables.items()}
    )


def test_upgrade_check_downgrade_and_up_again(empty_url: str) -> None:
    variables = {"DATABASE_URL": empty_url}
    assert run("check", **variables).exit_code == 1
    for command in (
        ["upgrade"],
        ["check"],
        ["downgrade", "base", "--yes"],
        ["upgrade"],
        ["downgrade", "-1", "--yes"],
    ):
        result = run(*command, **variables)
        assert result.exit_code == 0, result.output
    assert run("check", **variables).exit_code == 1


def test_a_script_reads_json(tmp_path: Path) -> None:
    before = run("check", "--json", "--data-dir", str(tmp_path))
    assert before.exit_code == 1
    state = json.loads(before.stdout)
    assert (state["current"], state["ok"]) == (None, False)
    assert "onetag db upgrade" in state["fix"]
    after = json.loads(run("upgrade", "--json", "--data-dir", str(tmp_path)).stdout)
    assert after["ok"] is True
    assert after["current"] == after["head"]


def test_a_replay_tells_what_changed(tmp_path: Path) -> None:
    assert run("replay", "--data-dir", str(tmp_path)).exit_code == 1, "there is no database yet"
    run("upgrade", "--data-dir", str(tmp_path))
    assert "0 of 0 answers read anew" in run("replay", "--data-dir", str(tmp_path)).stdout
    told = json.loads(run("replay", "--json", "--data-dir", str(tmp_path)).stdout)
    assert (told["annotations"], told["changed"], told["changes"]) == (0, 0, {})


def test_every_flag_has_a_variable(tmp_path: Path) -> None:
    assert json.loads(run("upgrade", DATA_DIR=str(tmp_path), JSON="1").stdout)["ok"] is True
    assert (tmp_path / "onetag.db").is_file()
    assert run("downgrade", DATA_DIR=str(tmp_path), REVISION="base", YES="1").exit_code == 0


def test_a_downgrade_asks_first(tmp_path: Path) -> None:
    run("upgrade", "--data-dir", str(tmp_path))
    refused = CliRunner().invoke(app, ["downgrade", "base", "--data-dir", str(tmp_path)], input="n\n")
    assert refused.exit_code == 1
    assert "deleted with all they hold" in refused.output
    assert run("check", "--data-dir", str(tmp_path)).exit_code == 0


def test_a_newer_database_is_refused_with_a_message(tmp_path: Path) -> None:
    run("upgrade", "--data-dir", str(tmp_path))
    store = open_store(f"sqlite:///{tmp_path / 'onetag.db'}")
    with store.session() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    result = run("upgrade", "--data-dir", str(tmp_path))
    assert isinstance(result.exception, OnetagError)
    assert "newer onetag" in str(result.exception)
    assert "newer onetag" in run("check", "--data-dir", str(tmp_path)).stdout


def test_check_creates_nothing(tmp_path: Path) -> None:
    run("check", "--data-dir", str(tmp_path / "data"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["upgrade", "check"])
def test_a_server_that_is_not_there(command: str) -> None:
    result = run(command, "--database-url", "postgresql://me:sesame@127.0.0.1:1/onetag")
    assert isinstance(result.exception, OnetagError)
    assert "cannot be reached" in str(result.exception)
    assert "sesame" not in str(result.exception) + result.output
