"""A file is written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from annotator.files import atomic_file, atomic_paths


def test_it_takes_the_place_of_the_old_one_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "note.txt"
    for text in (b"first", b"second"):
        with atomic_file(file) as stream:
            stream.write(text)
    assert file.read_bytes() == b"second"
    assert list(file.parent.iterdir()) == [file]


def test_an_error_leaves_the_old_one_and_no_draft(tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    file.write_text("old", encoding="utf-8")
    with pytest.raises(TypeError), atomic_file(file) as stream:
        stream.write("text where bytes belong")  # type: ignore[call-overload]
    assert file.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    file = tmp_path / "note.txt"
    file.write_text("old", encoding="utf-8")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"), atomic_file(file) as stream:
        stream.write(b"new")
    assert file.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_only_its_owner_reads_what_is_secret(tmp_path: Path) -> None:
    file = tmp_path / "secret.json"
    with atomic_file(file, mode=0o600) as stream:
        stream.write(b"{}")
    assert file.stat().st_mode & 0o777 == 0o600


def test_files_and_folders_take_their_places_together(tmp_path: Path) -> None:
    folder, file = tmp_path / "folder", tmp_path / "deep" / "file"
    for text in ("first", "second"):
        with atomic_paths(folder, file) as (new_folder, new_file):
            new_folder.mkdir()
            (new_folder / text).write_text(text)
            new_file.write_text(text)
    assert [each.name for each in folder.iterdir()] == ["second"]
    assert file.read_text() == "second"
    assert {each.name for each in tmp_path.iterdir()} == {"folder", "deep"}


def test_an_error_in_one_leaves_all_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir()
    (folder / "old").write_text("old")
    file.write_text("old")
    synced = []

    def full(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    def write_both() -> None:
        with atomic_paths(folder, file) as (new_folder, new_file):
            new_folder.mkdir()
            (new_folder / "new").write_text("new")
            new_file.write_text("new")

    with pytest.raises(OSError, match="No space left"):
        write_both()
    assert [each.name for each in folder.iterdir()] == ["old"]
    assert file.read_text() == "old"
    assert {each.name for each in tmp_path.iterdir()} == {"folder", "file"}


def test_a_folder_that_cannot_be_renamed_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "old").write_text("old")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name.endswith(".part"):
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)

    def replace() -> None:
        with atomic_paths(folder) as (draft,):
            draft.mkdir()

    with pytest.raises(OSError, match="Input/output"):
        replace()
    assert [each.name for each in folder.iterdir()] == ["old"]
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


def test_many_files_are_synced_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("annotator.files.MANY", 2)
    monkeypatch.setattr(os, "sync", lambda: told.append("all"))
    monkeypatch.setattr(os, "fsync", lambda _: told.append("one"))
    for count in (2, 3):
        with atomic_paths(tmp_path / "folder") as (draft,):
            draft.mkdir()
            for number in range(count):
                (draft / str(number)).write_text("x")
    assert told == ["one", "one", "all"]
