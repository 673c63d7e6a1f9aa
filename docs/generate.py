"""The pages that are made from the code, so that they cannot fall behind it. Run by mkdocs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import click
import mkdocs_gen_files
import typer

import onetag
from annotator.flags import Panel, default_text, default_value, flag_of, spelling, variable
from annotator.settings import Settings
from model_backend.cli import build_app


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    header = list(header)
    lines = [
        header,
        ["---"] * len(header),
        *([str(cell).replace("|", "\\|") for cell in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(page: str, *parts: str) -> None:
    """One page of the site."""
    with mkdocs_gen_files.open(page, "w") as file:
        file.write("\n\n".join(parts) + "\n")


def settings() -> None:
    """Every field of `Settings`, by panel: flag, variable, default, meaning."""
    parts = ["# Settings", "Each is a flag of the commands that read it, and a variable of the environment."]
    for panel in Panel:
        rows = []
        for name, field in Settings.model_fields.items():
            flag = flag_of(field)
            if flag.panel is not panel:
                continue
            shown = (
                f"variable only: {flag.variable_only}" if flag.variable_only else f"`{spelling(name, field)}`"
            )
            default = default_text(field) or str(default_value(field))
            rows.append([shown, f"`{variable(name)}`", default, str(field.description)])
        parts += [f"## {panel}", table(("flag", "variable", "default", "what it is"), rows)]
    write("settings.md", *parts)


def commands() -> None:
    """The command tree, with every argument and option."""
    parts = ["# Commands"]
    for path, command in walk((), typer.main.get_command(build_app())):
        parts += [f"## `onetag {' '.join(path)}`", str(command.help or "").strip()]
        rows = [
            [
                ", ".join(f"`{text}`" for text in (*each.opts, *each.secondary_opts)),
                variable_of(each),
                help_of(each),
            ]
            for each in command.params
        ]
        if rows:
            parts.append(table(("option", "variable", "what it does"), rows))
    write("commands.md", *parts)


def walk(path: tuple[str, ...], command: Any) -> Iterable[tuple[tuple[str, ...], Any]]:
    """Every command below this one that does something itself."""
    children: Mapping[str, click.Command] | None = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name, child in children.items():
        yield from walk((*path, name), child)


def variable_of(parameter: Any) -> str:
    """The variable that gives an option its value."""
    return f"`{parameter.envvar}`" if parameter.envvar else ""


def help_of(parameter: Any) -> str:
    """The help of an option, with its default."""
    shown = getattr(parameter, "show_default", None)
    default = shown if isinstance(shown, str) else parameter.default
    text = str(getattr(parameter, "help", None) or "")
    silent = default is None or default is False or default == "" or callable(default)
    return text if silent else f"{text} Default: {default}."


def registry(page: str, title: str, entries: Mapping[str, Any]) -> None:
    """A registry: name, one line, source."""
    rows = [
        [f"`{name}`", entry.description, str(getattr(entry, "source", ""))] for name, entry in entries.items()
    ]
    write(page, f"# {title}", table(("name", "what it is", "source"), rows))


def api() -> None:
    """Every public name of `onetag`, where it has a docstring of its own."""
    names = [name for name in onetag.__all__ if name.lower() == name and name not in ("__version__", "data")]
    names += [name for name in onetag.__all__ if name[0].isupper() and not name.isupper()]
    parts = [f"::: {getattr(onetag, name).__module__}.{name}" for name in names]
    of_data = [f"::: {getattr(onetag.data, name).__module__}.{name}" for name in onetag.data.__all__]
    own = "## `onetag.data`", "Training on an export, see [Exports](exports.md)."
    write("api.md", "# API", "`import onetag` gives these names.", *parts, *own, *of_data)


settings()
commands()
registry("losses.md", "Losses", onetag.LOSSES)
registry("estimators.md", "Estimators", onetag.ESTIMATORS)
registry("backbones.md", "Backbones", onetag.BACKBONES)
registry("acquisitions.md", "Acquisitions", onetag.ACQUISITIONS)
api()
