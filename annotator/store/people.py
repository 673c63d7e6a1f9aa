"""Who may open the page: names, roles, and passwords, of which only the hash is kept.

Answers carry the name of who gave them. So a name means one person for ever: who may no longer stays on
record, and comes back under the same name.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.security import check_password_hash, generate_password_hash

from annotator.errors import OnetagError
from annotator.label_names import comparable, invisible_in
from annotator.store.logins import end_logins
from annotator.store.models import Person
from annotator.store.states import Role
from annotator.store.types import utc_now

MOST_NAME, LEAST_PASSWORD, MOST_PASSWORD = 80, 10, 1_000
"""Characters of a name and of a password."""
NOBODYS = (
    "scrypt:32768:8:1$5BmffX9nm1WOCbWX$621d47f2949b4f7e149e4497b4e2cf8e9c857f46dfcebb75656ddde4f37c2a2a"
    "daf9fe090161b3a3a496f740cf5a37d6780cc2a6e0a13aaaee2d51930693f249"
)
"""The hash of a password that nobody has: compared where there is no other, so that this takes as long."""


def clean_name(name: str) -> str:
    """A name in the form in which it is kept.

    Raises OnetagError where it is empty, too long, or has a character that cannot be seen.
    """
    clean = comparable(name[: 2 * MOST_NAME])
    unseen = invisible_in(clean)
    if unseen:
        raise OnetagError(f"The name has what cannot be seen: {', '.join(unseen)}.", "Remove that.")
    if not clean or len(clean) > MOST_NAME or len(name_key(clean)) > 2 * MOST_NAME:
        raise OnetagError(f"A name has 1 to {MOST_NAME} characters.", "Choose another one.")
    return clean


def name_key(name: str) -> str:
    """A name as names are compared: neither case nor width nor spaces make another person of it.

    >>> name_key(" Ann  LEE") == name_key("ａnn lee")
    True
    """
    plain = unicodedata.normalize("NFKC", comparable(name)).casefold()
    return comparable(unicodedata.normalize("NFKC", plain))


def hash_password(password: str) -> str:
    """The salted hash to keep; slow by intent, so never inside a transaction.

    Raises OnetagError for a password that is too short or too long.
    """
    if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
        raise OnetagError(
            f"A password has {LEAST_PASSWORD} to {MOST_PASSWORD} characters.",
            "Take a few words that nobody else would put together.",
        )
    return generate_password_hash(_composed(password), method="scrypt")


def fits(person: Person | None, password: str) -> bool:
    """Whether it is the password of a person who may log in with one.

    For no person, or one without a password, it takes as long: nobody learns who is there.
    """
    kept = person.password if person is not None and person.disabled_at is None else None
    right = check_password_hash(kept or NOBODYS, _composed(password[:MOST_PASSWORD]))
    return right and kept is not None and len(password) <= MOST_PASSWORD


def all_people(session: Session) -> Sequence[Person]:
    """Everybody, by name; those too who may no longer."""
    return session.scalars(select(Person).order_by(Person.key)).all()


def find_person(session: Session, name: str) -> Person | None:
    """The person with this name, also one who may no longer."""
    if len(name) > 2 * MOST_NAME:
        return None
    return session.scalars(select(Person).where(Person.key == name_key(name))).one_or_none()


def anybody(session: Session) -> bool:
    """Whether there is somebody who may open the page."""
    return session.scalar(select(Person.id).where(Person.disabled_at.is_(None)).limit(1)) is not None


def add_person(session: Session, name: str, role: Role, password: str | None = None) -> Person:
    """A new person, or one who may again. password: its hash; without, the person comes by links alone.

    Raises OnetagError where the name cannot be used, or is that of somebody who may open the page already.
    """
    clean = clean_name(name)
    there = find_person(session, clean)
    if there is None:
        person = Person(name=clean, key=name_key(clean), role=role, password=password)
        try:
            with session.begin_nested():
                session.add(person)
        except IntegrityError:  # another process was quicker
            raise already_there(clean) from None
        return person
    person = _locked(session, there)
    if person.disabled_at is None:
        raise already_there(person.name)
    person.role, person.password, person.disabled_at = role, password, None
    return person


def already_there(name: str) -> OnetagError:
    """What is said to who adds a person that may open the page already."""
    return OnetagError(
        f"{name} can open the page already.", "Change that with `onetag users password`, `role` or `remove`."
    )


def change_password(session: Session, person: Person, password: str) -> None:
    """Let the person have the password with this hash; who is logged in as that person is so no longer."""
    _locked(session, person).password = password
    session.flush()
    end_logins(session, person.id)


def change_role(session: Session, person: Person, role: Role) -> None:
    """Let the person have this role, from the next request on."""
    _locked(session, person).role = role


def disable(session: Session, person: Person) -> None:
    """Let the person open the page no longer, from the next request on."""
    _locked(session, person).disabled_at = utc_now()
    session.flush()
    end_logins(session, person.id)


def _locked(session: Session, person: Person) -> Person:
    """The person as the record has it now; who logs in as that person waits until this is done."""
    return session.get_one(Person, person.id, with_for_update=True, populate_existing=True)


def _composed(password: str) -> str:
    """However a keyboard makes its characters, it is the same password."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace").decode()
