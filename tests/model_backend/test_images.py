from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from model_backend.errors import LearningError
from model_backend.images import ImageProblem, open_image

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
