"""The store's project for a project of Label Studio, recognised at whatever address it is met.

Measured with Label Studio 1.23: a project's `created_at` never changes, has microseconds, and comes with the
API, with every webhook, and, cut to seconds, with /setup and /predict ("1.1795876176"). Number and moment
together are one project, and tell it from that of another Label Studio at the same address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from annotator.labelstudio.config import Chosen, parse_config
from annotator.labelstudio.http import LOOPBACK, clean_url
from annotator.labelstudio.reading import chosen_of
from annotator.labelstudio.replay import replay_project
from annotator.labelstudio.sync import adopt_config
from annotator.store import Image, Project, sync_labels
from annotator.store.merge import merge_projects
from annotator.store.reconciliations import forget_reconciliation

CLOCKS_APART = timedelta(hours=1)
"""A record is made after its project; its clock may be that much behind Label Studio's."""


@dataclass(frozen=True)
class Identity:
    """What Label Studio says of a project: its number, and when it was made, where that is known."""

    number: int
    made: datetime | None = None


@dataclass(frozen=True)
class Recognised:
    """The store's project for one of Label Studio's, and what was put right on the way: whole sentences."""

    project: Project
    notes: tuple[str, ...] = ()


def find_project(session: Session, studio_url: str | None, identity: Identity) -> Project | None:
    """The project with this identity; where its moment is not known, that number at this address."""
    rows = _numbered(session, identity.number)
    same = [row for row in rows if same_moment(row.studio_created_at, identity.made)]
    if same:
        return same[0]
    url = clean_url(studio_url) if studio_url else None
    maybe = [row for row in rows if row.studio_url == url and url is not None]
    return next((row for row in maybe if row.studio_created_at is None or identity.made is None), None)


def get_or_create_project(
    session: Session,
    studio_url: str,
    identity: Identity,
    label_config: str,
    title: str | None = None,
    chosen: Chosen | None = None,
) -> Project:
    """The store's project, made when it is new and brought up to the label config.

    `chosen`: what was chosen of the config; None keeps what was chosen before. Raises OnetagError when the
    config holds no labels that can be read that way.
    """
    project = find_project(session, studio_url, identity)
    if project is None:
        return _create(session, studio_url, identity, label_config, title, chosen or Chosen())
    if chosen is not None and chosen != chosen_of(project):
        _choose(project, chosen)
        forget_reconciliation(session, project.id)  # the images may be in another field
        adopt_config(session, project, label_config)
        replay_project(session, project)
    elif project.label_config != label_config:
        adopt_config(session, project, label_config)
    return project


def recognise_project(
    session: Session,
    studio_url: str,
    sent: Mapping[str, Any],
    tasks: Mapping[int, str],
    *,
    own: bool = False,
    chosen: Chosen | None = None,
) -> Recognised:
    """The store's project for what Label Studio at this address says of one, made when it is new.

    Known at another address, it is moved here; recorded twice, its records become one; and what was recorded
    of another project that had this address and number keeps its records, without an address.
    sent: the project as the API gives it. tasks: its tasks' image addresses, by which a project is recognised
    that was recorded before moments were. own: whether this is the one Label Studio that `onetag up` keeps.
    chosen: of the label config, see `get_or_create_project`.
    Raises OnetagError when the config holds no labels that can be read that way.
    """
    url, identity = clean_url(studio_url), identity_of(sent)
    notes: list[str] = []
    same: list[Project] = []
    for row in _numbered(session, identity.number):
        if _is(session, row, url, identity, tasks, own=own):
            same.append(row)
        elif row.studio_url == url:
            notes.append(_set_aside(row))
    session.flush()
    if not same:
        made = _create(session, url, identity, sent["label_config"], sent.get("title"), chosen or Chosen())
        return Recognised(made, tuple(notes))
    project, *doubles = same
    for key, double in [(row.key, row.id) for row in doubles]:
        project = merge_projects(session, project.id, double)
        notes.append(f"It had been recorded twice; the records of {key} are now with {project.key}.")
    if project.studio_url != url and not doubles:
        notes.append(f"It was known at {project.studio_url or 'no address'}; its records go on here.")
    if project.studio_url != url:
        forget_reconciliation(session, project.id)
    project.studio_url = url
    project.studio_created_at = identity.made or project.studio_created_at
    project.title = sent.get("title") or project.title
    session.flush()
    current = get_or_create_project(session, url, identity, sent["label_config"], chosen=chosen)
    return Recognised(current, tuple(notes))


def tasks_tell(session: Session, number: int) -> bool:
    """Whether a project with this number was recorded before moments were, so that its tasks must tell it."""
    return any(row.studio_created_at is None for row in _numbered(session, number))


def identity_of(sent: Mapping[str, Any]) -> Identity:
    """The identity of a project as the API or a webhook gives it."""
    return Identity(int(sent["id"]), moment(sent.get("created_at")))


def moment(text: Any) -> datetime | None:
    """A moment as Label Studio writes it; None for anything else."""
    try:
        read = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return read if read.tzinfo is not None else None


def _numbered(session: Session, number: int) -> list[Project]:
    """The projects with this number in some Label Studio, the oldest record first."""
    return list(session.scalars(select(Project).where(Project.studio_project == number).order_by(Project.id)))


def same_moment(one: datetime | None, other: datetime | None) -> bool:
    """Whether both are known and of the same second: /setup tells no more."""
    return one is not None and other is not None and int(one.timestamp()) == int(other.timestamp())


def _is(
    session: Session, row: Project, url: str, identity: Identity, tasks: Mapping[int, str], *, own: bool
) -> bool:
    """Whether a record is of the project that Label Studio tells of."""
    if row.studio_created_at is not None and identity.made is not None:
        return same_moment(row.studio_created_at, identity.made)
    if identity.made is not None and row.created_at < identity.made - CLOCKS_APART:
        return False  # recorded before Label Studio made it
    agree = _tasks_agree(session, row, tasks)
    if row.studio_url == url or (own and _on_loopback(row.studio_url)):
        return agree is not False
    return agree is True


def _tasks_agree(session: Session, row: Project, tasks: Mapping[int, str]) -> bool | None:
    """Whether most of the tasks that both know have the same image; None when they share none."""
    known = select(Image.studio_task, Image.uri).where(
        Image.project_id == row.id, Image.studio_task.is_not(None), Image.removed_at.is_(None)
    )
    same = [tasks[task] == uri for task, uri in session.execute(known) if task is not None and task in tasks]
    return sum(same) * 2 > len(same) if same else None


def _on_loopback(url: str | None) -> bool:
    return url is not None and urlsplit(url).hostname in LOOPBACK


def _set_aside(row: Project) -> str:
    """Take the address from a project that another one has now."""
    url, row.studio_url = row.studio_url, None
    return (
        f"Another project had the number {row.studio_project} at {url} before; its records stay as {row.key}."
    )


def _choose(project: Project, chosen: Chosen) -> None:
    project.control, project.image_field = chosen.control, chosen.image_field
    project.unticked, project.suggest = chosen.unticked, chosen.suggest


def _create(
    session: Session, studio_url: str, identity: Identity, config: str, title: str | None, chosen: Chosen
) -> Project:
    labels = parse_config(config, chosen).labels
    project = Project(
        studio_url=clean_url(studio_url),
        studio_project=identity.number,
        studio_created_at=identity.made,
        title=title or f"Project {identity.number}",
        label_config=config,
    )
    _choose(project, chosen)
    try:
        with session.begin_nested():
            session.add(project)
    except IntegrityError:  # another process was first
        found = find_project(session, studio_url, identity)
        if found is None:
            raise
        return found
    sync_labels(session, project, labels)
    return project
