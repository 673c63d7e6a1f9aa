"""A file is written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from annotator.files import atomic_file


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
