"""Who may see the page, and change something there.

Everything needs a login but the way in. A cookie alone changes nothing: each change also brings a token that
only a page of ours can know, and comes from a page of ours as far as the browser tells. Who has the role
*look* changes nothing at all.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from flask import abort, g, redirect, request, url_for
from markupsafe import Markup

from annotator.dashboard.entrance import Entrance
from annotator.origin import Origins
from annotator.store import Role
from annotator.store.logins import LASTS, is_seen_anew, logged_in, new_token, see

if TYPE_CHECKING:
    from flask import Blueprint, Response
    from werkzeug import Response as AnyResponse

    from annotator.settings import Settings
    from annotator.store import Store

P = ParamSpec("P")
R = TypeVar("R")

WAYS_IN = frozenset({"page.login", "page.link"})
STATIC = "page.static"
"""Styles and scripts, the same in every installation."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
COOKIE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
CSRF_FIELD, CSRF_HEADER = "csrf", "X-CSRF-Token"
CONTENT = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Access:
    """Guards a blueprint named `page`: `g.person` is who asks, with name and role."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._origins = Origins(settings)
        self._entrance = Entrance(store)
        self._cookie = cookie_name(settings)

    def add_to(self, blueprint: Blueprint) -> None:
        """Guard all of its addresses, and add those of the way in and out."""
        blueprint.before_request(self._admit)
        blueprint.after_request(self._protect)
        blueprint.context_processor(lambda: {"csrf_token": csrf_token, "csrf_field": csrf_field})
        self._entrance.add_to(blueprint)

    def _admit(self) -> AnyResponse | None:
        """Let a request through, refuse it, or send it to the login."""
        g.person, g.cookie, g.new_cookie = None, "", None
        refusal = self._origins.refusal(request.headers.get("Host"), None)
        if refusal is not None:
            abort(403, refusal)
        if request.endpoint == STATIC:
            return None
        g.cookie = self._sent_cookie()
        if request.method not in SAFE:
            self._refuse_forged()
        self._recognise()
        if request.endpoint in WAYS_IN:
            if not g.cookie:
                g.cookie = g.new_cookie = new_token()
            return None
        if g.person is None:
            return _to_login()
        if request.method not in SAFE and request.endpoint != "page.logout":
            require_answering()
        return None

    def _sent_cookie(self) -> str:
        """The cookie that a browser has from us; empty where it has none."""
        sent = request.cookies.get(self._cookie, "")
        return sent if COOKIE.fullmatch(sent) else ""

    def _refuse_forged(self) -> None:
        """Refuse a change that does not come from a page of ours."""
        if from_elsewhere():
            abort(403, "A page from elsewhere may change nothing here.")
        refusal = self._origins.refusal(request.headers.get("Host"), request.headers.get("Origin"))
        if refusal is not None:
            abort(403, refusal)
        given = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD, "")
        if not g.cookie or not hmac.compare_digest(given.encode(), csrf_token().encode()):
            abort(403, "This page is older than your login. Go back, load it again, and repeat what you did.")

    def _recognise(self) -> None:
        """Find out who is logged in with the cookie."""
        if not g.cookie:
            return
        with self._store.reading() as session:
            found = logged_in(session, g.cookie)
        if found is None:
            return
        g.person, login = found
        if is_seen_anew(login):
            self._store.write(lambda session: see(session, login))

    def _protect(self, response: Response) -> Response:
        """What each answer carries; a view may set its own."""
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.endpoint != STATIC:
            response.headers.setdefault("Cache-Control", "no-store")
            response.vary.add("Cookie")
        self._hand_out(response)
        return response

    def _hand_out(self, response: Response) -> None:
        """Give the browser its new cookie: empty, none."""
        cookie = g.get("new_cookie")
        if cookie is None:
            return
        about: dict[str, Any] = {
            "path": url_for("page.projects").rstrip("/"),
            "secure": _came_by_tls(),
            "httponly": True,
            "samesite": "Lax",
        }
        if cookie:
            lasts = LASTS if g.person is not None else None
            response.set_cookie(self._cookie, cookie, max_age=lasts, **about)
        else:
            response.delete_cookie(self._cookie, **about)


def answering(view: Callable[P, R]) -> Callable[P, R]:
    """A view for who has the role *answer*; changes are refused to all others anyway."""

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        require_answering()
        return view(*args, **kwargs)

    return checked


def from_elsewhere() -> bool:
    """Whether the browser tells that a page of another origin asks."""
    # Other ports of this machine are the same site, but not the same origin.
    return request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")


def require_answering() -> None:
    """Refuse who may only look (403)."""
    if g.person is None or g.person.role is not Role.ANSWER:
        abort(403, "You may look at everything, and change nothing: that takes the role `answer`.")


def csrf_of(cookie: str) -> str:
    """What a change brings along with this cookie: only who has read a page of ours knows it."""
    return hmac.new(cookie.encode(), b"csrf", hashlib.sha256).hexdigest()


def csrf_token() -> str:
    """The token for the cookie of this request, or the one that its answer brings."""
    return csrf_of(g.get("cookie", ""))


def csrf_field() -> Markup:
    """The token as a field of a form."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, csrf_token())


def cookie_name(settings: Settings) -> str:
    """The cookie's name: browsers do not tell ports apart, and one machine may have several pages."""
    return f"onetag_{settings.port}"


def _to_login() -> AnyResponse:
    """Send a person to the login, and from there back; tell a script that there is none (401)."""
    if "text/html" not in request.headers.get("Accept", ""):
        abort(401, "Log in first.")
    back = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("page.login", next=back), 303)


def _came_by_tls() -> bool:
    """Whether the browser spoke TLS, with us or with a proxy in front; a lie harms the liar alone."""
    told = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
    return request.is_secure or told == "https"
