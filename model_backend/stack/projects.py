"""The project in Label Studio: made once, and connected to the ML backend and the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from annotator.errors import OnetagError
from annotator.labelstudio.backends import BACKEND_TITLE
from annotator.labelstudio.config import build_config, parse_config
from annotator.labelstudio.projects import get_or_create_project
from annotator.labelstudio.reconcile import reconcile
from model_backend.stack.addresses import address_for_studio

if TYPE_CHECKING:
    from annotator.labelstudio.client import Studio
    from annotator.settings import Settings
    from annotator.store import Store

MARK = "Made by onetag."
"""Stands in the description of a project that `onetag up` has made, so that it is found again."""


def ensure_project(studio: Studio, title: str, labels: Sequence[str] | None, also: Sequence[str] = ()) -> int:
    """The number of the project that `onetag up` keeps in its own Label Studio, with these labels.

    labels: None keeps those that are there. also: labels that it has besides, after those. Raises OnetagError
    when a first run names none, or when a label that was used already is to go.
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
        there = parse_config(studio.project(number)["label_config"]).labels
        wanted = with_others(there if labels is None else labels, also)
        if there != wanted:
            studio.update_project(number, label_config=build_config(wanted))
    return number


def with_others(labels: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """The labels, then those of the others that are not among them."""
    return tuple(dict.fromkeys([*labels, *others]))


def connect_project(settings: Settings, studio: Studio, project: int, store: Store) -> int:
    """Connect backend and project, make their records agree, and return the project's id in the store."""
    if settings.secret is None:
        raise OnetagError("The backend has no secret.", "Set ONETAG_SECRET.")
    there = studio.project(project)
    with store.session() as session:
        row = get_or_create_project(session, studio.url, project, there["label_config"], there["title"])
        project_id = row.id
    title = there.get("model_version") or BACKEND_TITLE
    studio.connect_backend(project, address_for_studio(settings), title, settings.secret)
    reconcile(store, studio, project_id)
    return project_id
