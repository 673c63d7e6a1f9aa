"""The project in Label Studio: made once, and connected to the ML backend and the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import select

from annotator.backend_url import address_for_studio, page_url
from annotator.errors import OnetagError
from annotator.labelstudio.backends import BACKEND_TITLE
from annotator.labelstudio.config import Chosen, build_config, parse_config
from annotator.labelstudio.keeping import keep_screen
from annotator.labelstudio.projects import find_project, identity_of, recognise_project, tasks_tell
from annotator.labelstudio.reconcile import ReconcileProgress, reconcile
from annotator.store import Annotation

if TYPE_CHECKING:
    from annotator.labelstudio.client import Studio
    from annotator.settings import Settings
    from annotator.store import Store

MARK = "Made by onetag."
"""Stands in the description of a project that `onetag up` has made, so that it is found again."""


def ensure_project(
    studio: Studio,
    title: str,
    labels: Sequence[str] | None,
    also: Sequence[str] = (),
    *,
    known_as: Callable[[int, Sequence[str]], Sequence[str]] = lambda _, names: names,
    leave: Callable[[int, Sequence[str]], None] = lambda *_: None,
) -> int:
    """The number of the project that `onetag up` keeps in its own Label Studio, with these labels.

    labels: None keeps those that are there. also: labels that it has besides, after those. known_as: is told
    the project's number and these names, and gives those of the labels that it is to have. leave: is told the
    labels that are to go, and raises to keep them. Raises OnetagError when a first run names none.
    """
    found = [row["id"] for row in studio.projects()]
    ours = [number for number in found if studio.project(number).get("description") == MARK]
    if not ours:
        wanted = with_others(labels or (), also)
        if not wanted:
            raise OnetagError(
                "A first start needs the labels.", "Give --labels cat,dog,tree or --labels @labels.txt."
            )
        return int(studio.create_project(title, build_config(wanted), description=MARK)["id"])
    number = int(min(ours))
    if labels is not None or also:
        config = studio.project(number)["label_config"]
        control = parse_config(config).control
        there = control.labels
        named = known_as(number, with_others(labels or (), also))
        given = [control.label_of((name,)) or name for name in named]  # renamed ones may be named as before
        wanted = with_others(there if labels is None else (), given)
        if there != wanted:
            leave(number, [name for name in there if name not in wanted])
            studio.update_project(number, label_config=build_config(wanted, before=config))
    return number


def kept_as(store: Store, studio: Studio, number: int) -> int | None:
    """The store's id of project `number` of a Label Studio; None where the store has none."""
    identity = identity_of(studio.project(number))
    with store.reading() as session:
        project = find_project(session, studio.url, identity)
        return None if project is None else project.id


def with_others(labels: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """The labels, then those of the others that are not among them."""
    return tuple(dict.fromkeys([*labels, *others]))


def connect_project(
    settings: Settings,
    studio: Studio,
    project: int,
    store: Store,
    chosen: Chosen | None = None,
    *,
    own: bool = False,
    say: Callable[[str], None] = lambda _: None,
    progress: ReconcileProgress | None = None,
) -> int:
    """Connect backend and project, make their records agree, and return the project's id in the store.

    chosen: of its label config; None keeps what was chosen before. own: whether this is the one Label Studio
    that `onetag up` keeps. say: is told what was put right. What was answered before a project is connected
    for the first time is recorded as imported.
    """
    if settings.secret is None:
        raise OnetagError("The backend has no secret.", "Set ONETAG_SECRET.")
    there = studio.project(project)
    with store.reading() as session:
        doubtful = tasks_tell(session, project)
    tasks = image_addresses(studio, project, there["label_config"], chosen or Chosen()) if doubtful else {}
    with store.session() as session:
        recognised = recognise_project(session, studio.url, there, tasks, own=own, chosen=chosen)
        project_id = recognised.project.id
        recorded = select(Annotation.id).where(Annotation.project_id == project_id).limit(1)
        first = session.scalars(recorded).first() is None
    for note in recognised.notes:
        say(f"Project {project}: {note}")
    keep_screen(store, studio, project_id, page_url(settings))
    title = there.get("model_version") or BACKEND_TITLE
    studio.connect_backend(project, address_for_studio(settings), title, settings.secret)
    reconcile(store, studio, project_id, progress, imported=first)
    return project_id


def image_addresses(studio: Studio, project: int, label_config: str, chosen: Chosen) -> dict[int, str]:
    """The image address of every task that has one."""
    field = parse_config(label_config, chosen).image_field
    return {
        int(task["id"]): str(task["data"][field]) for task in studio.tasks(project) if field in task["data"]
    }
