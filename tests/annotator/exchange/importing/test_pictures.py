"""The pictures of a folder: all of them, none from outside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from annotator.errors import OnetagError
from annotator.exchange.importing.pictures import pictures_below
from tests.annotator.exchange.importing.conftest import Files


def test_pictures_by_their_names_subfolders_included(pictures: Files) -> None:
    root = pictures("b.jpg", "a/c.JFIF", "a/d.txt", ".hidden/e.jpg", ".f.jpg", "日本.png", "g.tif")
    found = pictures_below(root)
    assert list(found.files) == ["a/c.JFIF", "b.jpg", "g.tif", "日本.png"]
    assert found.left_out == ()


def test_links_are_followed_inside_and_left_out_with_the_reason_outside(
    pictures: Files, tmp_path: Path
) -> None:
    root = pictures("a.jpg")
    (root / "b.jpg").symlink_to("a.jpg")
    (tmp_path / "secret.jpg").touch()
    (root / "c.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "d.jpg").symlink_to("nothing.jpg")
    (root / "folder").symlink_to(tmp_path)
    found = pictures_below(root)
    assert list(found.files) == ["a.jpg", "b.jpg"]
    assert [name for name, _ in found.left_out] == ["c.jpg", "d.jpg"]
    assert "outside" in found.left_out[0][1]


def test_a_name_that_is_not_utf8_is_left_out_and_the_rest_taken(pictures: Files) -> None:
    root = pictures("a.jpg")
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.jpg")).touch()
    found = pictures_below(root)
    assert list(found.files) == ["a.jpg"]
    assert found.left_out == (("caf\\udce9.jpg", "its name is not UTF-8: rename it"),)


def test_a_folder_that_is_none_or_has_no_pictures_is_told(tmp_path: Path) -> None:
    with pytest.raises(OnetagError, match="is not a folder"):
        pictures_below(tmp_path / "nope")
    with pytest.raises(OnetagError, match="holds no pictures"):
        pictures_below(tmp_path)
