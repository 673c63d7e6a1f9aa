"""Bringing a database to the version of this code, and telling whether it is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from annotator.errors import OnetagError
from annotator.private import FILE, FOLDER
from annotator.store.engine import Store
from annotator.store.failures import UPGRADE, explained, shown

if TYPE_CHECKING:
    pass

# Where PostgreSQL makes two migrations take turns; any number that nobody else uses.
MIGRATION_LOCK = 0x6F6E_6574_6167  # "onetag"


@dataclass(frozen=True)
class SchemaState:
    """The revision of a database and of this code, whether they agree, and what to do when they do not."""

    current: str | None
    head: str
    message: str
    ok: bool = False
    fix: str = ""
    newer: bool = False

    def require(self) -> None:
        """Raise OnetagError, telling what to do, unless the database is at this code's revision."""
        if not self.ok:
            raise OnetagError(self.message, self.fix)


def upgrade(store: Store) -> None:
    """Create the database where there is none and bring it to this code's revision, whole or not at all.

    Several processes may do so at once: one migrates, the others wait and find it done.
    Raises OnetagError when the database is newer than this code or cannot be written.
    """
    if not check(store).ok:
        _create_file(store)
        with _migrating(store) as config:
            command.upgrade(config, "head")


def downgrade(store: Store, revision: str) -> None:
    """Take the database back to a revision: its name, `-1` for one step, `base` for nothing at all.

    What the later revisions hold is lost. Raises OnetagError for a revision that is not an earlier one.
    """
    if check(store).current is None:
        raise OnetagError(
            f"The database {shown(store.url)} is not set up: there is nothing to downgrade.",
            "Correct --data-dir or --database-url.",
        )
    with _migrating(store) as config:
        try:
            command.downgrade(config, revision)
        except CommandError as error:
            raise OnetagError(
                f"Cannot downgrade to {revision!r}: {error}.", "Name an earlier revision."
            ) from None


def check(store: Store) -> SchemaState:
    """Compare the database with this code; changes and creates nothing.

    Raises OnetagError when the database cannot be read at all.
    """
    if store.file is not None and not store.file.exists():
        return _compare(store, None)
    with store.reading() as session:
        return _compare(store, _revision(session.connection()))


def require(store: Store) -> None:
    """Raise OnetagError, telling what to do, unless the database is at this code's revision."""
    check(store).require()


def migrations_folder() -> Path:
    """The migrations: inside an installed package, or beside it in a checkout."""
    installed = Path(__file__).parent / "migrations"
    checkout = Path(__file__).parents[2] / "migrations"
    for folder in (installed, checkout):
        if (folder / "env.py").is_file():
            return folder
    raise OnetagError(
        "This installation lacks its migrations.", "Repair it: pip install --force-reinstall onetag."
    )


def _compare(store: Store, current: str | None) -> SchemaState:
    scripts = ScriptDirectory.from_config(_config())
    head = scripts.get_current_head() or ""
    if current is None:
        return SchemaState(None, head, message="The database is not set up.", fix=UPGRADE)
    if current == head:
        return SchemaState(current, head, ok=True, message=f"The database is up to date (revision {head}).")
    if current in {script.revision for script in scripts.walk_revisions()}:
        message = f"The database is at revision {current}, this code needs {head}."
        return SchemaState(current, head, message=message, fix=UPGRADE)
    message = (
        f"The database {shown(store.url)} is at revision {current}, which a newer onetag made: this one "
        f"knows {head} at most."
    )
    fix = "Install the newer one (pip install -U onetag), or use another database."
    return SchemaState(current, head, message=message, fix=fix, newer=True)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _create_file(store: Store) -> None:
    """An empty file is an empty SQLite database; engines open only what exists."""
    if store.file is None or store.file.exists():
        return
    try:
        store.file.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER)
        store.file.touch(mode=FILE)  # what SQLite lays beside it gets the same rights
    except OSError as error:
        raise OnetagError(
            f"The database {store.file} cannot be created ({error.strerror}).",
            "Choose a folder that this user may write to, with --data-dir or ONETAG_DATA_DIR.",
        ) from None


@contextmanager
def _migrating(store: Store) -> Iterator[Config]:
    """One transaction for it all, alone on the database; refused when that is newer than the code."""
    try:
        with store.engine.connect() as connection, _loose_references(store, connection), connection.begin():
            if store.file is None:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
            state = _compare(store, _revision(connection))
            if state.newer:
                raise OnetagError(state.message, state.fix)
            yield _config(connection)
    except DBAPIError as error:
        raise explained(error, store.url) or error from None


@contextmanager
def _loose_references(store: Store, connection: Connection) -> Iterator[None]:
    """Without foreign keys for a while: SQLite changes a table by copying it, which they would forbid."""
    raw = connection.connection.driver_connection
    if store.file is None or raw is None:
        yield
        return
    raw.execute("PRAGMA foreign_keys = OFF")  # has no effect inside a transaction
    try:
        yield
    finally:
        raw.execute("PRAGMA foreign_keys = ON")
