"""What went wrong in the database, in words for people. Passwords and parameters never enter a message."""

from __future__ import annotations

import sqlite3

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from annotator.errors import OnetagError

Explanation = tuple[str, str]  # the problem, and the fix
UPGRADE = "Run `onetag db upgrade`."

# Parts of SQLite's messages; the driver gives no finer exception classes.
SQLITE = (
    (
        "unable to open",
        "cannot be opened.",
        "Check that the folder exists and may be written to, or run `onetag db upgrade`.",
    ),
    ("readonly database", "cannot be written to.", "Make the file and its folder writable for this user."),
    ("database or disk is full", "cannot grow: the disk is full.", "Free some space and try again."),
    (
        "disk i/o error",
        "cannot be read or written: the disk reports an error.",
        "Check its health and free space.",
    ),
    (
        "not a database",
        "is not an SQLite database.",
        "Restore it from a backup, or move it away and start anew.",
    ),
    ("malformed", "is damaged.", "Restore it from a backup, or move it away and start anew."),
    ("database is locked", "stays locked by another process.", "Stop the one that holds it and try again."),
    ("no such table", "has not been set up for this version.", UPGRADE),
    ("no such column", "has not been set up for this version.", UPGRADE),
)

# PostgreSQL's own error codes (its manual, appendix A).
POSTGRES = {
    "42P01": ("has not been set up for this version.", UPGRADE),
    "42703": ("has not been set up for this version.", UPGRADE),
    "42501": ("refuses this user the permission.", "Grant it, or connect as the owner."),
    "25006": ("is read-only.", "Connect to the primary server."),
    "53100": ("cannot grow: its disk is full.", "Free some space and try again."),
    "57P01": ("is being shut down.", "Start it again and repeat this."),
    "57P02": ("has crashed and is recovering.", "Wait a moment and repeat this."),
    "57P03": ("is still starting.", "Wait a moment and repeat this."),
    "53300": ("has no free connections left.", "Raise max_connections or stop some workers."),
    "40P01": ("is being written by others at the same time.", "Repeat this."),
    "40001": ("is being written by others at the same time.", "Repeat this."),
    "55P03": ("stays locked by another process.", "Stop the one that holds it and try again."),
}
TURNED_AWAY = ("40P01", "40001")
"""Deadlock detected, serialization failure: the same transaction, done once more, is likely to succeed."""

# Classes of them that pass: connections, transactions that met, locks, resources, operators, the system.
PASSING = frozenset({"08", "40", "53", "55", "57", "58"})
TOO_LONG = "57014"  # a statement was stopped, as the same one will be again


def shown(url: URL) -> str:
    """The database as it may be printed: the file's path, or the address without password and options."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.set(query={}).render_as_string()


def explained(error: DBAPIError, url: URL) -> OnetagError | None:
    """The error for people, or None when it is no trouble of the installation (a broken constraint)."""
    explanation = _sqlite(error) if url.get_backend_name() == "sqlite" else _postgres(error, url)
    if explanation is None:
        return None
    problem, fix = explanation
    return OnetagError(f"The database {shown(url)} {problem}", fix)


def turned_away(error: DBAPIError) -> bool:
    """Whether the engine undid a transaction for the sake of another one, and asks to have it done again."""
    return getattr(error.orig, "sqlstate", None) in TURNED_AWAY


def is_passing(error: DBAPIError) -> bool:
    """Whether the database was in trouble, or two transactions met: the same may succeed another time.

    Everything else is the doing of the values that were sent.
    """
    code = getattr(error.orig, "sqlstate", None)
    if code is not None:
        return code in POSTGRES or (code[:2] in PASSING and code != TOO_LONG)
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite(error) is not None
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)


def _sqlite(error: DBAPIError) -> Explanation | None:
    message = str(error.orig).lower()
    return next(((problem, fix) for part, problem, fix in SQLITE if part in message), None)


def _postgres(error: DBAPIError, url: URL) -> Explanation | None:
    code = getattr(error.orig, "sqlstate", None)
    if code in POSTGRES:
        return POSTGRES[code]
    if code is None and isinstance(error, OperationalError | InterfaceError):
        return f"cannot be reached ({_reason(error, url)}).", "Start it, or correct ONETAG_DATABASE_URL."
    return None


def _reason(error: DBAPIError, url: URL) -> str:
    lines = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    return lines[0].replace(url.password, "***") if url.password else lines[0]
