"""A SQLite file of what can always be made again: shared, and begun anew when it is damaged."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from model_backend.errors import LearningError

T = TypeVar("T")

DAMAGED = {
    *(sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT),
    sqlite3.SQLITE_ERROR,  # our statements are right, so the tables are not ours any more
    sqlite3.SQLITE_CONSTRAINT,  # rows are replaced, so nothing can stand in their way
}

log = logging.getLogger(__name__)


class CacheFile:
    """A file that threads and processes may share (write-ahead log); every call is a transaction of its own.

    One that is damaged as a whole is renamed, and a new one begun, which is said in the log.
    kind: what it is called there.
    """

    kind = "cache"

    def __init__(self, path: Path) -> None:
        self.path = path

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables where they are not there, or bring those of an earlier release up to date."""
        raise NotImplementedError

    def _guarded(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Work on the file. Raises LearningError where it cannot be read or written."""
        try:
            return self._attempt(work)
        except sqlite3.DatabaseError as error:
            if _code(error) not in DAMAGED:
                raise self._failure(error) from None
        self._set_aside()
        try:
            return self._attempt(work)
        except sqlite3.DatabaseError as error:
            raise self._failure(error) from None

    def _attempt(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._connection() as connection, connection:
            return work(connection)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=30)) as connection:
            connection.text_factory = _text
            self._prepare(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            yield connection

    def _set_aside(self) -> None:
        aside = self.path.with_name(self.path.name + ".damaged")
        log.warning("The %s %s is damaged; begun anew (the old file: %s).", self.kind, self.path, aside.name)
        try:
            self.path.replace(aside)
            for journal in ("-wal", "-shm"):
                self.path.with_name(self.path.name + journal).unlink(missing_ok=True)
        except OSError as error:
            raise LearningError(
                f"The {self.kind} {self.path} is damaged and cannot be moved ({error.strerror}).",
                "Delete it.",
            ) from None

    def _failure(self, error: sqlite3.Error) -> LearningError:
        fixes = {
            sqlite3.SQLITE_FULL: "The disk is full: make room, or move ONETAG_DATA_DIR to another disk.",
            sqlite3.SQLITE_READONLY: "It cannot be written to: change its permissions or ONETAG_DATA_DIR.",
            sqlite3.SQLITE_CANTOPEN: "It cannot be opened: does its folder exist, and may you write there?",
            sqlite3.SQLITE_BUSY: "Another process holds it: wait for it to finish, or stop it.",
        }
        fix = fixes.get(_code(error), "Check the disk, or delete the file: it is made again.")
        return LearningError(f"The {self.kind} {self.path} failed ({error}).", fix)


def _text(content: bytes) -> str:
    """Text of the file, whatever became of it."""
    return content.decode(errors="replace")


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
