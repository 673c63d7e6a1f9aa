"""From image bytes of any kind to an upright RGB image, or an `ImageProblem` with the reason."""

from __future__ import annotations

import re
import warnings
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from model_backend.errors import LearningError

MAX_PIXELS = 100_000_000

# The filters of `warnings` belong to the whole process and cannot be set and restored around a decode
# without a race between threads: one narrow entry is added once and stays.
_PILLOW = re.compile(r"PIL\.")
_IGNORE_PILLOW = ("ignore", None, Warning, _PILLOW, 0)


class ImageProblem(LearningError):  # noqa: N818 (a problem of the image, not an error of ours)
    """An image that cannot be used, with what is wrong with it."""


def open_image(data: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode the first frame of an image: RGB, 8 bits, upright, transparency on white.

    The bytes decide on the format, never a file name. Raises ImageProblem for anything that is not a whole
    image of at most `max_pixels` pixels; no other exception and no warning of Pillow's escapes.
    """
    if not data:
        raise ImageProblem("The file is empty (0 bytes).")
    _ignore_pillow_warnings()
    try:
        with Image.open(BytesIO(data)) as image:
            _check_size(image.size, max_pixels)
            image.load()
            return _as_rgb(_upright(image))
    except ImageProblem:
        raise
    except Image.DecompressionBombError:
        raise ImageProblem(
            f"The image has more than the {max_pixels:,} pixels allowed.", "Scale it down."
        ) from None
    except UnidentifiedImageError:
        raise _unidentified(data) from None
    except MemoryError:
        raise ImageProblem("There is not enough memory to decode the image.", "Scale it down.") from None
    except Exception as error:  # Pillow's plugins raise nearly anything on damaged bytes
        raise ImageProblem(f"The image is damaged or cut short ({error or type(error).__name__}).") from None


def _ignore_pillow_warnings() -> None:
    if _IGNORE_PILLOW not in warnings.filters:
        warnings.filterwarnings("ignore", module=_PILLOW.pattern)


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise ImageProblem(
            f"The image has {width} x {height} pixels, more than the {max_pixels:,} allowed.",
            "Scale it down.",
        )


def _unidentified(data: bytes) -> ImageProblem:
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in head:
        return ImageProblem("This is an SVG drawing, not a picture made of pixels.", "Export it as PNG.")
    if head.startswith((b"<!doctype html", b"<html")):
        return ImageProblem(
            "This is a web page, not an image.",
            "Does its address need a login, or show a page about the image?",
        )
    return ImageProblem("This is not an image that can be read: no known format.")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # the pixels are whole; only the note on how the camera was held is damaged
        return image


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _eight_bits(np.asarray(image)).convert("RGB")
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        white = Image.new("RGBA", seen.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, seen).convert("RGB")
    return image.convert("RGB")


def _eight_bits(values: NDArray[Any]) -> Image.Image:
    """Grey values of 16 or 32 bits or floats, by the full range of the narrowest type that holds them."""
    finite = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    brightest = float(finite.max(initial=0.0))
    if np.issubdtype(values.dtype, np.floating):
        ranges: tuple[float, ...] = (1.0, 255.0, 65535.0)
    elif values.dtype.itemsize == 2:
        ranges = (65535.0,)
    else:
        ranges = (255.0, 65535.0)
    full = next((top for top in ranges if brightest <= top), brightest)
    return Image.fromarray(np.clip(finite * (255.0 / full), 0.0, 255.0).round().astype(np.uint8))
