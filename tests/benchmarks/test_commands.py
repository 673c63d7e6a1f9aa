"""The commands that the benchmarks' docstrings show are there to be run."""

from __future__ import annotations

import importlib
import re

import pytest

from benchmarks import __main__ as runner

NAMES = sorted({*runner.QUICK, *runner.WITH_DATA})


def usage(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The first paragraph of --help: the options alone."""
    monkeypatch.setattr("sys.argv", [name, "--help"])
    with pytest.raises(SystemExit):
        importlib.import_module(f"benchmarks.{name}").main()
    return capsys.readouterr().out.partition("\n\n")[0]


@pytest.mark.parametrize("name", NAMES)
def test_the_commands_of_a_docstring_have_the_options_they_show(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = importlib.import_module(f"benchmarks.{name}").__doc__ or ""
    commands = re.findall(r"^ {4}python (\S+ \S+)([^\n#]*)", shown, flags=re.MULTILINE)
    assert commands
    options = usage(name, monkeypatch, capsys)
    for program, arguments in commands:
        assert program == f"-m benchmarks.{name}"
        for option in re.findall(r"--[\w-]+", arguments):
            assert option in options


@pytest.mark.parametrize("name", runner.QUICK)
def test_the_quick_forms_have_the_options_they_give(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = usage(name, monkeypatch, capsys)
    for option in runner.QUICK[name]:
        assert not option.startswith("--") or option in options


def test_every_benchmark_is_listed_by_whether_it_needs_data() -> None:
    programs = {"accuracy", "asking", "endtoend", "features", "loop", "memory", "peer", "selection", "speed"}
    programs |= {
        "acquisitions",
        "connecting",
        "downstream",
        "exchange",
        "forecast",
        "fundus",
        "importing",
        "page",
        "service",
        "suggestions",
        "worth",
    }
    assert set(NAMES) == programs
