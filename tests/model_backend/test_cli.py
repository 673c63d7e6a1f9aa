"""The command line as a whole: quick to start, every flag a variable, errors told in a line."""

from __future__ import annotations

import errno
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.text import Text
from typer.testing import CliRunner

from annotator.errors import OnetagError
from annotator.flags import default_text, flag_of, variable
from annotator.settings import Settings
from model_backend.cli import build_app, main
from model_backend.errors import LearningError

COMMANDS = {
    *("up", "demo", "connect", "serve", "worker", "train", "health", "reconcile"),
    *("status", "doctor", "export", "import", "db", "versions", "secret", "events", "agreement", "plan"),
    *("simulate", "users"),
    *("losses", "estimators", "backbones", "acquisitions"),
}
INNER = {
    "db": {"upgrade", "downgrade", "check", "replay"},
    "secret": {"rotate"},
    "events": {"list", "retry", "drop"},
    "users": {"add", "list", "password", "role", "remove", "link"},
}


def onetag(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "model_backend.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, **options)


def walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, (*path, name))


WALKED = dict(walk(typer.main.get_command(build_app())))
COMMAND_PATHS = [path for path, command in WALKED.items() if path and not hasattr(command, "commands")]
FLAGS = {
    flag
    for command in WALKED.values()
    for option in command.params
    for flag in (*option.opts, *option.secondary_opts)
}
ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")])
BENCHMARKS = re.compile(
    r"make \w+ ARGS=\"[^\"]*\"|`make \w+[^`]*`|python -m benchmarks[^`\n]*|pip install[^`\n]*"
    r"|(?:docker|systemd-run|systemctl|sha256sum) (?:[^`\n\\]|\\\n?)*"
)


def test_all_commands_are_there() -> None:
    assert {path[0] for path in WALKED if path} == COMMANDS
    inner = [path for path in WALKED if len(path) == 2]
    assert {name: {path[1] for path in inner if path[0] == name} for name, _ in inner} == INNER


@pytest.mark.parametrize("path", WALKED, ids=" ".join)
def test_every_flag_has_its_variable(path: tuple[str, ...]) -> None:
    options = [option for option in WALKED[path].params if option.name != "help"]
    for option in options:
        names = [option.envvar] if isinstance(option.envvar, str) else list(option.envvar or ())
        assert names, f"{' '.join(path)} {option.opts} has no variable"
        assert all(name.startswith("ONETAG_") for name in names)


@pytest.mark.parametrize("path", COMMAND_PATHS, ids=" ".join)
def test_every_command_and_flag_says_what_it_is_for(path: tuple[str, ...]) -> None:
    command = WALKED[path]
    assert command.help
    assert all(getattr(option, "help", "") for option in command.params)


@pytest.mark.parametrize("path", COMMAND_PATHS, ids=" ".join)
def test_every_default_is_shown_in_the_help(path: tuple[str, ...]) -> None:
    run = CliRunner().invoke(build_app(), [*path, "--help"], env={"COLUMNS": "500"})
    assert run.exit_code == 0, run.output
    for option in WALKED[path].params:
        if is_switch(option) or option.required or option.name == "help":
            continue
        (row,) = [line for line in run.output.splitlines() if option_name(option) in line.split()]
        assert f"[default: {shown_default(option)}]" in row


def is_switch(option: Any) -> bool:
    """Whether it is off unless it stands there, which needs no saying."""
    return getattr(option, "is_flag", False) and not option.secondary_opts


def option_name(option: Any) -> str:
    return str(option.opts[0]) if option.param_type_name == "option" else str(option.name)


def shown_default(option: Any) -> str:
    """The default that people should read: the value, or in brackets what holds without one."""
    field = Settings.model_fields.get(str(option.envvar).removeprefix("ONETAG_").lower())
    if option.default is None:
        assert isinstance(option.show_default, str), f"{option.opts} does not say what holds without it"
        return f"({option.show_default})"
    if option.secondary_opts:
        chosen = option.opts if option.default else option.secondary_opts
        return str(chosen[0]).removeprefix("--")
    if field and option.default == field.default:
        return default_text(field)
    return str(option.default)


@pytest.mark.parametrize("path", COMMAND_PATHS, ids=" ".join)
def test_no_help_text_hides_something_in_markup(path: tuple[str, ...]) -> None:
    for option in WALKED[path].params:
        assert Text.from_markup(option.help).plain == option.help


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_a_flag_of_some_command_unless_it_says_why_not(name: str) -> None:
    field = Settings.model_fields[name]
    users = [path for path in WALKED if variable(name) in variables(path)]
    assert bool(users) is not bool(flag_of(field).variable_only)


def variables(path: tuple[str, ...]) -> set[str]:
    return {str(option.envvar) for option in WALKED[path].params}


@pytest.mark.parametrize("command", ["up", "train", "worker", "demo"])
def test_a_training_can_be_told_how_precise_its_suggestions_should_be(command: str) -> None:
    assert "ONETAG_PRECISION" in variables((command,))


@pytest.mark.parametrize("name", ["loss", "estimator", "end_to_end", "precision", "window", "retrain_after"])
def test_serve_has_no_flag_for_what_only_a_training_reads(name: str) -> None:
    assert variable(name) in variables(("worker",)) - variables(("serve",))


@pytest.mark.parametrize("path", COMMAND_PATHS, ids=" ".join)
def test_one_variable_means_one_thing(path: tuple[str, ...]) -> None:
    names = [str(option.envvar) for option in WALKED[path].params if option.envvar]
    assert len(set(names)) == len(names)


def test_the_help_shows_every_command() -> None:
    shown = onetag("--help", check=True).stdout
    assert all(name in shown for name in COMMANDS)


HELPFUL = ["up", "demo", "connect", "serve", "worker", "train", "doctor", "status", "reconcile"]


@pytest.mark.parametrize(
    "path", [[], *([name] for name in HELPFUL)], ids=lambda path: " ".join(path) or "onetag"
)
def test_help_imports_nothing_heavy(path: list[str]) -> None:
    heavy = (
        "torch",
        "torchvision",
        "sklearn",
        "skimage",
        "scipy",
        "matplotlib",
        "pyarrow",
        "label_studio_sdk",
    )
    program = (
        "import sys\nfrom model_backend.cli import main\n"
        f"try:\n    main([*{path!r}, '--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stderr.strip() == "[]"
    assert " ".join(["", *path, "[OPTIONS]"]) in run.stdout


def test_a_command_starts_without_the_others() -> None:
    program = (
        "import sys\nfrom model_backend.cli import main\n"
        "try:\n    main(['status', '--help'])\nexcept SystemExit:\n    pass\n"
        "print(*(name for name in sys.modules if '.commands.' in name), file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "annotator.commands.status" in run.stderr.split()
    assert not [name for name in run.stderr.split() if name.startswith("model_backend")]


def failing(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OnetagError("No labels.", "Give some."), "No labels. Give some."),
        (LearningError("Too few images."), "Too few images."),
        (OSError(errno.ENOSPC, "No space left on device", "/data/x"), "/data/x: No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "/data"), "--data-dir"),
    ],
)
def test_what_can_be_mended_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, told: str
) -> None:
    monkeypatch.setattr("annotator.commands.status.status", lambda: failing(error))
    with pytest.raises(SystemExit) as ended:
        main(["status"])
    shown = capsys.readouterr().err
    assert ended.value.code == 1
    assert told in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize("error", [RuntimeError("a mistake"), FileNotFoundError(errno.ENOENT, "gone", "x")])
def test_a_mistake_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr("annotator.commands.status.status", lambda: failing(error))
    with pytest.raises(type(error)):
        main(["status"])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_every_flag_that_a_document_names_is_there(document: Path) -> None:
    named = re.findall(r"(?<![\w-])--[a-z][a-z-]*", BENCHMARKS.sub("", document.read_text(encoding="utf-8")))
    assert not set(named) - FLAGS - {"--help"}


def test_the_version_is_printed() -> None:
    assert onetag("--version", check=True).stdout.startswith("onetag ")


def test_a_setting_that_cannot_be_read_names_its_variable(tmp_path: Path) -> None:
    shown = onetag("status", "--data-dir", str(tmp_path), env={"ONETAG_PRECISION": "much", "PATH": ""})
    assert shown.returncode == 1
    assert "ONETAG_PRECISION" in shown.stderr
    assert "Traceback" not in shown.stderr


@pytest.mark.parametrize("command", ["status", "train", "export"])
def test_a_data_folder_with_nothing_in_it_says_what_to_run_first(tmp_path: Path, command: str) -> None:
    shown = onetag(command, "--data-dir", str(tmp_path / "empty"))
    assert shown.returncode == 1
    assert "onetag up IMAGES --labels" in shown.stderr
    assert "onetag connect" in shown.stderr
    assert "db upgrade" not in shown.stderr
    assert "Traceback" not in shown.stderr
    assert not (tmp_path / "empty").exists(), "looking makes nothing"
