"""Settings as options: a command names the settings that it reads, and gets a flag for each.

    @with_settings(Panel.STORE, "seed")
    def learn(settings: Settings, project: Project = None) -> None: ...

is a command with `--project`, `--data-dir`, `--database-url` and `--seed`. Names, help, bounds, panels and
defaults all come from `Settings.model_fields`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any, Concatenate, ParamSpec

import typer
from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from annotator.flags import Panel, default_text, default_value, flag_of, plain_type, spelling, variable
from annotator.settings import Settings, load_settings

P = ParamSpec("P")


@dataclass(frozen=True)
class Unset:
    """In place of a command's own default: no value, and what that means there."""

    text: str


def with_settings(
    *wanted: Panel | str, without: Collection[str] = (), **own: Any
) -> Callable[[Callable[Concatenate[Settings, P], None]], Callable[..., None]]:
    """Give a command the settings of these panels and of these names, as options.

    The function takes the loaded `Settings` first, then its own options. `without` names settings of the
    panels that the command does not read; `own` holds defaults that are this command's alone.
    Raises LookupError for a setting that does not exist, or that has no flag.
    """
    names = _names(wanted, without, own)

    def decorate(function: Callable[Concatenate[Settings, P], None]) -> Callable[..., None]:
        @wraps(function)
        def command(**given: Any) -> None:
            settings = load_settings(**{name: given.pop(name) for name in names})
            function(settings, **given)  # type: ignore[call-arg]  # typer gives what the signature below says

        _, *options = inspect.signature(function, eval_str=True).parameters.values()
        options += [_parameter(name, own) for name in names]
        command.__signature__ = inspect.Signature(options, return_annotation=None)  # type: ignore[attr-defined]
        command.__annotations__ = {option.name: option.annotation for option in options}
        return command

    return decorate


def option(name: str, default: Any = None) -> Any:
    """What typer is told of the setting with this name; `default` is a command's own."""
    field = Settings.model_fields[name]
    flag = flag_of(field)
    if flag.variable_only:
        raise LookupError(f"The setting {name!r} has no flag: {flag.variable_only}.")
    return typer.Option(
        spelling(name, field),
        envvar=variable(name),
        help=field.description,
        rich_help_panel=flag.panel,
        show_default=_shown(field, default),
        **_bounds(field),
    )


def _names(wanted: Collection[str], without: Collection[str], own: Mapping[str, Any]) -> list[str]:
    """The settings meant, in the order in which `Settings` has them."""
    fields = Settings.model_fields
    for name in {*wanted, *without, *own} - {*fields, *Panel}:
        raise LookupError(f"There is no setting {name!r}.")
    named = {
        name
        for name, field in fields.items()
        if name in wanted or (flag_of(field).panel in wanted and not flag_of(field).variable_only)
    }
    return [name for name in fields if name in (named - set(without)) | own.keys()]


def _parameter(name: str, own: Mapping[str, Any]) -> inspect.Parameter:
    field = Settings.model_fields[name]
    value = own.get(name, Unset(default_text(field)) if flag_of(field).kept else default_value(field))
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None if isinstance(value, Unset) else value,
        annotation=Annotated[plain_type(field) | None, option(name, value)],
    )


def _shown(field: FieldInfo, value: Any) -> bool | str:
    """True where typer shows the default by itself, else the text to show."""
    if isinstance(value, Unset):
        return value.text
    return default_text(field) if value is None else True


def _bounds(field: FieldInfo) -> dict[str, Any]:
    """The bounds that typer can show, the inclusive ones; `Settings` checks the others."""
    bounds: dict[str, Any] = {}
    for mark in field.metadata:
        if isinstance(mark, Ge):
            bounds["min"] = mark.ge
        elif isinstance(mark, Le):
            bounds["max"] = mark.le
    return bounds
