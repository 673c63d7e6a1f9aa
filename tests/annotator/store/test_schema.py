"""Migrations: up, down, up again; by two at once, killed halfway, and never backwards by accident."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, text

from annotator.errors import OnetagError
from annotator.store import Base, Store, check, downgrade, open_store, record_event, require, upgrade

UPGRADE = """
import sys
from annotator.store import open_store, upgrade
upgrade(open_store(sys.argv[1]))
"""

UPGRADE_AND_DIE = """
import os, signal, sys
from sqlalchemy import event
from annotator.store import open_store, upgrade

store = open_store(sys.argv[1])

@event.listens_for(store.engine, "before_cursor_execute")
def die(connection, cursor, statement, *rest):
    if sys.argv[2] in statement:
        os.kill(os.getpid(), signal.SIGKILL)

upgrade(store)
"""


@pytest.fixture
def twin(empty_url: str, engine_name: str, request: pytest.FixtureRequest) -> Iterator[Store]:
    """A database made from the models alone, without migrations."""
    opened = open_store(empty_url)
    if opened.file is not None:
        opened.file.touch()
    Base.metadata.create_all(opened.engine)
    yield opened
    opened.close()


def definitions(store: Store) -> set[tuple[str, ...]]:
    """Every table, column, constraint and index, as the database itself tells them."""
    statements = ["SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"]
    if store.file is None:
        statements = [
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
            " WHERE table_schema = current_schema()",
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = current_schema()::regnamespace",
            "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()",
        ]
    with store.reading() as session:
        schema = session.scalar(text("SELECT current_schema()")) if store.file is None else "main"
        found = {
            tuple(ordered(str(part).replace(f"{schema}.", "")) for part in row)
            for statement in statements
            for row in session.execute(text(statement))
        }
    return {row for row in found if not any("alembic_version" in part for part in row)}


def ordered(definition: str) -> str:
    """A definition without what means nothing: white space, quotes of names, the order of constraints."""
    plain = re.sub(r'"(\w+)"', r"\1", definition)
    parts = re.split(r",(?![^()]*\))", " ".join(plain.split()).removesuffix(")"))
    return ",".join(sorted(part.strip() for part in parts))


def test_models_and_migrations_agree(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_models_and_migrations_define_the_same_checks_and_conditions(store: Store, twin: Store) -> None:
    migrated = definitions(store)
    assert migrated == definitions(twin)
    assert any("ck_observations_value" in part for row in migrated for part in row)
    assert any("uq_training_runs_open" in part for row in migrated for part in row)


def test_down_to_nothing_and_up_again(store: Store) -> None:
    before = definitions(store)
    downgrade(store, "base")
    assert definitions(store) == set()
    assert check(store).current is None
    upgrade(store)
    assert definitions(store) == before


def test_one_step_down(store: Store) -> None:
    downgrade(store, "-1")
    assert check(store).current != check(store).head


def test_upgrade_can_be_repeated_and_keeps_what_is_there(store: Store) -> None:
    with store.session() as session:
        record_event(session, "PING", {})
    upgrade(store)
    with store.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM events")) == 1


def test_foreign_keys_are_back_after_an_upgrade(empty_store: Store) -> None:
    upgrade(empty_store)
    with empty_store.engine.connect() as connection:
        if empty_store.file is not None:
            assert connection.scalar(text("PRAGMA foreign_keys")) == 1


def test_check_tells_what_to_do(empty_store: Store) -> None:
    before = check(empty_store)
    assert (before.current, before.ok) == (None, False)
    assert before.fix == "Run `onetag db upgrade`."
    upgrade(empty_store)
    after = check(empty_store)
    assert after.ok
    assert after.current == after.head


def test_check_creates_no_file(tmp_path: object) -> None:
    opened = open_store(f"sqlite:///{tmp_path}/data/onetag.db")
    assert check(opened).current is None
    assert opened.file is not None
    assert not opened.file.parent.exists()


def test_require_raises_what_check_tells(empty_store: Store) -> None:
    with pytest.raises(OnetagError, match="db upgrade"):
        require(empty_store)
    upgrade(empty_store)
    require(empty_store)


def test_a_database_newer_than_the_code_is_refused(store: Store) -> None:
    with store.session() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    state = check(store)
    assert state.newer
    assert not state.ok
    told = r"revision 9999.*newer onetag.*pip install -U onetag"
    with pytest.raises(OnetagError, match=told):
        upgrade(store)
    with pytest.raises(OnetagError, match=told):
        downgrade(store, "base")
    with pytest.raises(OnetagError, match=told):
        require(store)
    with store.reading() as session:
        assert session.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


def test_an_unknown_revision_is_refused(store: Store) -> None:
    with pytest.raises(OnetagError, match="'0000'"):
        downgrade(store, "0000")
    assert check(store).ok


def test_there_is_nothing_below_nothing(empty_store: Store) -> None:
    with pytest.raises(OnetagError, match="nothing to downgrade"):
        downgrade(empty_store, "base")


def test_several_processes_upgrade_at_once(empty_store: Store, empty_url: str) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", UPGRADE, empty_url], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.communicate(timeout=60)[1] for process in running] == ["", "", ""]
    assert check(empty_store).ok


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE observations", "version_num='0005'", "ADD COLUMN version_pinned BOOLEAN"]
)
def test_an_upgrade_killed_halfway_leaves_nothing_and_can_be_run_again(
    empty_store: Store, empty_url: str, engine_name: str, statement: str
) -> None:
    if engine_name == "sqlite":  # it copies the table
        statement = statement.replace("ADD COLUMN version_pinned BOOLEAN", "_alembic_tmp_projects")
    command = [sys.executable, "-c", UPGRADE_AND_DIE, empty_url, statement]
    killed = subprocess.run(command, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert check(empty_store).current is None
    assert definitions(empty_store) == set()
    upgrade(empty_store)
    assert check(empty_store).ok


def test_every_constraint_has_a_name() -> None:
    """Without one, no later migration could change it on both engines."""
    metadata: MetaData = Base.metadata
    constraints = [each for table in metadata.tables.values() for each in table.constraints]
    assert len(constraints) > 30
    assert all(constraint.name for constraint in constraints)
