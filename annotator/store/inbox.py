"""The inbox: where an event is written down, durably, before it is answered.

It waits for nobody's work. A SQLite database has one writer at a time, and on PostgreSQL a new row waits for
locks on the rows it refers to; so arrivals lie apart from the records: on SQLite in a file beside the
database, on PostgreSQL in a table that refers to nothing. The worker moves each among the events, once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import delete, func, insert, select
from sqlalchemy.schema import CreateTable

from annotator.store.models import Arrival
from annotator.store.together import Together
from annotator.store.types import json_text, utc_now

if TYPE_CHECKING:
    from annotator.store.engine import Store

MOST_BYTES = 8 * 2**20  # of payloads that are moved together, or one that is larger


def inbox_file(database: Path) -> Path:
    """The file beside a SQLite database, which belongs to it: `onetag-inbox.db` to `onetag.db`."""
    return database.with_name(f"{database.stem}-inbox{database.suffix}")


class Inbox:
    """The arrivals of one store. Threads and processes may share it."""

    def __init__(self, place: Store, *, own: bool) -> None:
        """place: where the table of arrivals is. own: whether it is a file for it alone, made when needed."""
        self._place = place
        self._own = own
        self._ready = not own
        self._write = Together(self._insert)

    def record(self, action: str, payload: dict[str, Any], project_id: int | None = None) -> str:
        """Write an event down; it is on disk when this returns its key. No token may be left in it.

        Raises OnetagError when it could not be kept.
        """
        key = uuid4().hex
        fields = {"key": key, "project_id": project_id, "action": action, "payload": json_text(payload)}
        self._write(fields | {"received_at": utc_now()})
        return key

    def waiting(self) -> Counter[int | None]:
        """How many arrivals wait, by their project."""
        if self._own and not (self._place.file and self._place.file.exists()):
            return Counter()
        self._make_ready()
        counted = select(Arrival.project_id, func.count()).group_by(Arrival.project_id)
        with self._place.reading() as session:
            return Counter(dict(session.execute(counted).all()))

    def oldest(self, limit: int = 200) -> Sequence[Arrival]:
        """The oldest arrivals in their order; at least one, and no more than take little memory."""
        self._make_ready()
        sizes = select(Arrival.id, func.length(Arrival.payload)).order_by(Arrival.id).limit(limit)
        with self._place.reading() as session:
            last, total = 0, 0
            for number, size in session.execute(sizes):
                total += size
                if last and total > MOST_BYTES:
                    break
                last = number
            chosen = select(Arrival).where(Arrival.id <= last).order_by(Arrival.id)
            return session.scalars(chosen).all() if last else []

    def forget(self, keys: Sequence[str]) -> None:
        """Take arrivals out that are among the events now."""
        with self._place.session() as session:
            session.execute(delete(Arrival).where(Arrival.key.in_(keys)))

    def close(self) -> None:
        """Let go of every connection."""
        if self._own:
            self._place.close()

    def _insert(self, rows: Sequence[dict[str, Any]]) -> None:
        self._make_ready()
        with self._place.session() as session:
            self._place.limit_waiting(session)
            session.connection().execute(insert(Arrival.__table__), rows)  # type: ignore[arg-type]  # quicker so

    def _make_ready(self) -> None:
        if not self._ready:
            with self._place.session() as session:
                session.execute(CreateTable(Arrival.__table__, if_not_exists=True))  # type: ignore[arg-type]
            self._ready = True
