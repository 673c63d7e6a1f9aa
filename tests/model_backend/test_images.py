from __future__ import annotations

import io
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from model_backend.errors import LearningError
from model_backend.images import (
    PIXEL_BYTES,
    DecodingRoom,
    ImageProblem,
    ImageTooLarge,
    decoding_bytes,
    open_image,
)

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def halves(left: Any, right: Any, mode: str = "RGB") -> Image.Image:
    image = Image.new(mode, (20, 10), left)
    image.paste(right, (10, 0, 20, 10))
    return image


def near(pixel: Any, colour: tuple[int, int, int], tolerance: int = 6) -> bool:
    return bool(np.abs(np.subtract(pixel, colour)).max() <= tolerance)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP"])
def test_every_usual_format_opens_whatever_the_file_was_called(kind: str) -> None:
    image = open_image(encoded(halves(RED, BLUE), kind))
    assert (image.mode, image.size) == ("RGB", (20, 10))
    assert near(image.getpixel((4, 5)), RED, 40)
    assert near(image.getpixel((15, 5)), BLUE, 40)


def test_an_exif_rotation_is_applied() -> None:
    image = halves(RED, BLUE)
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the picture is the right side of what is stored
    turned = open_image(encoded(image.resize((200, 100)), "JPEG", exif=exif, quality=95))
    assert turned.size == (100, 200)
    assert near(turned.getpixel((50, 20)), RED)
    assert near(turned.getpixel((50, 180)), BLUE)


def test_damaged_exif_leaves_the_picture() -> None:
    plain = encoded(halves(RED, BLUE), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7fgarbage")
    assert open_image(plain).size == (20, 10)


def test_cmyk_becomes_rgb() -> None:
    image = open_image(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95))
    assert image.mode == "RGB"
    red, green, blue = image.getpixel((4, 4))  # type: ignore[misc]
    assert red > 200
    assert max(green, blue) < 60


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    opened = np.asarray(open_image(encoded(Image.fromarray(ramp))))
    assert np.array_equal(opened[..., 0], np.round(ramp / 257).astype(np.uint8))
    assert np.array_equal(opened[..., 0], opened[..., 2])


@pytest.mark.parametrize(("brightest", "expected"), [(1.0, 255), (255.0, 255), (0.5, 128)])
def test_floating_point_pixels_are_scaled_by_their_range(brightest: float, expected: int) -> None:
    values = np.array([[0.0, brightest], [np.nan, -3.0]], np.float32)
    opened = np.asarray(open_image(encoded(Image.fromarray(values), "TIFF")))[..., 0]
    assert opened.tolist() == [[0, expected], [0, 0]]


def test_transparency_is_shown_on_white() -> None:
    image = open_image(encoded(halves((255, 0, 0, 255), (0, 0, 0, 0), "RGBA")))
    assert image.getpixel((4, 5)) == RED
    assert image.getpixel((15, 5)) == WHITE


def test_a_palette_with_a_transparent_colour_is_shown_on_white() -> None:
    image = halves(0, 1, "P")
    image.putpalette([0, 255, 0, 9, 9, 9])
    opened = open_image(encoded(image, transparency=1))
    assert opened.getpixel((4, 5)) == GREEN
    assert opened.getpixel((15, 5)) == WHITE


def test_a_palette_with_transparency_in_bytes_raises_no_warning() -> None:
    image = halves(0, 1, "P")
    image.putpalette([0, 255, 0, 9, 9, 9])
    assert open_image(encoded(image, transparency=bytes([255, 0]))).getpixel((15, 5)) == WHITE


@pytest.mark.parametrize("mode", ["1", "L", "LA", "YCbCr", "HSV", "LAB"])
def test_other_colour_models_open(mode: str) -> None:
    source = halves(RED, BLUE)
    if mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        image = ImageCms.profileToProfile(source, ImageCms.createProfile("sRGB"), lab, outputMode="LAB")
        assert image is not None
    else:
        image = source.convert(mode)
    kind = {"YCbCr": "JPEG", "LAB": "TIFF"}.get(mode, "PNG")
    assert open_image(encoded(image.convert("RGB") if mode == "HSV" else image, kind)).mode == "RGB"


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_counts(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, BLUE)]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
    assert near(open_image(data).getpixel((8, 8)), RED, 20)


def test_a_picture_of_one_pixel_opens() -> None:
    assert open_image(encoded(Image.new("RGB", (1, 1), BLUE))).getpixel((0, 0)) == BLUE


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"hello", "not an image"),
        (b"\x00" * 4096, "not an image"),
        (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\n <!DOCTYPE html><html><body>Log in</body></html>", "web page"),
        (b"\xef\xbb\xbf<html></html>", "web page"),
        (b"%PDF-1.7", "a PDF document"),
        (b"8BPS\x00\x01", "a Photoshop document"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00", "HEIC"),
    ],
)
def test_what_is_no_image_is_called_what_it_is(data: bytes, says: str) -> None:
    with pytest.raises(ImageProblem, match=says):
        open_image(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "WEBP"])
def test_a_truncated_image_is_a_problem(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    with pytest.raises(ImageProblem, match=r"damaged or cut short|not an image"):
        open_image(data[: len(data) // 2])


def test_no_damage_to_any_byte_raises_anything_else() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (12, 12, 3), dtype=np.uint8)
    opened = refused = 0
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "WEBP"):
        data = encoded(Image.fromarray(noise), kind)
        for place in range(0, len(data), 7):
            try:
                open_image(data[:place] + bytes([data[place] ^ 0xA5]) + data[place + 1 :])
                opened += 1
            except ImageProblem:
                refused += 1
    assert opened
    assert refused


def png_header(width: int, height: int) -> Iterator[bytes]:
    yield b"\x89PNG\r\n\x1a\n"
    for name, body in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0")),
        (b"IEND", b""),
    ):
        yield struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@pytest.mark.parametrize("side", [11_000, 60_000])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(side: int) -> None:
    with pytest.raises(ImageProblem, match=r"pixels.*Scale it down"):
        open_image(b"".join(png_header(side, side)))


def test_a_bomb_in_a_text_chunk_is_refused() -> None:
    info = PngInfo()
    info.add_text("comment", "x" * (2 * 2**20), zip=True)
    with pytest.raises(ImageProblem):
        open_image(encoded(Image.new("RGB", (4, 4)), pnginfo=info))


def test_the_pixel_limit_is_the_callers() -> None:
    data = encoded(Image.new("RGB", (30, 30)))
    assert open_image(data, max_pixels=900).size == (30, 30)
    with pytest.raises(LearningError, match="30 x 30 pixels, more than the 899"):
        open_image(data, max_pixels=899)


def test_only_pillows_warnings_are_silenced() -> None:
    open_image(encoded(Image.new("RGB", (4, 4))))
    with pytest.warns(UserWarning, match="ours"):
        warnings.warn("ours", stacklevel=1)


def test_a_format_whose_reader_starts_another_program_is_never_read() -> None:
    drawing = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"
    with Image.open(io.BytesIO(drawing)) as known_to_pillow:
        assert known_to_pillow.format == "EPS"
    with pytest.raises(ImageProblem, match="an EPS or PostScript drawing, which is not read"):
        open_image(drawing)


def test_what_is_too_large_is_told_from_what_is_damaged() -> None:
    data = encoded(Image.new("RGB", (30, 30)))
    with pytest.raises(ImageTooLarge):
        open_image(data, max_pixels=899)
    with pytest.raises(ImageProblem) as damaged:
        open_image(data[:-30])
    assert not isinstance(damaged.value, ImageTooLarge)


SIDE = 4000
MEASURE = """
import resource, sys
from model_backend.images import open_image
data = open(sys.argv[1], "rb").read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
open_image(data)
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


@pytest.mark.parametrize(
    ("mode", "colour", "kind"),
    [("I;16", 40_000, "PNG"), ("F", 0.5, "TIFF"), ("RGBA", (1, 2, 3, 99), "PNG"), ("RGB", (1, 2, 3), "JPEG")],
)
def test_decoding_peaks_at_what_its_room_is_reckoned_with(
    mode: str, colour: Any, kind: str, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"compression": "tiff_adobe_deflate"} if kind == "TIFF" else {}
    if kind == "JPEG":
        options["exif"] = Image.Exif()
        options["exif"][0x0112] = 6  # turned: twice in memory
    (tmp_path / "large").write_bytes(encoded(Image.new(mode, (SIDE, SIDE), colour), kind, **options))
    program = [sys.executable, "-c", MEASURE, str(tmp_path / "large")]
    measured = subprocess.run(program, capture_output=True, text=True, check=True)
    overhead = 48 * 2**20  # one band in double precision, and the code of the decoder
    assert int(measured.stdout) < PIXEL_BYTES * SIDE * SIDE + overhead


@pytest.mark.parametrize("mode", ["I;16", "F", "RGBA", "LA"])
def test_bands_make_no_difference(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    dtype = {"I;16": np.uint16, "F": np.float32}.get(mode, np.uint8)
    shape = (40, 30, len(mode))[: 2 if mode in ("I;16", "F") else 3]
    pixels = (random.random(shape) * 255).astype(dtype)
    data = encoded(Image.fromarray(pixels), "TIFF" if mode == "F" else "PNG")
    whole = np.asarray(open_image(data))
    monkeypatch.setattr("model_backend.images.BAND", 70)
    assert np.array_equal(np.asarray(open_image(data)), whole)


@pytest.mark.parametrize(("images", "together"), [(2.0, 2), (0.5, 1)])
def test_the_room_lets_in_what_fits_and_a_giant_alone(images: float, together: int) -> None:
    data = encoded(Image.new("RGB", (100, 100)))
    assert decoding_bytes(data) == 100 * 100 * PIXEL_BYTES
    room, lock = DecodingRoom(int(images * decoding_bytes(data))), threading.Lock()
    full = threading.Barrier(together)
    inside = most = 0

    def work() -> None:
        nonlocal inside, most
        with room.for_image(data):
            with lock:
                inside += 1
                most = max(most, inside)
            full.wait(5)  # holds the room until as many are in it as fit
            with lock:
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (most, inside) == (together, 0)


def test_what_cannot_be_opened_takes_no_room_and_gives_all_back() -> None:
    room = DecodingRoom(1)
    for _ in range(3):
        with pytest.raises(ImageProblem), room.for_image(b"no image"):
            open_image(b"no image")
    assert decoding_bytes(b"no image") == 0


def test_a_draft_has_fewer_pixels_and_never_fewer_than_asked() -> None:
    data = encoded(Image.new("RGB", (4000, 1000), RED), "JPEG")
    for asked in (100, 640, 3999, 9000):
        width, height = open_image(data, draft=asked).size
        assert min(asked, 4000) <= width <= max(2 * asked, 500)
        assert width == pytest.approx(4 * height, rel=0.02)
    assert open_image(encoded(halves(RED, BLUE)), draft=4).size == (20, 10)
