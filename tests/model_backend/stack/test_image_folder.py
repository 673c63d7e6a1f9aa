"""Looking through a folder: whatever lies in it is either usable or named with its reason."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from annotator.errors import OnetagError
from annotator.files import file_stamp
from model_backend.stack.image_folder import Problem, look_through

BYTES, PIXELS = 2**20, 1_000_000


def picture(
    colour: tuple[int, ...] = (200, 30, 30), size: tuple[int, int] = (24, 16), **options: Any
) -> bytes:
    stream = io.BytesIO()
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[len(colour)]
    Image.new(mode, size, colour if len(colour) > 1 else colour[0]).save(
        stream, **{"format": "JPEG"} | options
    )
    return stream.getvalue()


def bomb() -> bytes:
    """A PNG of a few bytes that says it is 60,000 pixels wide and high."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"0"))
        + chunk(b"IEND", b"")
    )


def sixteen_bit() -> bytes:
    stream = io.BytesIO()
    Image.new("I;16", (8, 8), 40_000).save(stream, format="PNG")
    return stream.getvalue()


def animated() -> bytes:
    stream = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), (index * 90, 0, 0)) for index in range(3)]
    frames[0].save(stream, format="GIF", save_all=True, append_images=frames[1:])
    return stream.getvalue()


def rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return picture((0, 90, 0), exif=exif)


GOOD = {
    "plain.jpg": picture(),
    "deep/er/name with space.JPG": picture((1, 2, 3)),
    "cmyk.jpg": picture((10, 20, 30, 40)),
    "sixteen.png": sixteen_bit(),
    "animated.gif": animated(),
    "rotated.jpg": rotated(),
    "really-a-jpeg.png": picture((9, 9, 200)),
    "猫 & <dog>.jpg": picture((3, 200, 3)),
}
BAD = {
    "empty.jpg": (b"", "empty"),
    "truncated.jpg": (picture((7, 7, 7), (300, 300))[:400], "damaged|cut short"),
    "text.jpg": (b"this is no picture", "not an image"),
    "bomb.png": (bomb(), "pixels"),
    "heavy.jpg": (b"x" * (BYTES + 1), "ONETAG_MAX_IMAGE_BYTES"),
    "zz-copy.jpg": (picture(), "same picture as plain.jpg"),
    "scan.tiff": (b"II*\x00", "convert"),
}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_every_usable_picture_is_found_whatever_its_kind(tmp_path: Path) -> None:
    found = look_through(write(tmp_path, GOOD), BYTES, PIXELS)
    assert set(found.files) == set(GOOD)
    assert list(found.files) == sorted(found.files)
    assert found.problems == ()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_with_its_reason_and_the_others_go_on(tmp_path: Path, name: str) -> None:
    data, reason = BAD[name]
    found = look_through(write(tmp_path, {"plain.jpg": GOOD["plain.jpg"], name: data}), BYTES, PIXELS)
    assert found.files == ("plain.jpg",)
    (problem,) = found.problems
    assert problem.file == name
    assert any(part in problem.reason for part in reason.split("|")), problem.reason


def test_other_files_are_counted_and_hidden_ones_passed_over(tmp_path: Path) -> None:
    files = {"a.jpg": picture(), "notes.txt": b"x", "labels.csv": b"x", ".hidden/b.jpg": picture((5, 5, 5))}
    found = look_through(write(tmp_path, files), BYTES, PIXELS)
    assert (found.files, found.others) == (("a.jpg",), ("labels.csv", "notes.txt"))


def test_a_file_that_vanishes_or_may_not_be_read_is_a_problem_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, {"a.jpg": picture()})
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    found = look_through(tmp_path, BYTES, PIXELS)
    assert found.files == ("a.jpg",)
    assert "No such file" in found.problems[0].reason


def test_what_was_found_whole_before_is_compared_but_not_decoded_again(tmp_path: Path) -> None:
    data = b"checked long ago"
    write(tmp_path, {"a.jpg": data, "b.jpg": data, "c.jpg": b"never seen"})
    opened = frozenset({hashlib.sha256(data).hexdigest()})
    found = look_through(tmp_path, BYTES, PIXELS, opened=opened)
    assert found.files == ("a.jpg",)
    reasons = {problem.file: problem.reason for problem in found.problems}
    assert reasons["b.jpg"] == "the same picture as a.jpg"
    assert "not an image" in reasons["c.jpg"]
    assert found.contents["a.jpg"].digest in opened


def test_of_equal_pictures_the_one_that_was_imported_is_kept(tmp_path: Path) -> None:
    write(tmp_path, {"a copy.jpg": picture(), "original.jpg": picture()})
    found = look_through(tmp_path, BYTES, PIXELS, known=frozenset({"original.jpg"}))
    assert found.files == ("original.jpg",)
    assert found.problems == (Problem("a copy.jpg", "the same picture as original.jpg"),)


def test_a_name_that_is_not_utf8_is_left_out_with_the_reason(tmp_path: Path) -> None:
    write(tmp_path, {"a.jpg": picture()})
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).write_bytes(picture((1, 2, 3)))
    below = tmp_path / os.fsdecode(b"f\xfcnf")
    below.mkdir()
    (below / "b.jpg").write_bytes(picture((4, 5, 6)))
    found = look_through(tmp_path, BYTES, PIXELS)
    assert found.files == ("a.jpg",)
    assert [problem.file for problem in found.problems] == ["caf\\xe9.jpg", "f\\xfcnf"]
    assert {problem.reason for problem in found.problems} == {"its name is not UTF-8: rename it"}


def test_pictures_are_known_by_their_content(tmp_path: Path) -> None:
    good = {
        "photo.jfif": picture((1, 1, 200)),
        "no extension": picture((2, 200, 2)),
        "odd.dat": picture((200, 2, 200), format="PNG"),
        "b.PJPEG": picture((90, 90, 2)),
    }
    bad = {
        "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        "drawing without extension": (b"<?xml version='1.0'?>\n<svg/>", "SVG"),
        "really a TIFF.jpg": (picture((3, 3, 3), format="TIFF"), "browsers cannot show"),
        "a TIFF": (picture((4, 4, 4), format="TIFF"), "browsers cannot show"),
        "scan.heic": (b"\0\0\0\x18ftypheic", "browsers cannot show"),
    }
    other = {"notes": b"BM, that is: just text", "run.sh": b"#!/bin/sh", "empty": b""}
    found = look_through(
        write(tmp_path, good | {name: data for name, (data, _) in bad.items()} | other), BYTES, PIXELS
    )
    assert set(found.files) == set(good)
    assert {problem.file for problem in found.problems} == set(bad)
    for problem in found.problems:
        assert bad[problem.file][1] in problem.reason
    assert set(found.others) == set(other)


def test_links_that_lead_out_of_the_folder_are_left_out_with_the_reason(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "photos"
    write(outside, {"secret.jpg": picture((7, 7, 7)), "deep/b.jpg": picture((8, 8, 8)), "notes.txt": b"x"})
    write(folder, {"a.jpg": picture(), "deep/c.jpg": picture((9, 9, 9))})
    (folder / "link.jpg").symlink_to(outside / "secret.jpg")
    (folder / "linked").symlink_to(outside / "deep")
    (folder / "notes.txt").symlink_to(outside / "notes.txt")
    (folder / "again").symlink_to(folder / "deep")
    (folder / "again.jpg").symlink_to(folder / "a.jpg")
    (folder / "loop").symlink_to(folder)
    found = look_through(folder, BYTES, PIXELS, known=frozenset({"link.jpg"}))
    assert found.files == ("a.jpg", "deep/c.jpg")
    reasons = {problem.file: problem.reason for problem in found.problems}
    for name in ("link.jpg", "linked"):
        assert "leads out of the folder" in reasons.pop(name)
    assert reasons == {
        "again": "a link to the folder deep, which is taken itself",
        "again.jpg": "a link to a.jpg, which is taken itself",
        "loop": "a link to the folder ., which is taken itself",
    }
    assert found.others == ("notes.txt",)


def test_a_link_within_the_folder_that_was_imported_stays(tmp_path: Path) -> None:
    write(tmp_path, {"z.jpg": picture()})
    (tmp_path / "a.jpg").symlink_to(tmp_path / "z.jpg")
    found = look_through(tmp_path, BYTES, PIXELS, known=frozenset({"a.jpg"}))
    assert found.files == ("a.jpg",)


def test_what_each_file_holds_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"rotated.jpg": rotated()})
    (content,) = look_through(tmp_path, BYTES, PIXELS).contents.values()
    assert content.digest == hashlib.sha256(rotated()).hexdigest()
    assert content.stamp == file_stamp((tmp_path / "rotated.jpg").stat())
    assert (content.width, content.height) == (16, 24), "upright"


def test_progress_ends_at_the_number_of_pictures(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    look_through(
        write(tmp_path, GOOD), BYTES, PIXELS, progress=lambda done, total: steps.append((done, total))
    )
    assert steps[-1] == (len(GOOD), len(GOOD))


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "holds no pictures"),
        ({"notes.txt": b"x"}, "holds no pictures"),
        ({"a.jpg": b"", "b.jpg": b"no"}, "None of the 2 pictures .* a.jpg"),
    ],
)
def test_a_folder_without_a_usable_picture_is_refused(
    tmp_path: Path, files: dict[str, bytes], reason: str
) -> None:
    with pytest.raises(OnetagError, match=reason):
        look_through(write(tmp_path, files), BYTES, PIXELS)


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OnetagError, match="not a folder"):
        look_through(tmp_path / "missing", BYTES, PIXELS)
