"""Reading the images of tasks, and only from where the settings allow.

A task's image is whatever somebody imported, so its address is not trusted: no other host than Label Studio's
and `image_hosts`, no redirect to another, the token to Label Studio's own files alone, nothing outside of
`local_files_root`, and never more bytes than `max_image_bytes`.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qs, unquote, unquote_to_bytes, urljoin, urlsplit

import requests

from annotator.labelstudio.client import Studio
from annotator.labelstudio.errors import ImageUnavailable, LabelStudioRefused
from annotator.labelstudio.http import CONNECT_TIMEOUT, LOOPBACK
from annotator.settings import Settings

if TYPE_CHECKING:
    pass

SERVED = ("/data/", "/static/")  # where Label Studio serves files
LOCAL_FILES = "/data/local-files/"
REDIRECTS = 3
CHUNK = 2**16


class FolderFile(str):
    """A picture of a project without Label Studio: its name, relative to `folder`, where it is read."""

    folder: Path

    def __new__(cls, name: str, folder: Path) -> FolderFile:
        """Only the store's own names of a folder's files are ever one, and never an address of a task."""
        made = super().__new__(cls, name)
        made.folder = folder
        return made


class ImageSource:
    """Reads images by the addresses that tasks carry. Threads may share it."""

    def __init__(self, studio: Studio | None, settings: Settings) -> None:
        self._studio = studio
        self._settings = settings

    def read(self, uri: str) -> bytes:
        """The bytes of an image, undecoded.

        Raises ImageUnavailable naming the way out when this image cannot be had, and LabelStudioError when
        Label Studio as a whole cannot be read.
        """
        if isinstance(uri, FolderFile):
            return self._below(uri.folder, uri, "Put it back, or import again without it.")
        parts = _split(uri)
        if parts.scheme == "data":
            return self._inline(uri)
        if parts.scheme in ("http", "https"):
            return self._from_host(uri, parts)
        if parts.scheme or parts.netloc:
            raise ImageUnavailable(
                f"{_shown(uri)} lies where onetag cannot read.",
                "Let Label Studio sync it with pre-signed addresses, and name their host in "
                "ONETAG_IMAGE_HOSTS.",
            )
        return self._from_studio(uri, parts)

    def _inline(self, uri: str) -> bytes:
        head, comma, body = uri.partition(",")
        if not comma:
            raise ImageUnavailable("The image's data: address holds no data.", "Import the image again.")
        if len(body) > self._settings.max_image_bytes * 4:
            raise self._too_large("The image in the task")
        try:
            data = base64.b64decode(unquote(body)) if head.endswith(";base64") else unquote_to_bytes(body)
        except (binascii.Error, ValueError):
            raise ImageUnavailable(
                "The image's data: address is damaged.", "Import the image again."
            ) from None
        if len(data) > self._settings.max_image_bytes:
            raise self._too_large("The image in the task")
        return data

    def _from_studio(self, uri: str, parts: SplitResult) -> bytes:
        """An image that Label Studio serves; local files directly, where we can see their folder."""
        path = unquote(parts.path)
        if not path.startswith(SERVED) or ".." in path.split("/"):
            raise ImageUnavailable(
                f"{_shown(uri)} is no image that Label Studio serves.",
                "Upload it, or import it by its full address.",
            )
        if path.startswith(LOCAL_FILES) and self._settings.local_files_root:
            return self._local(uri, parts, self._settings.local_files_root)
        if self._studio is None:
            raise ImageUnavailable(
                f"{_shown(uri)} lies in Label Studio.", "Set ONETAG_LABEL_STUDIO_URL and its token."
            )
        try:
            response = self._studio.http.answer("GET", parts._replace(fragment="").geturl(), stream=True)
        except LabelStudioRefused as error:
            raise ImageUnavailable(
                f"Label Studio does not serve {_shown(uri)} ({error.status}).",
                "Is the file gone, or the storage of the project?",
            ) from None
        return self._body(response, uri)

    def _local(self, uri: str, parts: SplitResult, root: Path) -> bytes:
        named = parse_qs(parts.query).get("d", [""])[0].lstrip("/")
        return self._below(root, named, "Set ONETAG_LOCAL_FILES_ROOT to the document root.", uri)

    def _below(self, root: Path, named: str, fix: str, uri: str = "") -> bytes:
        """The bytes of a file below a folder, links that lead out of it not followed."""
        uri = uri or named
        try:
            file = (root / named).resolve()
            if file.is_relative_to(root.resolve()) and file.is_file():
                with file.open("rb") as stream:
                    return self._capped(iter(lambda: stream.read(CHUNK), b""), uri)
        except (OSError, ValueError) as error:
            raise ImageUnavailable(
                f"{_shown(uri)} cannot be read ({type(error).__name__}).", "Check its rights."
            ) from None
        raise ImageUnavailable(f"{_shown(uri)} is no file below {root}.", fix)

    def _from_host(self, uri: str, parts: SplitResult) -> bytes:
        own = urlsplit(self._studio.url) if self._studio else None
        if own is not None and _place(parts) == _place(own):
            within = parts.path.removeprefix(own.path)
            if unquote(within).startswith(SERVED):
                here = parts._replace(scheme="", netloc="", path=within)
                return self._from_studio(here.geturl(), here)
        elif not self._allowed(parts):
            raise ImageUnavailable(
                f"Images from {parts.hostname} are not read.",
                "If you trust it, add it to ONETAG_IMAGE_HOSTS.",
            )
        return self._fetch(uri)

    def _allowed(self, parts: SplitResult) -> bool:
        return any(host in (parts.hostname, parts.netloc) for host in self._settings.image_hosts)

    def _fetch(self, uri: str) -> bytes:
        """An image from another host, without any token, following redirects on that host alone."""
        address = uri
        with requests.Session() as session:
            session.trust_env = _split(uri).hostname not in LOOPBACK
            for _ in range(REDIRECTS + 1):
                try:
                    response = session.get(
                        address, stream=True, allow_redirects=False, timeout=self._timeout(), auth=_nobody
                    )
                except requests.exceptions.RequestException as error:
                    raise ImageUnavailable(
                        f"{_shown(uri)} cannot be fetched: {type(error).__name__}.",
                        "See that its host answers, then train again.",
                    ) from None
                if not response.is_redirect:
                    return self._ok(response, uri)
                response.close()
                address = _onward(address, response.headers["Location"])
        raise ImageUnavailable(
            f"{_shown(uri)} redirects in a circle.", "Import the image by its final address."
        )

    def _timeout(self) -> tuple[float, float]:
        limit = self._settings.request_timeout
        return min(CONNECT_TIMEOUT, limit), limit

    def _ok(self, response: requests.Response, uri: str) -> bytes:
        if response.status_code != 200:
            response.close()
            raise ImageUnavailable(
                f"{_shown(uri)} answers {response.status_code}.", "Check the address in the task."
            )
        return self._body(response, uri)

    def _body(self, response: requests.Response, uri: str) -> bytes:
        with closing(response):
            try:
                return self._capped(response.iter_content(CHUNK), uri)
            except requests.exceptions.RequestException as error:
                raise ImageUnavailable(
                    f"{_shown(uri)} broke off ({type(error).__name__}).", "Try again."
                ) from None

    def _capped(self, chunks: Iterable[bytes], uri: str) -> bytes:
        """All chunks together, unless they are too many or too slow."""
        deadline = time.monotonic() + self._settings.request_timeout
        data = bytearray()
        for chunk in chunks:
            data += chunk
            if len(data) > self._settings.max_image_bytes:
                raise self._too_large(_shown(uri))
            if time.monotonic() > deadline:
                raise ImageUnavailable(f"{_shown(uri)} comes too slowly.", "Raise ONETAG_REQUEST_TIMEOUT.")
        return bytes(data)

    def _too_large(self, what: str) -> ImageUnavailable:
        limit = self._settings.max_image_bytes
        return ImageUnavailable(
            f"{what} is larger than {limit:,} bytes.", "Raise ONETAG_MAX_IMAGE_BYTES to allow it."
        )


def _split(uri: str) -> SplitResult:
    try:
        parts = urlsplit(uri.strip())
        _ = parts.port
    except ValueError:
        raise ImageUnavailable(f"{_shown(uri)} is not an address.", "Correct the task's data.") from None
    return parts


def _place(parts: SplitResult) -> tuple[str, str | None, int | None]:
    ports = {"http": 80, "https": 443}
    return parts.scheme, parts.hostname, parts.port or ports.get(parts.scheme)


def _onward(address: str, location: str) -> str:
    """Where a redirect leads, on the same host."""
    target = urljoin(address, location)
    if _place(_split(target)) != _place(_split(address)):
        raise ImageUnavailable(
            f"{_shown(address)} redirects to another host.",
            "Import the image by its final address, and add that host to ONETAG_IMAGE_HOSTS.",
        )
    return target


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No credentials, also not those of a ~/.netrc."""
    return request


def _shown(uri: str) -> str:
    """An address for a message: short, and without what may be a signature or a password."""
    try:
        parts = urlsplit(uri.strip())
        hidden = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")
        if not parts.path.startswith(LOCAL_FILES):
            hidden = hidden._replace(query="")
        text = hidden.geturl()
    except ValueError:
        text = "The image's address"
    return text if len(text) <= 120 else f"{text[:60]}...{text[-40:]}"
