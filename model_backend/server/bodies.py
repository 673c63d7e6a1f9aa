"""Request bodies: bounded, JSON, and an object; anything else is a clear 400."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, NoReturn

from flask import request
from werkzeug.exceptions import BadRequest

from annotator.labelstudio.projects import Identity, moment


def json_object() -> dict[str, Any]:
    """The request's JSON object. Raises BadRequest (400), or 413 by Flask when it is too large."""
    data = request.get_data(cache=False)
    try:
        body = json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BadRequest("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
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


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
