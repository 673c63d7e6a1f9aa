"""Column types that mean the same on both engines, and the clock."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

# SQLite numbers its rows by INTEGER alone; PostgreSQL gets room for every id Label Studio can have.
Id = BigInteger().with_variant(Integer, "sqlite")

# None is NULL, never the JSON text "null".
Json = JSON(none_as_null=True)


# What JSON can spell and no text column of both engines can hold: NUL, and halves of a character.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class PlainText(TypeDecorator[str]):
    """Text in which each character that an engine would refuse has become U+FFFD, in queries as in rows."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy's)
        """The text that can be stored."""
        return None if value is None else UNSTORABLE.sub("\ufffd", value)


class JsonText(str):
    """JSON that is written already, for a column of JSON."""


class StateText(TypeDecorator[StrEnum]):
    """A StrEnum stored as the text of its value; the table's check constraint knows the values too."""

    impl = Text
    cache_ok = True

    def __init__(self, states: type[StrEnum]) -> None:
        super().__init__()
        self.states = states

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy's)
        """The text; ValueError for one that is no state."""
        return None if value is None else self.states(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:  # noqa: ARG002 (the same)
        """The state of the text."""
        return None if value is None else self.states(value)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored and returned in UTC; a naive one is refused with ValueError."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn to UTC before storing."""
        return None if value is None else utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Say UTC where SQLite forgot the zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utc(moment: datetime) -> datetime:
    """The same moment in UTC. Raises ValueError when it has no time zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; pass an aware datetime.")
    return moment.astimezone(UTC)


def utc_now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


def json_text(value: Any) -> str:
    """JSON that both engines accept: what is not finite (a metric without cases) becomes null."""
    if isinstance(value, JsonText):
        return str(value)
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def as_stored(value: Any) -> Any:
    """The value as it will be read back: tuples as lists, what is not finite as None."""
    return json.loads(json_text(value))
