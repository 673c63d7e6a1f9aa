"""The way in and out: by name and password, or by a link that lets in once."""

from __future__ import annotations

import logging
import math
import re
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from flask import g, make_response, redirect, render_template, request, url_for

from annotator.dashboard.formats import duration
from annotator.dashboard.throttle import Pace, Throttle
from annotator.origin import source_of
from annotator.store.logins import link_is_open, log_in, log_out, use_link
from annotator.store.people import MOST_NAME, anybody, find_person, fits, name_key

if TYPE_CHECKING:
    from flask import Blueprint, Response
    from sqlalchemy.orm import Session
    from werkzeug import Response as AnyResponse

    from annotator.store import Person, Store

OF_A_NAME = Pace(burst=5, seconds=60)
OF_A_SOURCE = Pace(burst=30, seconds=10)
"""Wrong passwords and codes from one address: for one name, and in all."""
AT_ONCE = 2
"""Passwords compared at the same time: each takes 32 MiB, and a core."""
PATIENCE = 1.0
"""Seconds that a login waits for its turn: a thread that waits answers nobody else."""
MOST_PATH = 2_000
UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]")

WRONG = "The name or the password is wrong."
SPENT = "This link has been used, or it is too old. Ask for a new one: `onetag users link NAME` prints it."
BUSY = "Others are logging in. Wait a few seconds and try again."

log = logging.getLogger(__name__)


class Entrance:
    """Login, link and logout."""

    def __init__(self, store: Store, throttle: Throttle | None = None) -> None:
        self._store = store
        self._throttle = throttle or Throttle()
        self._turns = BoundedSemaphore(AT_ONCE)

    def add_to(self, blueprint: Blueprint) -> None:
        """Add its addresses."""
        blueprint.add_url_rule("/login", "login", self.login, methods=["GET", "POST"])
        blueprint.add_url_rule("/link", "link", self.link, methods=["GET", "POST"])
        blueprint.add_url_rule("/logout", "logout", self.logout, methods=["POST"])

    def login(self) -> AnyResponse:
        """The form for name and password, and what becomes of it."""
        back = own_path(request.values.get("next", ""))
        if request.method != "POST":
            return redirect(back, 303) if g.person is not None else self._form(back)
        name, password = request.form.get("name", ""), request.form.get("password", "")
        source = source_of(request.remote_addr or "")
        tried = f"{name_key(name[:MOST_NAME])} from {source}"
        paces = {tried: OF_A_NAME, source: OF_A_SOURCE}
        wait = self._throttle.take(paces)
        if wait > 0:
            return self._form(back, _wait_told(wait), 429, wait)
        with self._store.reading() as session:
            person = find_person(session, name)
        if not self._turns.acquire(timeout=PATIENCE):
            self._throttle.give_back(paces)
            return self._form(back, BUSY, 503, 2)
        try:
            right = fits(person, password)
        finally:
            self._turns.release()
        if person is None or not right or not self._let_in(person):
            # Not the name that was typed: people type their password there.
            who = "a name that nobody has" if person is None else person.name
            log.warning("Refused a login as %s from %s.", who, source)
            return self._form(back, WRONG, 401)
        self._throttle.give_back({source: OF_A_SOURCE})
        self._throttle.forget(tried)
        return redirect(back, 303)

    def link(self) -> AnyResponse:
        """A button that uses a link up, so that whoever only looks at it does not; and what becomes of it."""
        if request.method != "POST":
            return _shown("link.html")
        source = source_of(request.remote_addr or "")
        wait = self._throttle.take({source: OF_A_SOURCE})
        if wait > 0:
            return _shown("link.html", _wait_told(wait), 429, wait)
        code = request.form.get("code", "").strip().rpartition("#")[2]  # the whole link will do
        with self._store.reading() as session:
            is_open = link_is_open(session, code)
        used = self._store.write(lambda session: _use(session, code)) if is_open else None
        if used is None:
            log.warning("Refused a link that is none any more from %s.", source)
            return _shown("link.html", SPENT, 401)
        self._throttle.give_back({source: OF_A_SOURCE})
        self._welcome(*used)
        return redirect(url_for("page.projects"), 303)

    def logout(self) -> AnyResponse:
        """End the login of this browser."""
        self._store.write(lambda session: log_out(session, g.cookie))
        g.person, g.new_cookie = None, ""
        return redirect(url_for("page.login"), 303)

    def _let_in(self, person: Person) -> bool:
        """Log in who gave the right password; False where it has changed meanwhile."""

        def work(session: Session) -> str | None:
            cookie = log_in(session, person.id, person.password or "")
            if cookie is not None:
                log_out(session, g.cookie)
            return cookie

        cookie = self._store.write(work)
        if cookie is None:
            return False
        self._welcome(person, cookie)
        return True

    def _welcome(self, person: Person, cookie: str) -> None:
        """Let the browser have the cookie of a new login: never one that it had before."""
        g.person, g.new_cookie = person, cookie
        log.info("%s logged in.", person.name)

    def _form(self, back: str, told: str = "", status: int = 200, wait: float = 0) -> Response:
        with self._store.reading() as session:
            somebody = anybody(session)
        return _shown("login.html", told, status, wait, next=back, somebody=somebody)


def own_path(path: str) -> str:
    """The path, where it leads to a view of the page; else the start."""
    start = url_for("page.projects")
    return path if path.startswith(start) and len(path) <= MOST_PATH and not UNSAFE.search(path) else start


def _use(session: Session, code: str) -> tuple[Person, str] | None:
    used = use_link(session, code)
    if used is not None:
        log_out(session, g.cookie)
    return used


def _shown(template: str, told: str = "", status: int = 200, wait: float = 0, **context: Any) -> Response:
    """A form, with what went wrong."""
    shown = make_response(render_template(f"page/{template}", told=told, project=None, **context), status)
    if wait:
        shown.headers["Retry-After"] = str(math.ceil(wait))
    return shown


def _wait_told(wait: float) -> str:
    return f"Too many tries. Wait {duration(math.ceil(wait))}, then try again; a one-time link works at once."
