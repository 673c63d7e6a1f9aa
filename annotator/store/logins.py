"""How people come in: links that open the page once, and the browsers in which they are logged in.

Codes and cookies are random, and the store holds their SHA-256 alone: who reads it can use none of them.
Whoever changes one person's logins locks the person first.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from annotator.store.bulk import rowcount
from annotator.store.models import LoginLink, LoginSession, Person
from annotator.store.types import utc_now

LASTS = timedelta(days=30)
"""After which one has to log in again."""
UNSEEN = timedelta(days=7)
"""After which a browser that did not come back is logged out."""
SEEN_AGAIN = timedelta(hours=1)
"""How exactly it is known when a browser was seen: not every request may write."""
MOST_TOKEN = 100  # characters


def new_token() -> str:
    """A code or cookie that cannot be guessed: 256 bits."""
    return secrets.token_urlsafe(32)


def new_link(session: Session, person: Person, lasts: timedelta) -> str:
    """The code of a link that lets the person in once; those that have expired are forgotten."""
    now, code = utc_now(), new_token()
    session.execute(delete(LoginLink).where(LoginLink.expires_at <= now))
    session.add(LoginLink(digest=_digest(code), person_id=person.id, expires_at=now + lasts))
    return code


def link_is_open(session: Session, code: str) -> bool:
    """Whether the code lets somebody in; reading it changes nothing."""
    return _open_link(session, code) is not None


def use_link(session: Session, code: str) -> tuple[Person, str] | None:
    """Who comes in by the code, and the cookie of the new login; None where the code opens nothing (more).

    Of several who use it at once, one comes in.
    """
    person_id = _open_link(session, code)
    person = None if person_id is None else _who_may(session, person_id)
    if person is None:
        return None
    now = utc_now()
    unused = (LoginLink.digest == _digest(code), LoginLink.used_at.is_(None), LoginLink.expires_at > now)
    if rowcount(session, update(LoginLink).where(*unused).values(used_at=now)) == 0:
        return None
    return person, _open_session(session, person)


def log_in(session: Session, person_id: int, password: str) -> str | None:
    """The cookie of a new login, with the hash that the password was compared with.

    None where the person may no longer, or has another password by now.
    """
    person = _who_may(session, person_id)
    return None if person is None or person.password != password else _open_session(session, person)


def logged_in(session: Session, cookie: str) -> tuple[Person, LoginSession] | None:
    """Who is logged in with a cookie, and the login; None where nobody is (any more)."""
    now = utc_now()
    chosen = (
        select(Person, LoginSession)
        .join(Person, Person.id == LoginSession.person_id)
        .where(
            LoginSession.digest == _digest(cookie),
            LoginSession.expires_at > now,
            LoginSession.seen_at > now - UNSEEN,
            Person.disabled_at.is_(None),
        )
    )
    found = session.execute(chosen).one_or_none()
    return None if found is None else (found[0], found[1])


def open_logins(session: Session) -> dict[int, tuple[int, datetime]]:
    """By person: in how many browsers logged in, and when one of them was seen last."""
    now = utc_now()
    counted = (
        select(LoginSession.person_id, func.count(), func.max(LoginSession.seen_at))
        .where(LoginSession.expires_at > now, LoginSession.seen_at > now - UNSEEN)
        .group_by(LoginSession.person_id)
    )
    return {person: (number, seen_at) for person, number, seen_at in session.execute(counted)}


def is_seen_anew(login: LoginSession) -> bool:
    """Whether it is time to write down that the browser was seen."""
    return utc_now() - login.seen_at > SEEN_AGAIN


def see(session: Session, login: LoginSession) -> None:
    """Write down that the browser of a login was seen."""
    session.execute(update(LoginSession).where(LoginSession.id == login.id).values(seen_at=utc_now()))


def log_out(session: Session, cookie: str) -> None:
    """End the login with this cookie, where there is one."""
    session.execute(delete(LoginSession).where(LoginSession.digest == _digest(cookie)))


def end_logins(session: Session, person_id: int) -> None:
    """End all logins and links of a person, who is locked."""
    for table in (LoginSession, LoginLink):
        session.execute(delete(table).where(table.person_id == person_id))


def _open_link(session: Session, code: str) -> int | None:
    """Whose the link is, while it can be used."""
    return session.scalar(
        select(LoginLink.person_id).where(
            LoginLink.digest == _digest(code),
            LoginLink.used_at.is_(None),
            LoginLink.expires_at > utc_now(),
        )
    )


def _who_may(session: Session, person_id: int) -> Person | None:
    """The person, locked, if it may open the page."""
    person = session.get(Person, person_id, with_for_update=True, populate_existing=True)
    return None if person is None or person.disabled_at is not None else person


def _open_session(session: Session, person: Person) -> str:
    now, cookie = utc_now(), new_token()
    over = or_(LoginSession.expires_at <= now, LoginSession.seen_at <= now - UNSEEN)
    session.execute(delete(LoginSession).where(over))
    session.add(
        LoginSession(digest=_digest(cookie), person_id=person.id, seen_at=now, expires_at=now + LASTS)
    )
    return cookie


def _digest(token: str) -> str:
    """What is kept of a token, which a stranger may have made up."""
    return hashlib.sha256(token[:MOST_TOKEN].encode("utf-8", "surrogatepass")).hexdigest()
