"""Request bodies: bounded, JSON, and an object; anything else is a clear 400."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from flask import request
from werkzeug.exceptions import BadRequest


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


def studio_project(value: Any) -> int | None:
    """Label Studio's project id out of 1, "1", "1.1700000000" (with the time) or {"id": 1}; None if none."""
    if isinstance(value, dict):
        value = value.get("id")
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    digits = str(value).partition(".")[0]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
