"""`onetag users`: who may open the page, with what role, and how they come in.

A password never stands on a command line, which every user of the machine can read: it is typed twice at a
terminal, or comes by the variable ONETAG_NEW_PASSWORD or as a line of standard input.
"""

from __future__ import annotations

import getpass
import json as codec
import os
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from annotator.backend_url import backend_url
from annotator.commands.options import Json
from annotator.commands.with_settings import with_settings
from annotator.errors import OnetagError
from annotator.flags import Panel
from annotator.settings import NO_ADDRESS, Settings
from annotator.store import Person, Role, open_current
from annotator.store.logins import new_link, open_logins
from annotator.store.people import (
    add_person,
    all_people,
    already_there,
    change_password,
    change_role,
    clean_name,
    disable,
    find_person,
    hash_password,
)

PASSWORD = "ONETAG_NEW_PASSWORD"  # noqa: S105 (the name of a variable)
LINK_MINUTES, MOST_MINUTES = 15, 7 * 24 * 60
OWNER = "owner"

app = typer.Typer(help="Say who may open the page, and make links that let people in.", no_args_is_help=True)

Name = Annotated[
    str,
    typer.Argument(envvar="ONETAG_NAME", help="Name of the person; answers carry it.", show_default=False),
]
LinkName = Annotated[
    str | None,
    typer.Argument(
        envvar="ONETAG_NAME",
        metavar="name",
        help="Name of the person.",
        show_default="the user of this machine, who is added where missing",
    ),
]
ROLES = "look: see everything; answer: answer and change things too."
NewRole = Annotated[
    Role, typer.Option("--role", envvar="ONETAG_ROLE", help=f"What the person may do. {ROLES}")
]
OtherRole = Annotated[
    Role, typer.Argument(envvar="ONETAG_ROLE", help=f"What the person may do. {ROLES}", show_default=False)
]
LinkRole = Annotated[
    Role | None,
    typer.Option(
        "--role",
        envvar="ONETAG_ROLE",
        help="Adds a person who comes by links alone, with this role.",
        show_default="that of the person",
    ),
]
Minutes = Annotated[
    int,
    typer.Option(
        "--minutes", envvar="ONETAG_MINUTES", min=1, max=7 * 24 * 60, help="How long the link can be used."
    ),
]


@app.command()
@with_settings(Panel.STORE)
def add(settings: Settings, name: Name, *, role: NewRole = Role.LOOK) -> None:
    """Let a person open the page with a password; one who was removed comes back."""
    name = clean_name(name)
    with closing(open_current(settings)) as store:
        with store.reading() as session:
            known = find_person(session, name)
        if known is not None and known.disabled_at is None:
            raise already_there(known.name)
        hashed = hash_password(_new_password(name))
        with store.session() as session:
            person = add_person(session, name, role, hashed)
    typer.echo(f"{person.name} can log in, with role {role}.")


@app.command(name="list")
@with_settings(Panel.STORE)
def list_people(settings: Settings, *, json: Json = False) -> None:
    """List everybody, with role, and in how many browsers they are logged in."""
    with closing(open_current(settings)) as store, store.reading() as session:
        rows = list(_rows(session))
    if json:
        typer.echo(codec.dumps(rows, indent=2, default=str, ensure_ascii=False))
        return
    for row in rows:
        typer.echo(_told(row))
    if not rows:
        typer.echo("Nobody can open the page yet. Add somebody with `onetag users add NAME`.")


@app.command()
@with_settings(Panel.STORE)
def password(settings: Settings, name: Name) -> None:
    """Give a person another password; all their browsers are logged out."""
    with closing(open_current(settings)) as store:
        with store.reading() as session:
            person = _known(session, name)
        hashed = hash_password(_new_password(person.name))
        with store.session() as session:
            change_password(session, _known(session, name), hashed)
    typer.echo(f"{person.name} has another password, and is logged out everywhere.")


@app.command(name="role")
@with_settings(Panel.STORE)
def give_role(settings: Settings, name: Name, role: OtherRole) -> None:
    """Let a person do more, or less, from now on."""
    with closing(open_current(settings)) as store, store.session() as session:
        person = _known(session, name)
        change_role(session, person, role)
    typer.echo(f"{person.name} has role {role}.")


@app.command()
@with_settings(Panel.STORE)
def remove(settings: Settings, name: Name) -> None:
    """Let a person open the page no longer, from now on; what they answered stays."""
    with closing(open_current(settings)) as store, store.session() as session:
        person = _known(session, name)
        disable(session, person)
    typer.echo(f"{person.name} cannot open the page any more.")


@app.command()
@with_settings(Panel.STORE, "host", "port", "address")
def link(
    settings: Settings,
    name: LinkName = None,
    *,
    role: LinkRole = None,
    minutes: Minutes = LINK_MINUTES,
    json: Json = False,
) -> None:
    """Print a link that lets a person in once, without a password."""
    with closing(open_current(settings)) as store, store.session() as session:
        person = _of_link(session, name, role)
        code = new_link(session, person, timedelta(minutes=minutes))
    given = settings.address if settings.address != NO_ADDRESS else ""
    shown = link_address(given or backend_url(settings), code)
    if json:
        typer.echo(codec.dumps({"name": person.name, "role": person.role, "minutes": minutes, "link": shown}))
        return
    typer.echo(shown)
    typer.echo(f"It lets {person.name} in once, within {minutes} minutes, with role {person.role}.", err=True)


def owner(session: Session, role: Role = Role.ANSWER) -> Person:
    """Whose machine it is: the person with the name of the system's user, added where missing."""
    name = _system_user()
    return _live(find_person(session, name)) or add_person(session, name, role)


def link_address(backend: str, code: str) -> str:
    """The whole link. Its code stands behind the #: no server sees it before it is used, and no log.

    >>> link_address("http://127.0.0.1:9090/", "x")
    'http://127.0.0.1:9090/page/link#x'
    """
    return f"{backend.rstrip('/')}/page/link#{code}"


def _of_link(session: Session, name: str | None, role: Role | None) -> Person:
    """Who comes in by a link. Raises OnetagError for a stranger, and where the person has another role."""
    person = owner(session, role or Role.ANSWER) if name is None else _live(find_person(session, name))
    if person is None and name is not None and role is not None:
        person = add_person(session, name, role)
    if person is None:
        raise OnetagError(
            f"There is no {name} who can open the page.",
            "Give --role look or --role answer to add one who comes by links, or use `onetag users add`.",
        )
    if role is not None and person.role is not role:
        raise OnetagError(
            f"{person.name} has role {person.role}.", f"Change it: onetag users role {person.name!r} {role}."
        )
    return person


def _system_user() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name
        return OWNER
    return OWNER if name == "root" else name


def _known(session: Session, name: str) -> Person:
    """The person who may open the page. Raises OnetagError where there is none, with the names there are."""
    person = _live(find_person(session, name))
    if person is None:
        names = [each.name for each in all_people(session) if each.disabled_at is None]
        there = f"There are: {', '.join(names[:20])}." if names else "Add somebody with `onetag users add`."
        raise OnetagError(f"There is no {name} who can open the page.", there)
    return person


def _live(person: Person | None) -> Person | None:
    return None if person is None or person.disabled_at is not None else person


def _new_password(name: str) -> str:
    """A new password: of the variable, typed twice, or a line of standard input."""
    given = os.environ.get(PASSWORD)
    if given:
        return given
    if sys.stdin.isatty():
        return str(typer.prompt(f"Password of {name}", hide_input=True, confirmation_prompt=True))
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise OnetagError("There is no password.", f"Type it at a terminal, or give it by {PASSWORD}.")
    return line


def _rows(session: Session) -> Iterator[dict[str, Any]]:
    logins = open_logins(session)
    for person in all_people(session):
        number, seen_at = logins.get(person.id, (0, None))
        yield {
            "name": person.name,
            "role": person.role,
            "has_password": person.password is not None,
            "created_at": person.created_at,
            "removed_at": person.disabled_at,
            "browsers": number,
            "seen_at": seen_at,
        }


def _told(row: dict[str, Any]) -> str:
    if row["removed_at"] is not None:
        return f"{row['name']}: removed {row['removed_at']:%Y-%m-%d}"
    how = "by password" if row["has_password"] else "by links alone"
    seen = f", last seen {row['seen_at']:%Y-%m-%d %H:%M} UTC" if row["seen_at"] else ""
    return f"{row['name']}: {row['role']}, {how}, logged in in {row['browsers']} browsers{seen}"
