"""Thumbnails: small, upright and bare, made again when the file changes, by few at once."""

import io
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from annotator.dashboard.services import NoPicture, Picture, PicturesBusy
from annotator.files import file_stamp
from annotator.labelstudio.images import FolderFile, ImageSource
from annotator.settings import Settings, load_settings
from model_backend.images import DecodingRoom
from model_backend.server.thumbnails import AT_ONCE, THUMBNAILS_FILE, Thumbnails, decoders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "images"
    made.mkdir()
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path / "data", request_timeout=0.5, image_hosts="127.0.0.1")


@pytest.fixture
def thumbnails(settings: Settings) -> Thumbnails:
    return Thumbnails(settings)


def photograph(width: int = 800, height: int = 600, seed: int = 0) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def picture(folder: Path, name: str = "a.jpg", data: bytes | None = None, **known: Any) -> Picture:
    """A file of a folder project, written first unless `data` is None."""
    if data is not None:
        (folder / name).write_bytes(data)
    fields = {"digest": None, "stamp": None, "problem": None}
    return Picture(FolderFile(name, folder), **(fields | known))


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


@pytest.mark.parametrize("size", [160, 320, 960])
@pytest.mark.parametrize("shape", [(4000, 1000), (1000, 4000), (1600, 1600)])
def test_the_longer_side_is_as_long_as_asked(
    thumbnails: Thumbnails, folder: Path, size: int, shape: tuple[int, int]
) -> None:
    small = opened(thumbnails.thumbnail(picture(folder, data=encoded(photograph(*shape))), size).content())
    assert max(small.size) == size
    assert small.width / small.height == pytest.approx(shape[0] / shape[1], rel=0.02)


def test_a_small_picture_is_not_blown_up(thumbnails: Thumbnails, folder: Path) -> None:
    assert opened(
        thumbnails.thumbnail(picture(folder, data=encoded(photograph(40, 30))), 320).content()
    ).size == (
        40,
        30,
    )


def test_it_looks_as_the_picture_does(thumbnails: Thumbnails, folder: Path) -> None:
    whole = photograph(2000, 1500)
    small = opened(thumbnails.thumbnail(picture(folder, data=encoded(whole, quality=95)), 320).content())
    difference = np.asarray(small, float) - np.asarray(
        whole.resize(small.size, Image.Resampling.LANCZOS), float
    )
    assert np.abs(difference).mean() < 2.5


def test_it_is_upright_and_tells_nothing_of_where_it_was_taken(thumbnails: Thumbnails, folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "a camera"
    exif.get_ifd(0x8825)[1] = "N"
    data = encoded(photograph(800, 400), exif=exif, comment=b"at home", icc_profile=b"profile" * 40)
    content = thumbnails.thumbnail(picture(folder, data=data), 160).content()
    small = opened(content)
    assert small.size == (80, 160)
    assert not small.getexif()
    assert not {"comment", "icc_profile", "exif"} & set(small.info)
    assert b"camera" not in content


def test_a_thumbnail_is_made_once(
    thumbnails: Thumbnails, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = picture(folder, data=encoded(photograph()))
    first = thumbnails.thumbnail(asked, 160).content()
    monkeypatch.setattr("annotator.labelstudio.images.ImageSource.read", lambda *_: pytest.fail("read again"))
    assert thumbnails.thumbnail(asked, 160).content() == first


def test_a_file_that_is_gone_is_shown_as_it_was_when_it_was_read(
    settings: Settings, thumbnails: Thumbnails, folder: Path
) -> None:
    asked = picture(folder, data=encoded(photograph()))
    first, stamp = thumbnails.thumbnail(asked, 160).content(), file_stamp((folder / "a.jpg").stat())
    (folder / "a.jpg").unlink()
    gone = picture(folder, stamp=stamp, problem="The file is gone.")
    assert Thumbnails(settings).thumbnail(gone, 160).content() == first


def test_a_file_that_was_written_anew_has_another_tag_and_picture(
    thumbnails: Thumbnails, folder: Path
) -> None:
    asked = picture(folder, data=encoded(photograph(seed=1)))
    tag, first = thumbnails.thumbnail(asked, 160).tag, thumbnails.thumbnail(asked, 160).content()
    assert thumbnails.thumbnail(asked, 160).tag == tag
    assert thumbnails.thumbnail(asked, 320).tag != tag
    (folder / "a.jpg").write_bytes(encoded(photograph(seed=2, width=820)))
    assert thumbnails.thumbnail(asked, 160).tag != tag
    assert thumbnails.thumbnail(asked, 160).content() != first


def test_what_is_not_a_file_here_goes_by_the_digest(thumbnails: Thumbnails) -> None:
    address = "http://127.0.0.1/a.jpg"
    tags = {
        thumbnails.thumbnail(Picture(address, digest, None, None), 160).tag for digest in (None, "abc", "def")
    }
    assert len(tags) == 3
    assert not any("127" in tag for tag in tags), "a tag tells nothing of the address, which may hold a key"


def test_the_same_name_in_another_folder_is_another_picture(thumbnails: Thumbnails, folder: Path) -> None:
    other = folder.parent / "others"
    other.mkdir()
    tags = {thumbnails.thumbnail(picture(where, digest="abc"), 160).tag for where in (folder, other)}
    assert len(tags) == 2


def test_damage_in_the_cache_only_costs_time(
    settings: Settings, thumbnails: Thumbnails, folder: Path
) -> None:
    asked = picture(folder, data=encoded(photograph()))
    first = thumbnails.thumbnail(asked, 160).content()
    for file in settings.data_dir.glob(f"{THUMBNAILS_FILE}*"):
        file.write_bytes(b"rotten" * 1000)
    assert thumbnails.thumbnail(asked, 160).content() == first


def test_without_a_place_for_the_cache_pictures_are_shown_still(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "data" / THUMBNAILS_FILE).mkdir(parents=True)
    thumbnails = Thumbnails(load_settings(data_dir=tmp_path / "data"))
    assert (
        opened(thumbnails.thumbnail(picture(folder, data=encoded(photograph())), 160).content()).width == 160
    )


def png_that_says(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it has so many pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "empty"),
        (b"not a picture", "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "SVG"),
        (b"<!doctype html><script>alert(1)</script>", "web page"),
        (encoded(photograph())[:3000], "damaged"),
        (png_that_says(100_000, 100_000), "pixels"),
        (png_that_says(2000, 2000), "damaged"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "EPS"),
    ],
    ids=["empty", "text", "svg", "html", "cut short", "bomb", "bomb that is short", "eps"],
)
def test_what_is_no_picture_has_a_reason(
    thumbnails: Thumbnails, folder: Path, data: bytes, told: str
) -> None:
    with pytest.raises(NoPicture, match=told):
        thumbnails.thumbnail(picture(folder, data=data), 160).content()


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, folder: Path) -> None:
    thumbnails = Thumbnails(load_settings(data_dir=tmp_path / "data", max_image_bytes=1000))
    with pytest.raises(NoPicture, match="larger than"):
        thumbnails.thumbnail(picture(folder, data=encoded(photograph())), 160).content()


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "http://elsewhere.test/a.jpg", "/data/../secret", "//x/y", ""]
)
def test_nothing_is_read_from_where_the_settings_do_not_allow(thumbnails: Thumbnails, address: str) -> None:
    with pytest.raises(NoPicture):
        thumbnails.thumbnail(Picture(address, None, None, None), 160).content()


def test_a_link_out_of_the_folder_is_not_followed(thumbnails: Thumbnails, folder: Path) -> None:
    secret = folder.parent / "secret.jpg"
    secret.write_bytes(encoded(photograph()))
    (folder / "a.jpg").symlink_to(secret)
    with pytest.raises(NoPicture, match="leads out"):
        thumbnails.thumbnail(picture(folder), 160).content()


def test_what_could_not_be_read_for_the_learning_is_not_tried_for_each_browser(
    thumbnails: Thumbnails, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Picture("http://127.0.0.1/a.jpg", None, None, "The host does not answer.")
    monkeypatch.setattr("annotator.labelstudio.images.ImageSource.read", lambda *_: pytest.fail("read"))
    with pytest.raises(NoPicture, match="The host does not answer"):
        thumbnails.thumbnail(known, 160).content()


def test_a_file_that_was_mended_is_shown_before_the_learning_reads_it(
    thumbnails: Thumbnails, folder: Path
) -> None:
    mended = picture(folder, data=encoded(photograph()), stamp="1-1", problem="It was damaged.")
    assert opened(thumbnails.thumbnail(mended, 160).content()).width == 160


def test_its_file_is_looked_at_once(
    thumbnails: Thumbnails, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    real = ImageSource.stamp

    def stamp(source: ImageSource, address: str) -> str | None:
        looked.append(address)
        return real(source, address)

    monkeypatch.setattr(ImageSource, "stamp", stamp)
    asked = picture(folder, data=encoded(photograph()))
    small = thumbnails.thumbnail(asked, 160)
    assert small.tag
    assert opened(small.content()).width == 160
    assert looked == [asked.address]


@pytest.fixture
def silent_host() -> Iterator[str]:
    """The address of a host that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_silent_host_is_waited_for_by_few_and_not_for_long(
    thumbnails: Thumbnails, folder: Path, silent_host: str
) -> None:
    """While it is, what is kept is shown at once, and whoever comes beyond is sent away at once."""
    kept = picture(folder, data=encoded(photograph()))
    thumbnails.thumbnail(kept, 160).content()
    slow = [Picture(f"{silent_host}/{number}.jpg", None, None, None) for number in range(AT_ONCE)]
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(_outcome, thumbnails, each) for each in slow]
        _until(lambda: thumbnails._at_once._value == 0)
        asked = time.monotonic()
        assert _outcome(thumbnails, kept) == "shown"
        assert _outcome(thumbnails, Picture(f"{silent_host}/more.jpg", None, None, None)) == "busy"
        assert time.monotonic() - asked < 0.3
        assert {each.result() for each in waiting} == {"no picture"}
    assert time.monotonic() - began < 3
    assert _outcome(thumbnails, picture(folder, "b.jpg", encoded(photograph()))) == "shown"


def test_no_more_are_decoded_at_once_than_may(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, now, most = threading.Lock(), 0, 0

    class Counting(DecodingRoom):
        def for_image(self, data: bytes) -> Any:
            return _counted(super().for_image(data))

    def _counted(room: Any) -> Any:
        class Both:
            def __enter__(self) -> None:
                nonlocal now, most
                room.__enter__()
                with lock:
                    now += 1
                    most = max(most, now)
                time.sleep(0.02)

            def __exit__(self, *told: object) -> None:
                nonlocal now
                with lock:
                    now -= 1
                room.__exit__(*told)

        return Both()

    thumbnails = Thumbnails(settings, Counting())
    asked = [picture(folder, f"{number}.jpg", encoded(photograph(seed=number))) for number in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(lambda each: _outcome(thumbnails, each), asked))
    assert outcomes == ["shown"] * AT_ONCE
    assert most == decoders()


def _outcome(thumbnails: Thumbnails, asked: Picture) -> str:
    try:
        thumbnails.thumbnail(asked, 160).content()
    except PicturesBusy:
        return "busy"
    except NoPicture:
        return "no picture"
    return "shown"


def _until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 5
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.005)
