"""Trouble with the database reaches people as a sentence that names the way out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from annotator.errors import OnetagError
from annotator.store import Store, check, open_store, record_event, upgrade

NOBODY = 65534


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every user can reach."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Permissions count: not even root keeps its own."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    yield
    os.seteuid(before)


def write(store: Store) -> None:
    with store.session() as session:
        record_event(session, "PING", {"text": "x" * 100_000})


@pytest.fixture
def read_only_store(public_folder: Path) -> Iterator[Store]:
    folder = public_folder / "data"
    url = f"sqlite:///{folder / 'onetag.db'}"
    made = open_store(url)
    upgrade(made)
    made.close()
    folder.chmod(0o555)
    (folder / "onetag.db").chmod(0o444)
    opened = open_store(url)
    yield opened
    opened.close()
    folder.chmod(0o755)


@pytest.mark.usefixtures("unprivileged")
def test_a_read_only_folder(read_only_store: Store) -> None:
    with pytest.raises(OnetagError, match=r"onetag\.db.*(written to|may be written)"):
        write(read_only_store)


@pytest.mark.usefixtures("unprivileged")
def test_a_folder_in_which_nothing_may_be_created(public_folder: Path) -> None:
    public_folder.chmod(0o555)
    opened = open_store(f"sqlite:///{public_folder / 'data' / 'onetag.db'}")
    with pytest.raises(OnetagError, match=r"cannot be created \(Permission denied\).*--data-dir"):
        upgrade(opened)


def test_a_folder_whose_place_a_file_has(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    opened = open_store(f"sqlite:///{tmp_path / 'data' / 'onetag.db'}")
    with pytest.raises(OnetagError, match=r"cannot be created"):
        upgrade(opened)


def test_a_full_disk(sqlite_store: Store) -> None:
    with sqlite_store.engine.connect() as connection:  # as large as it is now, and no page more
        pages = connection.scalar(text("PRAGMA page_count"))
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(OnetagError, match=r"disk is full\. Free some space"):
        write(sqlite_store)


@pytest.mark.parametrize("content", [b"Dear diary, " * 1000, b"\x00" * 4096])
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "onetag.db"
    file.write_bytes(content)
    opened = open_store(f"sqlite:///{file}")
    with pytest.raises(OnetagError, match=r"onetag\.db is not an SQLite database. Restore it from a backup"):
        check(opened)
    assert file.read_bytes() == content


def test_a_damaged_database(sqlite_store: Store) -> None:
    write(sqlite_store)
    sqlite_store.close()
    file = sqlite_store.file
    assert file is not None
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)  # the first page, with the schema, is left whole
    file.write_bytes(content)
    with pytest.raises(OnetagError, match=r"is damaged\. Restore it from a backup"):
        write(sqlite_store)


def test_a_database_that_was_never_set_up(empty_store: Store) -> None:
    if empty_store.file is not None:
        empty_store.file.touch()
    with pytest.raises(OnetagError, match=r"has not been set up for this version\. Run `onetag db upgrade`"):
        write(empty_store)


def test_a_server_that_is_not_there() -> None:
    opened = open_store("postgresql://me:sesame@127.0.0.1:1/onetag?application_name=sesame")
    with pytest.raises(
        OnetagError, match=r"127\.0\.0\.1:1/onetag cannot be reached.*ONETAG_DATABASE_URL"
    ) as caught:
        write(opened)
    assert "sesame" not in str(caught.value)


def test_a_database_that_the_server_does_not_have(postgres_server: str) -> None:
    opened = open_store(postgres_server.rpartition("/")[0] + "/onetag_is_not_here")
    with pytest.raises(OnetagError, match=r"cannot be reached.*does not exist"):
        check(opened)
    opened.close()


def test_a_user_who_may_not_write(store: Store) -> None:
    if store.file is not None:
        with store.reading() as session:
            session.execute(text("PRAGMA query_only = ON"))
        with pytest.raises(OnetagError, match=r"cannot be written to"):
            write(store)
        return
    with pytest.raises(OnetagError, match=r"is read-only"), store.reading() as session:
        record_event(session, "PING", {})
