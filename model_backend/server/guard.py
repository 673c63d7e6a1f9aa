"""One shared secret guards every endpoint but /health, and the page, which has logins of its own."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from flask import Response, jsonify, redirect, request, url_for
from werkzeug import Response as AnyResponse
from werkzeug.datastructures import Authorization

from annotator.errors import OnetagError
from annotator.files import file_stamp
from annotator.labelstudio.backends import SECRET_HEADER
from annotator.origin import Origins
from annotator.settings import CREDENTIALS_FILE, Settings
from annotator.shared_secret import valid_secrets

OPEN_ENDPOINTS = frozenset({"health"})
PAGE = "page."
"""What the names of the page's endpoints begin with: `annotator.dashboard.access` guards them."""
CHALLENGE = 'Basic realm="onetag"'

log = logging.getLogger(__name__)


class Secrets:
    """Tells who brings a secret that is valid now: the webhook in a header, other calls as basic auth.

    What `onetag secret rotate` changes in the data folder holds from the next request on.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._file = settings.data_dir / CREDENTIALS_FILE
        self._read: tuple[str, datetime] | None = None
        self._valid = [] if settings.secret is None else [settings.secret.get_secret_value().encode()]

    def in_header(self, header: str | None) -> bool:
        """Whether the header of our own holds a valid secret."""
        return self._is_valid(header or "")

    def as_password(self, authorization: str | None) -> bool:
        """Whether basic auth holds one."""
        basic = Authorization.from_header(authorization)
        return self._is_valid((basic.password if basic else None) or "")

    def _is_valid(self, text: str) -> bool:
        """All are compared, each in constant time."""
        given = text.encode("utf-8", "surrogateescape")
        return any([hmac.compare_digest(given, secret) for secret in self._now() if secret])  # noqa: C419

    def _now(self) -> list[bytes]:
        """Those valid now: read again when the file has changed, and each minute, since an old one ends."""
        try:
            stamp = file_stamp(self._file.stat())
        except OSError:
            stamp = ""
        minute = datetime.now(UTC).replace(second=0, microsecond=0)
        if self._read != (stamp, minute):
            try:
                self._valid = [secret.get_secret_value().encode() for secret in valid_secrets(self._settings)]
            except OnetagError as error:  # whoever has the secret still has it
                log.warning("The secrets stay as they were: %s", error)
            self._read = (stamp, minute)
        return self._valid


def guard(settings: Settings) -> Callable[[], AnyResponse | None]:
    """A before-request function: whoever brings no secret gets 401 and no reason.

    Who brings it as a browser would, with basic auth, is told when a page from elsewhere made it do so.
    """
    secrets, origins = Secrets(settings), Origins(settings)

    def refuse_strangers() -> AnyResponse | None:
        endpoint = request.endpoint or ""  # none where there is no such address
        if endpoint in OPEN_ENDPOINTS or endpoint.startswith(PAGE):
            return None
        if secrets.in_header(request.headers.get(SECRET_HEADER)):
            return None
        if not secrets.as_password(request.headers.get("Authorization")):
            if endpoint == "root" and "text/html" in request.headers.get("Accept", ""):
                return redirect(url_for("page.projects"), 303)  # a person who typed the address alone
            return Response(status=401, headers={"WWW-Authenticate": CHALLENGE})
        refusal = origins.refusal(request.headers.get("Host"), request.headers.get("Origin"))
        if refusal is None:
            return None
        log.warning("Refused %s %s. %s", request.method, request.path, refusal)
        refused = jsonify(error=refusal)
        refused.status_code = 403
        return refused

    return refuse_strangers
