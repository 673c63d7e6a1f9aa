"""The file of the job queue: a damaged one is set aside, since its messages are only nudges."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from filelock import FileLock

DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

log = logging.getLogger(__name__)


def is_damaged(file: Path) -> bool:
    """Whether SQLite finds the file damaged; one that is not there, or is in use, is not."""
    if not file.exists():
        return False
    try:
        with closing(sqlite3.connect(file, timeout=2)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",))
    except sqlite3.DatabaseError as error:
        return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in DAMAGED


def set_aside_if_damaged(file: Path) -> None:
    """Rename a damaged file, so that a new one is begun; of several processes one does so.

    Raises what the disk raises (OSError).
    """
    if not is_damaged(file):
        return
    with FileLock(file.with_name(f"{file.name}.lock"), mode=0o600):
        if not is_damaged(file):
            return
        aside = file.with_name(f"{file.name}.damaged")
        log.warning("The job queue %s is damaged; begun anew (the old file: %s).", file, aside.name)
        file.replace(aside)
        for journal in ("-wal", "-shm", "-journal"):
            file.with_name(file.name + journal).unlink(missing_ok=True)
