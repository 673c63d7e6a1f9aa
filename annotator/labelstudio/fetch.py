"""Getting an image over HTTP: whom to ask with which rights, for how long, and how far to follow."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import SplitResult, unquote, urljoin

import requests
from urllib3.exceptions import HTTPError

from annotator.addresses import LOCAL_FILES, RESOLVED, is_storage_host, object_address, split
from annotator.labelstudio.client import Studio
from annotator.labelstudio.deadline import DeadlineAdapter, NotPublic, TooSlow
from annotator.labelstudio.errors import ImageUnavailable
from annotator.labelstudio.http import CONNECT_TIMEOUT, LOOPBACK
from annotator.labelstudio.patience import Patience
from annotator.settings import Settings
from annotator.unusable import Unusable

SERVED = ("/data/", "/static/", "/storage-data/")  # where Label Studio serves files
REDIRECTS = 3
CHUNK = 2**16


class Fetcher:
    """Fetches from Label Studio with its token, and from others with none. Threads may share it."""

    def __init__(self, studio: Studio | None, settings: Settings) -> None:
        self._studio = studio
        self._own = checked(studio.url) if studio else None
        self._settings = settings
        self._patience = Patience()
        self._adapter = DeadlineAdapter()
        self._sessions = {trust: _session(self._adapter, trust_env=trust) for trust in (True, False)}

    def served(self, parts: SplitResult) -> str | None:
        """Path and query, below Label Studio's own address, of a file that it serves; None for its pages."""
        path = parts.path
        if self._own is not None and self._own.path:
            path = f"/{path.removeprefix(f'{self._own.path}/').lstrip('/')}"
        plain = unquote(path)
        if ".." in plain.split("/") or not (plain.startswith(SERVED) or RESOLVED.fullmatch(plain)):
            return None
        return parts._replace(scheme="", netloc="", path=path, fragment="").geturl()

    def is_own(self, parts: SplitResult) -> bool:
        """Whether an address is Label Studio's, and not only of the same host."""
        if self._own is None or _place(parts) != _place(self._own):
            return False
        return not self._own.path or parts.path.startswith(f"{self._own.path}/")

    def allowed(self, parts: SplitResult) -> bool:
        """Whether the settings name this host."""
        return any(host in (parts.hostname, parts.netloc) for host in self._settings.image_hosts)

    def fetch(self, address: str, uri: str) -> bytes:
        """The bytes at an address that may be asked, redirects followed to where they may lead.

        uri: the address in the task. Raises ImageUnavailable, and LabelStudioError for what concerns all.
        """
        before = time.monotonic() + self._settings.request_timeout
        for _ in range(REDIRECTS + 1):
            data, onward = self._ask(address, uri, before - time.monotonic())
            if onward is None:
                return data
            address = onward
        raise ImageUnavailable(
            f"{shown(uri)} redirects in a circle.", "Import the image by its final address.", Unusable.DENIED
        )

    def _ask(self, address: str, uri: str, seconds: float) -> tuple[bytes, str | None]:
        """The body of an answer, or where a redirect leads; what the host does is remembered."""
        host = checked(address).netloc
        self._patience.require(host)
        try:
            with self._open(address, uri, seconds) as response:
                onward = self._onward(address, response, uri)
                data = self._received(response, uri) if onward is None else b""
        except TooSlow:
            self._patience.failed(host)
            fix = "ONETAG_REQUEST_TIMEOUT is the limit; it is tried again by itself."
            raise ImageUnavailable(f"{shown(uri)} comes too slowly.", fix, Unusable.UNREACHED) from None
        except ImageUnavailable as error:
            note = self._patience.failed if error.reason is Unusable.UNREACHED else self._patience.answered
            note(host)
            raise
        self._patience.answered(host)
        return data, onward

    @contextmanager
    def _open(self, address: str, uri: str, seconds: float) -> Iterator[requests.Response]:
        """The answer of Label Studio, with its token, or of another host, with none."""
        parts = checked(address)
        path = self.served(parts) if self.is_own(parts) else None
        if self._studio is not None and path is not None:
            with self._studio.http.file(path, within=seconds) as response:
                yield response
            return
        public = not (self.allowed(parts) or self.is_own(parts))
        # A proxy of the environment cannot reach this machine's own loopback.
        session = self._sessions[parts.hostname not in LOOPBACK]
        limits = min(CONNECT_TIMEOUT, seconds), seconds
        try:
            with (
                self._adapter.within(seconds, public=public),
                closing(
                    session.get(address, stream=True, allow_redirects=False, timeout=limits, auth=_nobody)
                ) as response,
            ):
                yield response
        except NotPublic:
            raise ImageUnavailable(
                f"{parts.hostname} is an address of a private network.",
                "If you trust it, add it to ONETAG_IMAGE_HOSTS.",
                Unusable.NOT_ALLOWED,
            ) from None
        except requests.exceptions.RequestException as error:
            raise ImageUnavailable(
                f"{shown(uri)} cannot be fetched: {type(error).__name__}.",
                "See that its host answers; it is tried again by itself.",
                Unusable.UNREACHED,
            ) from None

    def _received(self, response: requests.Response, uri: str) -> bytes:
        """The body of an answer. Raises ImageUnavailable for one that is no success."""
        reason = _reason(response.status_code)
        if reason is not None:
            raise ImageUnavailable(f"{shown(uri)} answers {response.status_code}.", _FIXES[reason], reason)
        try:
            return capped(response.iter_content(CHUNK), uri, self._settings.max_image_bytes)
        except (requests.exceptions.RequestException, HTTPError) as error:
            raise ImageUnavailable(
                f"{shown(uri)} broke off ({type(error).__name__}).",
                "It is tried again by itself.",
                Unusable.UNREACHED,
            ) from None

    def _onward(self, address: str, response: requests.Response, uri: str) -> str | None:
        """Where a redirect leads; None for no redirect.

        Raises ImageUnavailable when that is neither allowed nor the storage's.
        """
        if not response.is_redirect:
            return None
        here, target = checked(address), checked(urljoin(address, response.headers["Location"]))
        if self.is_own(target):
            if self.served(target) is not None:
                return target.geturl()
            raise ImageUnavailable(
                f"Label Studio sends {shown(uri)} to one of its pages.",
                "May the user of the token see this project?",
                Unusable.DENIED,
            )
        own = self.is_own(here)
        storage = own and target.scheme == "https" and is_storage_host(object_address(uri), target.hostname)
        if storage or self.allowed(target) or (not own and _place(here) == _place(target)):
            return target.geturl()
        raise ImageUnavailable(
            f"{shown(uri)} redirects to another host, {target.hostname}.",
            "If you trust that one, add it to ONETAG_IMAGE_HOSTS.",
            Unusable.NOT_ALLOWED,
        )


def capped(chunks: Iterable[bytes], uri: str, limit: int) -> bytes:
    """All chunks together. Raises ImageUnavailable when they are more than the limit."""
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > limit:
            raise too_large(shown(uri), limit)
    return bytes(data)


def too_large(what: str, limit: int) -> ImageUnavailable:
    """The refusal of more bytes than the limit."""
    return ImageUnavailable(
        f"{what} is larger than {limit:,} bytes.",
        "Raise ONETAG_MAX_IMAGE_BYTES to allow it, then run `onetag train`.",
        Unusable.TOO_LARGE,
    )


_FIXES = {
    Unusable.UNREACHED: "Its server has trouble; it is tried again by itself.",
    Unusable.DENIED: "May the token read it, and has its signature expired? It is tried again by itself.",
    Unusable.MISSING: "Is the file gone, or the storage of the project? Put it back, or delete the task.",
}


def _reason(status: int) -> Unusable | None:
    """What an HTTP status says about an image; None where it is there."""
    if status == 200:
        return None
    if status >= 500 or status in (408, 425, 429):
        return Unusable.UNREACHED
    return Unusable.DENIED if status in (400, 401, 403, 407) else Unusable.MISSING


def _session(adapter: DeadlineAdapter, *, trust_env: bool) -> requests.Session:
    """A session that keeps connections and no cookies."""
    session = requests.Session()
    session.trust_env = trust_env
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    return session


def checked(uri: str) -> SplitResult:
    """The parts of an address. Raises ImageUnavailable for what is none."""
    parts = split(uri)
    if parts is None:
        raise ImageUnavailable(
            f"{shown(uri)} is not an address.", "Correct the task's data.", Unusable.NO_ADDRESS
        )
    return parts


def _place(parts: SplitResult) -> tuple[str, str | None, int | None]:
    ports = {"http": 80, "https": 443}
    return parts.scheme, parts.hostname, parts.port or ports.get(parts.scheme)


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No credentials, also not those of a ~/.netrc."""
    return request


def shown(uri: str) -> str:
    """An address for a message: short, and without what may be a signature or a password."""
    parts = split(object_address(uri) or uri)
    if parts is None:
        return "The image's address"
    hidden = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")
    if not parts.path.endswith(LOCAL_FILES):
        hidden = hidden._replace(query="")
    text = hidden.geturl()
    return text if len(text) <= 120 else f"{text[:60]}...{text[-40:]}"
