"""The pictures of an export: what they are called, and where they are read from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from annotator.exchange.pictures import key_of, pictures_without_network, store_picture, suffix_of
from annotator.exchange.rows import ExportRow
from annotator.settings import Settings
from tests.annotator.exchange.conftest import INLINE, picture_bytes


def row(image: str, image_id: int = 12) -> ExportRow:
    nothing = np.zeros(1, np.int8)
    return ExportRow(image_id, image, image, image, None, None, None, nothing, nothing.astype("f4"), nothing)


@pytest.mark.parametrize(
    ("image", "key"),
    [
        ("cats/a b.jpg", "000000012-a_b"),
        ("s3://bucket/x/../../etc/passwd", "000000012-passwd"),
        ("日本.jpg", "000000012"),
        ("https://host/a.tar.gz?x=1", "000000012-a_tar"),
        ("data:image/png;sha256=ab", "000000012"),
        ("..", "000000012"),
        ("a" * 300 + ".jpg", "000000012-" + "a" * 60),
    ],
)
def test_a_key_fits_every_file_system_and_holds_no_dot(image: str, key: str) -> None:
    assert key_of(row(image)) == key


def test_no_two_images_share_a_key() -> None:
    assert key_of(row("a.jpg", 1)) != key_of(row("a.jpg", 2))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_the_suffix_is_that_of_the_bytes(kind: str) -> None:
    expected = {"JPEG": ".jpg"}.get(kind, f".{kind.lower()}")
    assert suffix_of(row("a.wrong"), picture_bytes(1, kind)) == expected


def test_bytes_of_another_kind_keep_their_suffix() -> None:
    assert suffix_of(row("a.AVIF"), b"????") == ".avif"
    assert suffix_of(row("a.not a suffix"), b"????") == ".bin"
    assert suffix_of(row("data:image/png;sha256=1.5"), b"????") == ".bin"


def test_pictures_lie_ten_thousand_a_folder(tmp_path: Path) -> None:
    assert store_picture(row("a.png", 9_999), picture_bytes(1), tmp_path) == "00000/000009999-a.png"
    assert store_picture(row("a.png", 10_000), picture_bytes(1), tmp_path) == "00001/000010000-a.png"
    assert (tmp_path / "00001" / "000010000-a.png").read_bytes() == picture_bytes(1)


def test_nothing_is_fetched_even_from_a_host_that_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"here")
    read = pictures_without_network(Settings(local_files_root=tmp_path, image_hosts=("127.0.0.1:9",)))
    assert read("/data/local-files/?d=a.png") == b"here"
    assert read(INLINE) == picture_bytes(4)
    for elsewhere in (
        "http://127.0.0.1:9/a.png", "s3://bucket/a.png", "/data/upload/7/a.png", "/data/local-files/?d=../x",
        "/tasks/7/resolve/?fileuri=czM6Ly9idWNrZXQvYS5qcGc=", "",
    ):  # fmt: skip
        assert read(elsewhere) is None
