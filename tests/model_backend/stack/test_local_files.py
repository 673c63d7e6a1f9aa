"""A folder of images as Label Studio serves it."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotator.errors import OnetagError
from model_backend.stack.local_files import document_root, file_of, uri


def test_the_root_is_the_folder_above_and_stays(tmp_path: Path) -> None:
    images = tmp_path / "my photos & more"
    images.mkdir()
    assert document_root(images, None) == tmp_path.resolve()
    assert document_root(images, tmp_path.resolve()) == tmp_path.resolve()
    assert document_root(tmp_path / "other", tmp_path.resolve()) == tmp_path.resolve()


def test_images_from_elsewhere_need_another_data_folder(tmp_path: Path) -> None:
    with pytest.raises(OnetagError, match="--data-dir"):
        document_root(tmp_path / "deep" / "images", tmp_path.resolve())


def test_the_whole_disk_is_refused() -> None:
    with pytest.raises(OnetagError, match="whole disk"):
        document_root(Path("/"), None)


@pytest.mark.parametrize("file", ["a.png", "deep/er/b c.png", "ж&%20#?.jpg"])
def test_an_address_leads_back_to_its_file(file: str) -> None:
    address = uri("photos-1", file)
    assert file_of("photos-1", address) == file
    assert file_of("photos-2", address) is None
    assert address.isascii()


def test_other_addresses_are_no_file_of_the_folder() -> None:
    assert file_of("photos-1", "/data/upload/1/aa-photos-1/x.png") is None
    assert file_of("photos-1", "https://example.org/photos-1/x.png") is None


def test_the_root_moves_along_with_the_folder_and_only_then(tmp_path: Path) -> None:
    before, now = tmp_path / "before", tmp_path / "now"
    for root in (before, now):
        (root / "photos").mkdir(parents=True)
    with pytest.raises(OnetagError, match="--data-dir"):
        document_root(now / "photos", before, before / "photos")
    (before / "photos").rmdir()
    assert document_root(now / "photos", before, before / "photos") == now
    with pytest.raises(OnetagError, match="--data-dir"):
        document_root(now / "photos", before)
    before.rmdir()
    assert document_root(now / "photos", before) == now
