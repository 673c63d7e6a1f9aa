"""Reading the images of tasks, and only from where the settings allow.

A task's image is whatever somebody imported, so its address is not trusted: no other host than Label
Studio's, `image_hosts` and the cloud that Label Studio's own storage redirects to; the token to Label
Studio's own files alone; nothing outside of `local_files_root`; and never more bytes or seconds than the
settings say.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from urllib.parse import SplitResult, unquote, unquote_to_bytes

from annotator.addresses import LOCAL_FILES, local_file
from annotator.files import file_stamp
from annotator.labelstudio.client import Studio
from annotator.labelstudio.errors import ImageUnavailable
from annotator.labelstudio.fetch import CHUNK, Fetcher, capped, checked, shown, too_large
from annotator.settings import Settings
from annotator.unusable import Unusable

GONE = "gone"
"""The stamp of a file that is not there."""


class FolderFile(str):
    """A picture of a project without Label Studio: its name, relative to `folder`, where it is read."""

    folder: Path

    def __new__(cls, name: str, folder: Path) -> FolderFile:
        """Only the store's own names of a folder's files are ever one, and never an address of a task."""
        made = super().__new__(cls, name)
        made.folder = folder
        return made


def image_address(uri: str, folder: str | None) -> str:
    """Where an image is read: its own address, or a file of the folder of a project without tasks."""
    return uri if folder is None else FolderFile(uri, Path(folder))


class ImageSource:
    """Reads images by the addresses that tasks carry. Threads may share it."""

    def __init__(self, studio: Studio | None, settings: Settings) -> None:
        self._studio = studio
        self._settings = settings
        self._fetcher = Fetcher(studio, settings)

    def read(self, uri: str) -> bytes:
        """The bytes of an image, undecoded.

        Raises ImageUnavailable naming the way out when this image cannot be had, and LabelStudioError when
        Label Studio as a whole cannot be read.
        """
        if isinstance(uri, FolderFile):
            return self._below(uri.folder, uri, uri, "Put it back, or import again without it.")
        parts = checked(uri)
        if parts.scheme == "data":
            return self._inline(uri)
        if parts.scheme in ("http", "https"):
            return self._from_host(uri, parts)
        if parts.scheme or parts.netloc:
            raise ImageUnavailable(
                f"{shown(uri)} lies where onetag cannot read.",
                "Let Label Studio sync it, or import addresses of a host that ONETAG_IMAGE_HOSTS names.",
                Unusable.NOT_ALLOWED,
            )
        return self._from_studio(uri, parts)

    def stamp(self, uri: str) -> str | None:
        """What changes when the file of this address is written anew: `GONE` when it is not there.

        None for what is no file that can be seen here.
        """
        root, named = self._settings.local_files_root, local_file(uri)
        if isinstance(uri, FolderFile):
            root, named = uri.folder, uri
        if root is None or named is None:
            return None
        try:
            status = (root / named).stat()
        except FileNotFoundError:
            return GONE
        except (OSError, ValueError):
            return None
        return file_stamp(status)

    def _inline(self, uri: str) -> bytes:
        head, comma, body = uri.partition(",")
        damaged = ImageUnavailable(
            "The image's data: address is damaged or holds no data.",
            "Import the image again.",
            Unusable.NO_IMAGE,
        )
        if not comma:
            raise damaged
        if len(body) > self._settings.max_image_bytes * 4:
            raise too_large("The image in the task", self._settings.max_image_bytes)
        try:
            data = base64.b64decode(unquote(body)) if head.endswith(";base64") else unquote_to_bytes(body)
        except (binascii.Error, ValueError):
            raise damaged from None
        if len(data) > self._settings.max_image_bytes:
            raise too_large("The image in the task", self._settings.max_image_bytes)
        return data

    def _from_studio(self, uri: str, parts: SplitResult) -> bytes:
        """An image that Label Studio serves; local files directly, where we can see their folder."""
        path = self._fetcher.served(parts)
        if path is None:
            raise ImageUnavailable(
                f"{shown(uri)} is no image that Label Studio serves.",
                "Upload it, or import it by its full address.",
                Unusable.NOT_ALLOWED,
            )
        if path.startswith(LOCAL_FILES) and self._settings.local_files_root:
            return self._local(uri, self._settings.local_files_root)
        if self._studio is None:
            raise ImageUnavailable(
                f"{shown(uri)} lies in Label Studio.",
                "Set ONETAG_LABEL_STUDIO_URL and its token.",
                Unusable.NOT_ALLOWED,
            )
        return self._fetcher.fetch(self._studio.url + path, uri)

    def _local(self, uri: str, root: Path) -> bytes:
        fix = "Put it back, or set ONETAG_LOCAL_FILES_ROOT to the document root."
        return self._below(root, local_file(uri) or "", uri, fix)

    def _below(self, root: Path, named: str, uri: str, fix: str) -> bytes:
        """The bytes of a file below a folder, links that lead out of it not followed."""
        try:
            file = (root / named).resolve()
            if not file.is_relative_to(root.resolve()):
                raise ImageUnavailable(
                    f"{shown(uri)} leads out of {root}.",
                    "Put the picture itself into the folder, in the place of a link.",
                    Unusable.NOT_ALLOWED,
                )
            if file.is_file():
                with file.open("rb") as stream:
                    return capped(iter(lambda: stream.read(CHUNK), b""), uri, self._settings.max_image_bytes)
        except (OSError, ValueError) as error:
            raise ImageUnavailable(
                f"{shown(uri)} cannot be read ({type(error).__name__}).",
                "Check its rights.",
                Unusable.DENIED,
            ) from None
        raise ImageUnavailable(f"{shown(uri)} is no file below {root}.", fix)

    def _from_host(self, uri: str, parts: SplitResult) -> bytes:
        if self._fetcher.is_own(parts):
            if self._fetcher.served(parts) is not None:
                return self._from_studio(uri, parts)
        elif not self._fetcher.allowed(parts):
            raise ImageUnavailable(
                f"Images from {parts.hostname} are not read.",
                "If you trust it, add it to ONETAG_IMAGE_HOSTS.",
                Unusable.NOT_ALLOWED,
            )
        return self._fetcher.fetch(uri, uri)
