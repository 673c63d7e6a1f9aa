"""The project in Label Studio: made once, and connected to the ML backend and the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import select

from annotator.errors import OnetagError
from annotator.labelstudio.backends import BACKEND_TITLE
from annotator.labelstudio.config import build_config, parse_config
from annotator.labelstudio.projects import get_or_create_project
from annotator.labelstudio.reconcile import ReconcileProgress, reconcile
from annotator.store import Annotation
from model_backend.stack.addresses import address_for_studio

if TYPE_CHECKING:
    from annotator.labelstudio.client import Studio
    from annotator.labelstudio.config import Chosen
    from annotator.settings import Settings
    from annotator.store import Store

MARK = "Made by onetag."
"""Stands in the description of a project that `onetag up` has made, so that it is found again."""


def ensure_project(studio: Studio, title: str, labels: Sequence[str] | None) -> int:
    """The number of the project that `onetag up` keeps in its own Label Studio, with these labels.

    labels: None keeps those that are there. Raises OnetagError when a first run names none, or when a label
    that was used already is to go.
    """
    found = [row["id"] for row in studio.projects()]
    ours = [number for number in found if studio.project(number).get("description") == MARK]
    if not ours:
        if labels is None:
            raise OnetagError(
                "A first start needs the labels.", "Give --labels cat,dog,tree or --labels @labels.txt."
            )
        return int(studio.create_project(title, build_config(labels), description=MARK)["id"])
    number = int(min(ours))
    if labels is not None and parse_config(studio.project(number)["label_config"]).labels != tuple(labels):
        studio.update_project(number, label_config=build_config(labels))
    return number


def connect_project(
    settings: Settings,
    studio: Studio,
    project: int,
    store: Store,
    chosen: Chosen | None = None,
    progress: ReconcileProgress | None = None,
) -> int:
    """Connect backend and project, make their records agree, and return the project's id in the store.

    `chosen` of its label config; None keeps what was chosen before. What was answered before a project is
    connected for the first time is recorded as imported.
    """
    if settings.secret is None:
        raise OnetagError("The backend has no secret.", "Set ONETAG_SECRET.")
    there = studio.project(project)
    with store.session() as session:
        config, titled = there["label_config"], there["title"]
        row = get_or_create_project(session, studio.url, project, config, titled, chosen)
        project_id = row.id
        recorded = select(Annotation.id).where(Annotation.project_id == project_id).limit(1)
        first = session.scalars(recorded).first() is None
    title = there.get("model_version") or BACKEND_TITLE
    studio.connect_backend(project, address_for_studio(settings), title, settings.secret)
    reconcile(store, studio, project_id, progress, imported=first)
    return project_id
