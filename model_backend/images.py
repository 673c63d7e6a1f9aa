"""From image bytes of any kind to an upright RGB image, or an `ImageProblem` with the reason.

What a decoder gets is bounded twice: its format by a list, for some of Pillow's readers start other programs
(EPS: Ghostscript), and its memory by the `DecodingRoom` that all threads of a process share. JPEG's draft
mode is for thumbnails alone: it moves the features of large pictures by up to 0.035.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from model_backend.errors import LearningError

MAX_PIXELS = 100_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
BAND = 2**20  # pixels that are converted at once
PIXEL_BYTES = 9  # the most that decoding holds for a pixel: four as stored, four as RGB, and a band's share
ROOM = 2**30  # bytes

# The filters of `warnings` belong to the whole process and cannot be set and restored around a decode
# without a race between threads: one narrow entry is added once and stays.
_PILLOW = re.compile(r"PIL\.")
_IGNORE_PILLOW = ("ignore", None, Warning, _PILLOW, 0)

# The first bytes of what is often called a picture and is not read, with what it is.
_FOREIGN = {
    b"%!PS": "an EPS or PostScript drawing",
    b"\xc5\xd0\xd3\xc6": "an EPS drawing",
    b"%PDF": "a PDF document",
    b"8BPS": "a Photoshop document",
}


class ImageProblem(LearningError):  # noqa: N818 (a problem of the image, not an error of ours)
    """An image that cannot be used, with what is wrong with it."""


class ImageTooLarge(ImageProblem):
    """An image that is whole, but larger than the settings or the machine allow."""


class DecodingRoom:
    """The memory that all decoders of a process share, in bytes. Threads wait in it for their turn.

    >>> room = DecodingRoom(2**30)
    >>> with room.for_image(b"not an image"):  # what cannot be opened takes no room
    ...     pass
    """

    def __init__(self, size: int = ROOM) -> None:
        self._size = size
        self._free = size
        self._changed = threading.Condition()

    @contextmanager
    def for_image(self, data: bytes) -> Iterator[None]:
        """Hold what decoding this image takes, until the end of the block: its pixels live as long.

        An image that takes more than there is at all has the room to itself.
        """
        needed = min(decoding_bytes(data), self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= needed)
            self._free -= needed
        try:
            yield
        finally:
            with self._changed:
                self._free += needed
                self._changed.notify_all()


def decoding_bytes(data: bytes) -> int:
    """How much memory decoding takes at most, by the size that the image says it has; 0 when it says none."""
    _ignore_pillow_warnings()
    try:
        with Image.open(BytesIO(data), formats=_formats()) as image:
            return image.width * image.height * PIXEL_BYTES
    except Exception:  # whatever is wrong is told when it is opened
        return 0


def open_image(data: bytes, max_pixels: int = MAX_PIXELS, *, draft: int | None = None) -> Image.Image:
    """Decode the first frame of an image: RGB, 8 bits, upright, transparency on white.

    draft: in fewer pixels where that is quicker, so many of the longer side at least. The bytes decide on the
    format, never a file name. Raises ImageProblem for anything that is not a whole image of at most
    `max_pixels` pixels; no other exception and no warning of Pillow's escapes.
    """
    if not data:
        raise ImageProblem("The file is empty (0 bytes).")
    _ignore_pillow_warnings()
    try:
        with Image.open(BytesIO(data), formats=_formats()) as image:
            _check_size(image.size, max_pixels)
            if draft is not None:
                _decode_smaller(image, draft)
            image.load()
            return _as_rgb(_upright(image))
    except ImageProblem:
        raise
    except Image.DecompressionBombError:
        raise ImageTooLarge(
            f"The image has more than the {max_pixels:,} pixels allowed.", "Scale it down."
        ) from None
    except UnidentifiedImageError:
        raise _unidentified(data) from None
    except MemoryError:
        raise ImageTooLarge("There is not enough memory to decode the image.", "Scale it down.") from None
    except Exception as error:  # Pillow's plugins raise nearly anything on damaged bytes
        raise ImageProblem(f"The image is damaged or cut short ({error or type(error).__name__}).") from None


def _formats() -> list[str]:
    """Those of FORMATS that this Pillow reads: AVIF came with 11.3, and JPEG 2000 not with every build."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _ignore_pillow_warnings() -> None:
    if _IGNORE_PILLOW not in warnings.filters:
        warnings.filterwarnings("ignore", module=_PILLOW.pattern)


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise ImageTooLarge(
            f"The image has {width} x {height} pixels, more than the {max_pixels:,} allowed.",
            "Scale it down.",
        )


def _decode_smaller(image: Image.Image, longest: int) -> None:
    """Have JPEG's decoder leave out what a smaller picture does not show; other formats know no such way."""
    share = longest / max(image.size)
    if share < 1:
        image.draft(None, (max(1, int(image.width * share)), max(1, int(image.height * share))))


def _unidentified(data: bytes) -> ImageProblem:
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in head:
        return ImageProblem("This is an SVG drawing, not a picture made of pixels.", "Export it as PNG.")
    if head.startswith((b"<!doctype html", b"<html")):
        return ImageProblem(
            "This is a web page, not an image.",
            "Does its address need a login, or show a page about the image?",
        )
    foreign = next((name for start, name in _FOREIGN.items() if data.startswith(start)), None)
    if foreign is None and data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc"):
        foreign = "an HEIC photograph"
    if foreign is not None:
        return ImageProblem(f"This is {foreign}, which is not read.", "Export it as PNG or JPEG.")
    return ImageProblem("This is not an image that can be read: no known format.")


def _upright(image: Image.Image) -> Image.Image:
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:  # the pixels are whole; only the note on how the camera was held is damaged
        return image
    return image


def _as_rgb(image: Image.Image) -> Image.Image:
    """The image as RGB; what needs several steps band by band, so that no step holds all of its pixels."""
    if image.mode.startswith(("I", "F")):
        full = _full_range(image)
        return _banded(image, lambda band: _eight_bits(band, full))
    if image.has_transparency_data:
        return _banded(image, _on_white)
    return image if image.mode == "RGB" else image.convert("RGB")


def _banded(image: Image.Image, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    made = Image.new("RGB", image.size)
    for top, band in _bands(image):
        made.paste(convert(band), (0, top))
    return made


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """The image in full-width bands, each with its first row."""
    rows = max(1, BAND // image.width)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _on_white(band: Image.Image) -> Image.Image:
    seen = band.convert("RGBA")
    white = Image.new("RGBA", seen.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, seen).convert("RGB")


def _full_range(image: Image.Image) -> float:
    """What counts as white among grey values of 16 or 32 bits or floats: the top of the narrowest type."""
    dtype = np.asarray(image.crop((0, 0, 1, 1))).dtype
    if dtype.itemsize == 2:
        return 65535.0
    brightest = max(float(_finite(band).max(initial=0.0)) for _, band in _bands(image))
    ranges = (1.0, 255.0, 65535.0) if np.issubdtype(dtype, np.floating) else (255.0, 65535.0)
    return next((top for top in ranges if brightest <= top), brightest)


def _eight_bits(band: Image.Image, full: float) -> Image.Image:
    scaled = np.clip(_finite(band) * (255.0 / full), 0.0, 255.0)
    return Image.fromarray(scaled.round().astype(np.uint8)).convert("RGB")


def _finite(band: Image.Image) -> NDArray[np.float64]:
    values: NDArray[Any] = np.asarray(band)
    return np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
