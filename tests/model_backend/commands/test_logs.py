"""The log: what a line says in each format, what it is about, and that no secret is in it."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from annotator.errors import OnetagError
from annotator.settings import LogFormat, Settings, load_settings
from model_backend.commands.logs import formatter
from model_backend.log_context import about

SECRET, TOKEN, PASSWORD = "a-shared-secret", 'a-token-with-"quotes"', "a-database-password"


def settings_for(log_format: LogFormat) -> Settings:
    return load_settings(
        secret=SECRET,
        label_studio_token=TOKEN,
        database_url=f"postgresql://onetag:{PASSWORD}@db/onetag",
        log_format=log_format,
    )


def written(log_format: LogFormat, message: str, *arguments: object, **more: Any) -> str:
    record = logging.getLogger("model_backend.test").makeRecord(
        "model_backend.test", logging.WARNING, __file__, 1, message, arguments, **{"exc_info": None} | more
    )
    return formatter(settings_for(log_format)).format(record)


def raised(error: Exception) -> Any:
    try:
        raise error
    except type(error):
        return sys.exc_info()


def test_a_line_of_json_says_when_how_bad_who_what_and_about_what() -> None:
    with about(request="abc", project=7):
        line = json.loads(written(LogFormat.JSON, "%d images", 3))
    assert list(line) == ["time", "level", "logger", "message", "request", "project"]
    assert line["level"] == "warning"
    assert line["logger"] == "model_backend.test"
    assert line["message"] == "3 images"
    assert (line["request"], line["project"]) == ("abc", "p7")
    assert abs(datetime.now(UTC) - datetime.fromisoformat(line["time"])) < timedelta(minutes=1)


def test_a_line_of_text_says_the_same() -> None:
    with about(request="abc", project=7):
        line = written(LogFormat.TEXT, "%d images", 3)
    assert line.endswith("WARNING model_backend.test: 3 images (request abc, project p7)")


@pytest.mark.parametrize("log_format", LogFormat)
def test_what_a_line_is_about_ends_with_its_block(log_format: LogFormat) -> None:
    with about(request="abc"), about(project=7):
        pass
    assert "abc" not in written(log_format, "later")
    assert "p7" not in written(log_format, "later")


def test_a_traceback_is_a_field_of_the_json_and_stands_below_the_text() -> None:
    error = raised(ValueError("broken"))
    line = written(LogFormat.JSON, "failed", exc_info=error)
    assert "\n" not in line
    assert "ValueError: broken" in json.loads(line)["exception"]
    assert written(LogFormat.TEXT, "failed", exc_info=error).splitlines()[-1] == "ValueError: broken"


@pytest.mark.parametrize("log_format", LogFormat)
@pytest.mark.parametrize("secret", [SECRET, TOKEN, PASSWORD])
def test_no_secret_of_the_settings_is_in_a_line_however_it_came_there(
    log_format: LogFormat, secret: str
) -> None:
    error = raised(RuntimeError(f"refused: {secret}"))
    line = written(log_format, "GET /?token=%s", secret, exc_info=error)
    assert secret not in line
    assert json.dumps(secret)[1:-1] not in line
    assert line.count("***") == 2


@pytest.mark.parametrize("log_format", LogFormat)
def test_what_a_stranger_sent_begins_no_line_of_its_own(log_format: LogFormat) -> None:
    forged = "x\n2026-11-28T00:00:00Z INFO model_backend: all is well\x1b[2J"
    line = written(log_format, "GET %s", forged)
    assert len(line.splitlines()) == 1
    assert line.isprintable()


def command(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("ONETAG_")}
    return subprocess.run(
        [sys.executable, "-m", "model_backend.cli", *arguments, "--data-dir", str(folder)],
        capture_output=True,
        text=True,
        env=plain | variables,
        timeout=120,
    )


@pytest.mark.parametrize("name", ["serve", "worker"])
def test_all_that_a_command_tells_is_json_up_to_what_ended_it(name: str, tmp_path: Path) -> None:
    (tmp_path / "queue.sqlite").mkdir()  # the queue cannot be opened
    ended = command(name, "--log-format", "json", folder=tmp_path, ONETAG_LABEL_STUDIO_TOKEN=TOKEN)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert ended.returncode == 1
    assert lines[-1]["level"] == "critical"
    assert "cannot be opened" in lines[-1]["message"]


def test_in_text_the_end_is_told_as_by_every_command(tmp_path: Path) -> None:
    (tmp_path / "queue.sqlite").mkdir()
    ended = command("worker", folder=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("Error: ")


def test_another_format_is_refused_by_its_name() -> None:
    with pytest.raises(OnetagError, match=r"ONETAG_LOG_FORMAT.*'text' or 'json'"):
        load_settings(log_format="xml")
