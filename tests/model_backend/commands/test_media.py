"""A folder of images below a root of links."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotator.errors import OnetagError
from model_backend.commands.media import file_of, link, uri


def test_the_link_is_the_same_every_time_and_shows_the_folder(tmp_path: Path) -> None:
    images = tmp_path / "my photos & more"
    images.mkdir()
    (images / "a.png").write_bytes(b"x")
    name = link(tmp_path / "root", images)
    assert name == link(tmp_path / "root", images)
    assert (tmp_path / "root" / name / "a.png").read_bytes() == b"x"
    assert name.isascii()
    assert " " not in name


def test_two_folders_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    names = set()
    for parent in ("one", "two"):
        (tmp_path / parent / "images").mkdir(parents=True)
        names.add(link(tmp_path / "root", tmp_path / parent / "images"))
    assert len(names) == 2


@pytest.mark.parametrize("file", ["a.png", "deep/er/b c.png", "ж&%20#?.jpg"])
def test_an_address_leads_back_to_its_file(file: str) -> None:
    address = uri("photos-1", file)
    assert file_of("photos-1", address) == file
    assert file_of("photos-2", address) is None
    assert address.isascii()


def test_other_addresses_are_no_file_of_the_folder() -> None:
    assert file_of("photos-1", "/data/upload/1/aa-photos-1/x.png") is None
    assert file_of("photos-1", "https://example.org/photos-1/x.png") is None


def test_a_root_that_cannot_be_made_names_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OnetagError, match="--data-dir"):
        link(tmp_path / "file" / "root", tmp_path)
