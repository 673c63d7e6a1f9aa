"""Moving many rows: pieces below the engines' limits, and inserts that replace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import CursorResult, Executable, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session

T = TypeVar("T")

PIECE = 5_000  # values in one IN (...) and rows in one insert: both engines allow some 32,000 parameters


def chunked(values: Sequence[T], size: int = PIECE) -> Iterator[Sequence[T]]:
    """The values in order, in slices of at most `size`."""
    return (values[start : start + size] for start in range(0, len(values), size))


def upsert(session: Session, model: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows; where the primary key is there already, replace the other columns."""
    keys = [column.name for column in inspect(model).primary_key]
    # In the order of their keys: two processes that put the same rows wait for each other and never deadlock.
    ordered = sorted(rows, key=lambda row: [row[key] for key in keys])
    statement = _insert(session)(model)
    replaced = {name: statement.excluded[name] for name in (rows[0] if rows else ()) if name not in keys}
    for piece in chunked(ordered):
        session.execute(statement.on_conflict_do_update(index_elements=keys, set_=replaced), piece)


def insert_missing(
    session: Session, model: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]], on: str
) -> None:
    """Insert the rows in their order, but for those whose unique column `on` is there already."""
    statement = _insert(session)(model).on_conflict_do_nothing(index_elements=[on])
    for piece in chunked(rows):
        session.execute(statement, piece)


def _insert(session: Session) -> Any:
    return postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert


def rowcount(session: Session, statement: Executable) -> int:
    """Execute an UPDATE or DELETE; returns how many rows it changed."""
    result = session.execute(statement)
    return result.rowcount if isinstance(result, CursorResult) else 0
