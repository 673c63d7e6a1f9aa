"""Small pictures of images, made when a browser asks for them, and kept on disk.

Webhooks are answered by the same threads, so few may be at pictures: whoever comes beyond is told to ask
again. What is read, and from where, is bounded as for the learning (`ImageSource`, `open_image`).
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO

from PIL import Image

from annotator.dashboard.services import NoPicture, Picture, PicturesBusy, Thumbnail
from annotator.errors import OnetagError
from annotator.labelstudio.connection import open_studio
from annotator.labelstudio.images import GONE, FolderFile, ImageSource
from annotator.private import FOLDER
from annotator.settings import Settings, renewed
from model_backend.errors import LearningError
from model_backend.images import DecodingRoom, ImageProblem, open_image
from model_backend.server.thumbnail_cache import ThumbnailCache

THUMBNAILS_FILE = "thumbnails.sqlite"
AT_ONCE = 6  # requests that read or decode, or wait to: as many as a browser sends to a host together
MOST_DECODERS = 4  # of those that decode
SECONDS = 8.0  # for a host to send a picture
QUALITY = 80  # WebP of the same look is a quarter smaller, and takes ten times as long to make

log = logging.getLogger(__name__)


class Thumbnails:
    """The pictures of all projects: `annotator.dashboard.services.Pictures`. Threads may share it.

    room: the memory that decoding shares with what else decodes in this process.
    """

    def __init__(self, settings: Settings, room: DecodingRoom | None = None) -> None:
        self._settings = settings
        self._source = _open_source(settings)
        self._room = room or DecodingRoom(settings.decoding_bytes)
        self._cache = ThumbnailCache(settings.data_dir / THUMBNAILS_FILE, settings.thumbnail_bytes)
        self._at_once = threading.BoundedSemaphore(AT_ONCE)
        self._decoders = threading.BoundedSemaphore(decoders())

    def thumbnail(self, picture: Picture, size: int) -> Thumbnail:
        """The thumbnail of a picture as it is now; nothing of it is read yet."""
        source = self._renewed_source()
        return _Thumbnail(self, source, picture, size, source.stamp(picture.address))

    def content(self, asked: _Thumbnail) -> bytes:
        """What a thumbnail gives, see `annotator.dashboard.services.Thumbnail`."""
        kept = self._kept(asked.tag)
        if kept is not None:
            return kept
        picture = asked.picture
        if not picture.address or (picture.problem and asked.stamp in (None, picture.stamp)):
            raise NoPicture(picture.problem or "The task names no image.")
        with self._place():
            content = self._kept(asked.tag) or self._made(asked)
            self._keep(asked.tag, content)
        return content

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._at_once.acquire(blocking=False):
            raise PicturesBusy
        try:
            yield
        finally:
            self._at_once.release()

    def _made(self, asked: _Thumbnail) -> bytes:
        try:
            data = asked.source.read(asked.picture.address)
            with self._decoders, self._room.for_image(data):
                return _scaled(data, asked.size, self._settings.max_image_pixels)
        except (ImageProblem, OnetagError) as error:
            raise NoPicture(error.problem) from None

    def _kept(self, tag: str) -> bytes | None:
        try:
            self._cache.path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER)
            return self._cache.get(tag)
        except (LearningError, OSError) as error:
            log.warning("Thumbnails are made anew: %s", error)
            return None

    def _keep(self, tag: str, content: bytes) -> None:
        try:
            self._cache.put(tag, content)
        except LearningError as error:
            log.warning("A thumbnail cannot be kept: %s", error)

    def _renewed_source(self) -> ImageSource:
        """Reads as the settings say by now: `onetag connect` may have told of another Label Studio."""
        settings = renewed(self._settings)
        if settings is not self._settings:
            self._source, self._settings = _open_source(settings), settings
        return self._source


def decoders() -> int:
    """How many pictures are decoded at once: a core is left for who answers webhooks, where there are two."""
    return max(1, min(MOST_DECODERS, (os.cpu_count() or 1) - 1))


def _open_source(settings: Settings) -> ImageSource:
    bounded = settings.model_copy(update={"request_timeout": min(SECONDS, settings.request_timeout)})
    return ImageSource(open_studio(bounded), bounded)


@dataclass(frozen=True)
class _Thumbnail:
    """A thumbnail that was asked for. stamp: of the file as it is now, where one can be seen."""

    made_by: Thumbnails
    source: ImageSource
    picture: Picture
    size: int
    stamp: str | None

    @cached_property
    def tag(self) -> str:
        """Names one thumbnail of one state of an image, and never another; tells nothing of its address."""
        picture = self.picture
        folder = picture.address.folder if isinstance(picture.address, FolderFile) else ""
        seen = picture.stamp if self.stamp in (None, GONE) else self.stamp
        state = f"{folder}\n{picture.address}\n{seen or picture.digest}"
        return f"{hashlib.sha256(state.encode('utf-8', 'surrogatepass')).hexdigest()[:40]}-{self.size}"

    def content(self) -> bytes:
        """A JPEG file within size x size pixels, upright, without what cameras write beside pictures."""
        return self.made_by.content(self)


def _scaled(data: bytes, size: int, max_pixels: int) -> bytes:
    """The JPEG file of a picture within size x size pixels. Raises ImageProblem."""
    picture = open_image(data, max_pixels, draft=2 * size)
    picture.thumbnail((size, size), Image.Resampling.BICUBIC, reducing_gap=2.0)
    picture.info = {}
    stream = BytesIO()
    picture.save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()
