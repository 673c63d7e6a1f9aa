"""Request bodies: bounded, JSON, and an object of a known model; anything else is a clear 400.

The models are what is read and what `/openapi.json` tells. Beyond what an answer needs they are lenient: a
request of Label Studio that is refused is a suggestion, or an answer of an annotator, that is lost.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from werkzeug.exceptions import BadRequest

from annotator.labelstudio.projects import Identity, moment

MAX_DEPTH = 100
"""Lists and objects within each other; Label Studio's own bodies have a dozen."""
MAX_TASKS = 100_000
"""Tasks in one request: each gets a prediction, so that a small body could ask for a very large answer."""

StudioProject = Annotated[
    Any,
    Field(
        description="The project as Label Studio names it: a number, a number with the time it was made "
        "(`7.1795876176`), or an object with `id` and `created_at`.",
        examples=["7.1795876176", 7, {"id": 7, "created_at": "2026-11-28T14:29:36Z"}],
    ),
]


class Body(BaseModel):
    """The body of a request; what a model does not name is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class SetupBody(Body):
    """Label Studio connects a project, or looks whether we are there."""

    project: StudioProject = None
    label_config: Annotated[Any, Field(alias="schema", description="The label config, as XML.")] = None


class PredictBody(Body):
    """Label Studio asks for predictions."""

    tasks: Annotated[list[Any], Field(max_length=MAX_TASKS, description="Whole tasks, each with its `id`.")]
    project: StudioProject = None


class EventBody(Body):
    """Label Studio tells what happened; the rest of the body depends on the action and is kept as it is."""

    action: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,64}$", examples=["ANNOTATION_CREATED"])]
    project: StudioProject = None


Model = TypeVar("Model", bound=Body)


def read_body(model: type[Model]) -> tuple[Model, dict[str, Any]]:
    """The request's body, read and as it was sent.

    Raises BadRequest (400) naming what is wrong, or 413 by Flask when it is too large.
    """
    sent = json_object()
    try:
        return model.model_validate(sent), sent
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        field = ".".join(str(step) for step in first["loc"])
        raise BadRequest(f"`{field}`: {first['msg']}.") from None


def json_object() -> dict[str, Any]:
    """The request's JSON object. Raises BadRequest (400), or 413 by Flask when it is too large."""
    data = request.get_data(cache=False)
    try:
        body = json.loads(data, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        raise BadRequest("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    if _is_deep(body):
        raise BadRequest(f"The JSON of the body is nested deeper than {MAX_DEPTH}.")
    return body


def studio_identity(value: Any) -> Identity | None:
    """Which project Label Studio means by 1, "1", "1.1795876176" (with the time) or {"id": 1}; None if none.

    The time, in seconds, is when Label Studio made the project; an object has it as `created_at`.
    """
    made = None
    if isinstance(value, dict):
        value, made = value.get("id"), moment(value.get("created_at"))
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    digits, _, seconds = str(value).partition(".")
    if not _is_number(digits, 10):
        return None
    if made is None and _is_number(seconds, 12):
        made = datetime.fromtimestamp(int(seconds), UTC)
    return Identity(int(digits), made)


def _is_number(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) < most


def _is_deep(value: Any) -> bool:
    """Whether more than MAX_DEPTH lists and objects lie within each other; level by level, so never deep."""
    level = [value]
    for _ in range(MAX_DEPTH):
        inside = (each.values() if isinstance(each, dict) else each for each in level)
        level = [item for items in inside for item in items if isinstance(item, dict | list)]
        if not level:
            return False
    return True


def _finite(number: str) -> float:
    """A number that JSON can hold: the store could not write infinity down."""
    read = float(number)
    return read if math.isfinite(read) else _refuse(number)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
