"""Talking HTTP with Label Studio: tokens, time limits, retries, and what each refusal means."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from pydantic import SecretStr
from requests.auth import AuthBase
from urllib3.exceptions import ReadTimeoutError
from urllib3.util import Retry

from annotator.errors import OnetagError
from annotator.labelstudio.deadline import DeadlineAdapter, TooSlow
from annotator.labelstudio.errors import (
    LabelStudioMissing,
    LabelStudioRefused,
    LabelStudioUnauthorized,
    LabelStudioUnreachable,
)

if TYPE_CHECKING:
    pass

CONNECT_TIMEOUT = 5.0  # seconds
REPEATABLE = ("GET", "PUT", "PATCH", "DELETE")  # doing them twice is doing them once
BUSY = (500, 502, 503, 504)  # 500: what it says when its SQLite was locked for too long
RETRY = Retry(  # three tries, the second at once and the third after a second
    total=2,
    backoff_factor=0.5,
    status_forcelist=BUSY,
    allowed_methods=None,
    raise_on_status=False,
    respect_retry_after_header=False,
)
ACCESS_LIFETIME = 240.0  # Label Studio's access tokens live 300 s
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class StudioAuth(AuthBase):
    """Signs requests: a legacy token as it is, a personal one by the access tokens that it is exchanged for.

    Threads may share it. As `auth` of a request it keeps a ~/.netrc from being sent instead.
    """

    def __init__(self, url: str, token: SecretStr, exchange: Callable[[str], str]) -> None:
        self._url = url
        self._token = token.get_secret_value()
        self._exchange = exchange
        self._access: tuple[str, float] | None = None  # access token, and when it ends

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not appear in any message."""
        return (self._token, *(self._access or ())[:1])

    @property
    def is_personal(self) -> bool:
        """Whether the token is a personal access token, a JSON web token."""
        return self._token.count(".") == 2

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request with its header; requests calls this just before it sends."""
        if not self.is_personal:
            request.headers["Authorization"] = f"Token {self._token}"
            return request
        known = self._access is not None
        request.headers["Authorization"] = f"Bearer {self._fresh()}"
        if known:
            request.register_hook("response", self._once_more)  # type: ignore[no-untyped-call]  # so in its stubs
        return request

    def _fresh(self) -> str:
        """An access token for the personal one, taken anew shortly before it ends."""
        if self._access is None or time.monotonic() > self._access[1]:
            self._access = (self._exchange(self._token), time.monotonic() + ACCESS_LIFETIME)
        return self._access[0]

    def _once_more(self, response: requests.Response, **sent: Any) -> requests.Response:
        """Where an access token was revoked or expired early: the same request with a fresh one."""
        if response.status_code != 401:
            return response
        _ = response.content  # the connection may be used again
        response.close()
        self._access = None
        request = response.request.copy()
        request.headers["Authorization"] = f"Bearer {self._fresh()}"
        again: requests.Response = response.connection.send(request, **sent)
        again.history.append(response)
        return again


class Http:
    """One Label Studio's API. Takes a personal access token, which it refreshes, or a legacy token.

    Threads may share it. Every failure is a LabelStudioError that names the way out and never the token.
    """

    def __init__(self, url: str, token: SecretStr, *, timeout: float = 30.0) -> None:
        self.url = clean_url(url)
        self.timeout = timeout
        self._auth = StudioAuth(self.url, token, self._exchange)
        self._adapter = DeadlineAdapter(RETRY)
        self._once, self._repeating = self._session(DeadlineAdapter()), self._session(self._adapter)

    def __repr__(self) -> str:
        return f"Http({self.url!r})"

    def get(self, path: str, **params: Any) -> Any:
        """The parsed JSON of a GET; parameters that are None are left out."""
        return self.request(
            "GET", path, params={key: value for key, value in params.items() if value is not None}
        )

    def json_with_headers(self, path: str, params: Mapping[str, Any]) -> tuple[Any, Mapping[str, str]]:
        """The parsed JSON of a GET, and what its head tells."""
        with closing(self.answer("GET", path, params=params)) as response:
            try:
                return response.json(), response.headers
            except ValueError:
                raise self._foreign(response) from None

    def request(self, method: str, path: str, *, repeat: bool = False, **sent: Any) -> Any:
        """The parsed JSON of an answer, None when it is empty. `repeat` allows trying a POST again.

        `sent` are the arguments of requests: json, params, files, data, timeout.
        """
        with closing(self.answer(method, path, repeat=repeat, **sent)) as response:
            if response.status_code == 204 or not response.content:
                return None
            try:
                return response.json()
            except ValueError:
                raise self._foreign(response) from None

    def answer(self, method: str, path: str, *, repeat: bool = False, **sent: Any) -> requests.Response:
        """The successful response itself; the caller closes it. Redirects are not followed."""
        session = self._repeating if repeat or method in REPEATABLE else self._once
        response = self._send(session, method, path, **sent)
        if not 200 <= response.status_code < 300:
            with closing(response):
                raise self._refusal(response, method, path)
        return response

    @contextmanager
    def file(self, path: str, *, within: float) -> Iterator[requests.Response]:
        """The answer to a GET of a file, whatever its status, open for the block; a redirect is not followed.

        within: the seconds for all of it, body included. Raises TooSlow, and LabelStudioError for what
        concerns all files: nothing answers, or the token is refused.
        """
        with (
            self._adapter.within(within),
            closing(self._send(self._repeating, "GET", path, timeout=within, stream=True)) as response,
        ):
            if response.status_code == 401:
                raise self._refusal(response, "GET", path)
            yield response

    def _send(self, session: requests.Session, method: str, path: str, **sent: Any) -> requests.Response:
        limit = sent.pop("timeout", self.timeout)
        try:
            return session.request(
                method,
                self.url + path,
                auth=self._auth,
                timeout=(min(limit, CONNECT_TIMEOUT), limit),
                allow_redirects=False,
                **sent,
            )
        except requests.exceptions.SSLError:
            raise LabelStudioUnreachable(
                f"{self.url} has no valid certificate.", "Check the address, or install its authority here."
            ) from None
        except requests.exceptions.RequestException as error:
            never_reached = isinstance(error, requests.exceptions.ConnectTimeout)
            if sent.get("stream") and _is_timeout(error) and not never_reached:
                raise TooSlow from None
            if _is_timeout(error):
                raise LabelStudioUnreachable(
                    f"Label Studio at {self.url} did not answer {method} {path} in {limit:g} s.",
                    "Look at its log, or raise ONETAG_REQUEST_TIMEOUT.",
                ) from None
            raise LabelStudioUnreachable(
                f"Nothing answers at {self.url} ({_reason(error)}).",
                "Start Label Studio, or correct ONETAG_LABEL_STUDIO_URL.",
            ) from None

    def _session(self, adapter: DeadlineAdapter) -> requests.Session:
        session = requests.Session()
        # A proxy of the environment cannot reach this machine's own loopback.
        session.trust_env = urlsplit(self.url).hostname not in LOOPBACK
        for scheme in ("http://", "https://"):
            session.mount(scheme, adapter)
        return session

    def _exchange(self, personal: str) -> str:
        """An access token for the personal one. Raises LabelStudioError."""
        response = self._once.post(
            f"{self.url}/api/token/refresh",
            json={"refresh": personal},
            timeout=self.timeout,
            allow_redirects=False,
        )
        if response.status_code in (400, 401, 403):
            raise LabelStudioUnauthorized(f"{self.url} refuses the personal access token.", MAKE_ONE)
        try:
            response.raise_for_status()
            return str(response.json()["access"])
        except (requests.exceptions.HTTPError, ValueError, KeyError, TypeError):
            raise self._foreign(response) from None

    def _refusal(self, response: requests.Response, method: str, path: str) -> OnetagError:
        status, detail = response.status_code, self._detail(response)
        where = f"{method} {path}: {status}"
        if 300 <= status < 400:
            return LabelStudioUnreachable(
                f"{self.url} redirects to another address ({where}).", "Use the one that a browser ends at."
            )
        if status == 401:
            return LabelStudioUnauthorized(f"{self.url} refuses the token.", MAKE_ONE)
        if status == 403:
            return LabelStudioRefused(
                f"Label Studio forbids it ({where}). {detail}".strip(),
                "Use the token of a user who may do this.",
                status,
            )
        if status == 404:
            return LabelStudioMissing(
                f"Label Studio has no such thing for this user ({where}).",
                "Check the project's number.",
                status,
            )
        if status >= 500:
            return LabelStudioRefused(
                f"Label Studio failed ({where}).", "Look at its log; then try again.", status
            )
        return LabelStudioRefused(
            f"Label Studio refuses it ({where}). {detail}".strip(), "Correct what it names.", status
        )

    def _detail(self, response: requests.Response) -> str:
        """What Label Studio says about a refusal, short and without our token."""
        try:
            answer = response.json()
        except ValueError:
            return ""
        if isinstance(answer, dict):
            answer = answer.get("validation_errors") or answer.get("detail") or answer
        text = str(answer)
        for secret in self._auth.secrets:
            text = text.replace(secret, "...") if secret else text
        return text[:300]

    def _foreign(self, response: requests.Response) -> LabelStudioUnreachable:
        kind = response.headers.get("Content-Type", "nothing").partition(";")[0]
        return LabelStudioUnreachable(
            f"What answers at {self.url} does not speak as Label Studio does (it sent {kind}).",
            "Correct ONETAG_LABEL_STUDIO_URL.",
        )


MAKE_ONE = (
    "Make one in Label Studio under Account & Settings > Personal Access Token and set it as "
    "ONETAG_LABEL_STUDIO_TOKEN (legacy tokens are off by default; an organization's owner can allow them)."
)


def clean_url(url: str) -> str:
    """The address without a slash at its end. Raises OnetagError when it is none, or holds a password."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OnetagError(f"{url!r} is not an address.", "Write it like http://localhost:8080.")
    if parts.username or parts.password:
        raise OnetagError("Label Studio's address holds a user or password.", "Give the token apart from it.")
    return url.strip().split("?")[0].split("#")[0].rstrip("/")


def _reason(error: Exception) -> str:
    text = str(error).lower()
    known = {"refused": "connection refused", "resolve": "unknown host", "reset": "connection reset"}
    return next((detail for sign, detail in known.items() if sign in text), type(error).__name__)


def _is_timeout(error: requests.exceptions.RequestException) -> bool:
    """Whether a request ran out of time, at its first try or at its last."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.exceptions.Timeout) or isinstance(reason, ReadTimeoutError)
