"""`onetag events`: what Label Studio sent and could not be taken in: looked at, tried again, or dropped."""

from __future__ import annotations

import json as codec
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated, Any

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.commands.options import Json
from annotator.commands.with_settings import with_settings
from annotator.errors import OnetagError
from annotator.flags import Panel
from annotator.settings import Settings
from annotator.store import Event, EventState, Project, drop_events, open_current, retry_events

app = typer.Typer(help="Look at events that could not be taken in, try them again or drop them.")

NUMBERS = "Numbers of the events, as `onetag events list` shows them."
Retried = Annotated[
    list[int] | None,
    typer.Argument(
        envvar="ONETAG_EVENTS", metavar="ids", help=NUMBERS, show_default="all that are set aside"
    ),
]
Dropped = Annotated[
    list[int] | None,
    typer.Argument(envvar="ONETAG_EVENTS", metavar="ids", help=NUMBERS, show_default="none"),
]
Yes = Annotated[bool, typer.Option("--yes", envvar="ONETAG_YES", help="Do not ask.")]
EVERY = Annotated[bool, typer.Option("--all", envvar="ONETAG_ALL", help="All that are set aside.")]


@app.command(name="list")
@with_settings(Panel.STORE)
def list_events(settings: Settings, *, json: Json = False) -> None:
    """List the events that are set aside, with what went wrong."""
    with closing(open_current(settings)) as store, store.reading() as session:
        rows = list(_rows(session))
    if json:
        typer.echo(codec.dumps(rows, indent=2, default=str, ensure_ascii=False))
        return
    if not rows:
        typer.echo("No event is set aside.")
        return
    for row in rows:
        typer.echo(
            "{id}: {action} of {project}, received {received_at:%Y-%m-%d %H:%M:%S} UTC, "
            "tried {tries} times, last {tried_at:%Y-%m-%d %H:%M:%S} UTC. {error}".format(
                **row | {"project": row["project"] or "no project"}
            )
        )


@app.command()
@with_settings(Panel.STORE)
def retry(settings: Settings, ids: Retried = None, *, json: Json = False) -> None:
    """Try events that are set aside again, without a number all of them; the worker takes them in."""
    with closing(open_current(settings)) as store, store.session() as session:
        number = retry_events(session, _known(session, ids))
    _tell("retried", number, f"{number} events wait for the worker again.", json=json)


@app.command()
@with_settings(Panel.STORE)
def drop(
    settings: Settings, ids: Dropped = None, *, every: EVERY = False, yes: Yes = False, json: Json = False
) -> None:
    """Give events up: they stay on record and are never tried again. What they told is missing then."""
    if bool(ids) == every:
        raise OnetagError(
            "Which events are to be dropped?", "Name their numbers (`onetag events list`), or give --all."
        )
    with closing(open_current(settings)) as store:
        with store.reading() as session:
            known = _known(session, ids)
        if not yes:
            what = "All events that are set aside" if known is None else f"{len(known)} events"
            typer.confirm(f"{what} will never be taken in. Go on?", abort=True)
        with store.session() as session:
            number = drop_events(session, known)
    _tell("dropped", number, f"{number} events are dropped.", json=json)


def _rows(session: Session) -> Iterator[dict[str, Any]]:
    chosen = select(Event, Project).outerjoin(Project, Project.id == Event.project_id)
    aside = chosen.where(Event.state == EventState.SET_ASIDE).order_by(Event.id)
    for event, project in session.execute(aside):
        yield {
            "id": event.id,
            "project": project.key if project else None,
            "action": event.action,
            "received_at": event.received_at,
            "tries": event.tries,
            "tried_at": event.tried_at,
            "error": event.error,
        }


def _known(session: Session, ids: list[int] | None) -> list[int] | None:
    """The numbers that were given, all of them set aside. Raises OnetagError naming those that are not."""
    if not ids:
        return None
    aside = set(
        session.scalars(select(Event.id).where(Event.state == EventState.SET_ASIDE, Event.id.in_(ids)))
    )
    strange = sorted(set(ids) - aside)
    if strange:
        raise OnetagError(
            f"Not set aside: {', '.join(map(str, strange))}.", "`onetag events list` shows those that are."
        )
    return ids


def _tell(what: str, number: int, sentence: str, *, json: bool) -> None:
    typer.echo(codec.dumps({what: number}) if json else sentence)
