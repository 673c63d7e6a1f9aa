"""How a command line takes a setting: what each field of `Settings` carries besides its type and bounds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo


class Panel(StrEnum):
    """The groups of settings, in `--help` and in the documentation."""

    STORE = "Where things are"
    BACKEND = "The ML backend"
    STUDIO = "Label Studio"
    IMAGES = "Images"
    LEARNING = "Learning"
    RETRAINING = "When to train"
    SUGGESTIONS = "Suggestions and the queue"
    LOGS = "Logs"


@dataclass(frozen=True)
class Flag:
    """Metadata of a setting.

    panel: the group it stands in. spelled: the flag where it is not the field's name. unset: what holds while
    the setting has no value, shown as its default. variable_only: why there is no flag; empty when there is.
    kept: whether a data folder knows its own, which then holds instead of the default.
    """

    panel: Panel
    spelled: str = ""
    unset: str = ""
    variable_only: str = ""
    kept: bool = False


def flag_of(field: FieldInfo) -> Flag:
    """The flag of a setting. Raises LookupError for a field that has none."""
    for mark in field.metadata:
        if isinstance(mark, Flag):
            return mark
    raise LookupError(f"The setting {field.description!r} carries no Flag.")


def variable(name: str) -> str:
    """The environment variable of a setting or an option."""
    return f"ONETAG_{name.upper()}"


def spelling(name: str, field: FieldInfo) -> str:
    """The flag of a setting as it is typed; `--yes/--no` for one that is true or false."""
    dashed = name.replace("_", "-")
    plain = f"--{dashed}/--no-{dashed}" if field.annotation is bool else f"--{dashed}"
    return flag_of(field).spelled or plain


def plain_type(field: FieldInfo) -> type:
    """The type that a command line reads: lists and secrets are text there."""
    annotation: Any = field.annotation
    if get_origin(annotation) is tuple:
        return str
    kind = next((part for part in get_args(annotation) if part is not NoneType), annotation)
    return kind if kind in (bool, int, float, Path) else str


def default_value(field: FieldInfo) -> Any:
    """The default of a setting; None where it holds nothing."""
    return None if field.default in (None, "", ()) else field.default


def default_text(field: FieldInfo) -> str:
    """The default of a setting, for people."""
    value = default_value(field)
    text = flag_of(field).unset if value is None else str(value)
    return f"the data folder's, else {text}" if flag_of(field).kept and value is not None else text
