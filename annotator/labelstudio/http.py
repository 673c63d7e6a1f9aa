"""Talking HTTP with Label Studio: tokens, time limits, retries, and what each refusal means."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from pydantic import SecretStr

from annotator.errors import OnetagError
from annotator.labelstudio.errors import (
    LabelStudioMissing,
    LabelStudioRefused,
    LabelStudioUnauthorized,
    LabelStudioUnreachable,
)

if TYPE_CHECKING:
    pass

CONNECT_TIMEOUT = 5.0  # seconds
PAUSES = (0.3, 1.0)  # seconds before the second and the third try
REPEATABLE = ("GET", "PUT", "PATCH", "DELETE")  # doing them twice is doing them once
BUSY = (500, 502, 503, 504)  # 500: what it says when its SQLite was locked for too long
ACCESS_LIFETIME = 240.0  # Label Studio's access tokens live 300 s
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Http:
    """One Label Studio's API. Takes a personal access token, which it refreshes, or a legacy token.

    Threads may share it. Every failure is a LabelStudioError that names the way out and never the token.
    """

    def __init__(self, url: str, token: SecretStr, *, timeout: float = 30.0) -> None:
        self.url = clean_url(url)
        self.timeout = timeout
        self._token = token
        self._access: tuple[str, float] | None = None  # access token, and when it ends
        self._session: requests.Session | None = None

    def __repr__(self) -> str:
        return f"Http({self.url!r})"

    def get(self, path: str, **params: Any) -> Any:
        """The parsed JSON of a GET; parameters that are None are left out."""
        return self.request(
            "GET", path, params={key: value for key, value in params.items() if value is not None}
        )

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
        pauses = PAUSES if repeat or method in REPEATABLE else ()
        response = self._try(method, path, pauses, **sent)
        if response.status_code == 401 and self._is_personal() and self._access is not None:
            response.close()
            self._access = None  # revoked or expired early: once with a fresh one
            response = self._try(method, path, pauses, **sent)
        if not 200 <= response.status_code < 300:
            with closing(response):
                raise self._refusal(response, method, path)
        return response

    def _try(self, method: str, path: str, pauses: Iterable[float], **sent: Any) -> requests.Response:
        for pause in pauses:
            try:
                response = self._send(method, path, **sent)
                if response.status_code not in BUSY:
                    return response
                response.close()
            except LabelStudioUnreachable:
                pass  # the last try below tells
            time.sleep(pause)
        return self._send(method, path, **sent)

    def _send(self, method: str, path: str, **sent: Any) -> requests.Response:
        limit = sent.pop("timeout", self.timeout)
        try:
            return self._open().request(
                method,
                self.url + path,
                auth=self._authorize,
                timeout=(min(limit, CONNECT_TIMEOUT), limit),
                allow_redirects=False,
                **sent,
            )
        except requests.exceptions.SSLError:
            raise LabelStudioUnreachable(
                f"{self.url} has no valid certificate.", "Check the address, or install its authority here."
            ) from None
        except requests.exceptions.Timeout:
            raise LabelStudioUnreachable(
                f"Label Studio at {self.url} did not answer {method} {path} in {limit:g} s.",
                "Look at its log, or raise ONETAG_REQUEST_TIMEOUT.",
            ) from None
        except requests.exceptions.RequestException as error:
            raise LabelStudioUnreachable(
                f"Nothing answers at {self.url} ({_reason(error)}).",
                "Start Label Studio, or correct ONETAG_LABEL_STUDIO_URL.",
            ) from None

    def _open(self) -> requests.Session:
        if self._session is None:
            self._session = requests.Session()
            # A proxy of the environment cannot reach this machine's own loopback.
            self._session.trust_env = urlsplit(self.url).hostname not in LOOPBACK
        return self._session

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        # Through `auth`, for a header alone would give way to a ~/.netrc.
        secret = self._token.get_secret_value()
        request.headers["Authorization"] = (
            f"Bearer {self._fresh()}" if self._is_personal() else f"Token {secret}"
        )
        return request

    def _is_personal(self) -> bool:
        return self._token.get_secret_value().count(".") == 2  # a JSON web token

    def _fresh(self) -> str:
        """An access token for the personal one, taken anew shortly before it ends."""
        if self._access is None or time.monotonic() > self._access[1]:
            self._access = (self._refresh(), time.monotonic() + ACCESS_LIFETIME)
        return self._access[0]

    def _refresh(self) -> str:
        sent = {"refresh": self._token.get_secret_value()}
        response = self._open().post(
            f"{self.url}/api/token/refresh", json=sent, timeout=self.timeout, allow_redirects=False
        )
        if response.status_code in (400, 401, 403):
            raise LabelStudioUnauthorized(f"{self.url} refuses the personal access token.", MAKE_ONE)
        try:
            response.raise_for_status()
            return str(response.json()["access"])
        except (requests.exceptions.HTTPError, ValueError, KeyError, TypeError):
            raise self._foreign(response) from None

    def _refusal(self, response: requests.Response, method: str, path: str) -> OnetagError:
        status, told = response.status_code, self._told(response)
        where = f"{method} {path}: {status}"
        if 300 <= status < 400:
            return LabelStudioUnreachable(
                f"{self.url} redirects to another address ({where}).", "Use the one that a browser ends at."
            )
        if status == 401:
            return LabelStudioUnauthorized(f"{self.url} refuses the token.", MAKE_ONE)
        if status == 403:
            return LabelStudioRefused(
                f"Label Studio forbids it ({where}). {told}".strip(),
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
            f"Label Studio refuses it ({where}). {told}".strip(), "Correct what it names.", status
        )

    def _told(self, response: requests.Response) -> str:
        """What Label Studio says about a refusal, short and without our token."""
        try:
            answer = response.json()
        except ValueError:
            return ""
        if isinstance(answer, dict):
            answer = answer.get("validation_errors") or answer.get("detail") or answer
        text = str(answer)
        for secret in (self._token.get_secret_value(), self._access[0] if self._access else ""):
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
    return next((told for sign, told in known.items() if sign in text), type(error).__name__)
