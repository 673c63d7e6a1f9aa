"""Model versions: the active one of a project, going to another, and names that sort."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.store.models import ModelVersion, Project
from annotator.store.states import Publication

NUMBER = re.compile(r"v(\d+)-")


def active_version(session: Session, project_id: int) -> ModelVersion | None:
    """The version that suggestions come from; None before the first."""
    active = select(ModelVersion).join(Project, Project.active_version_id == ModelVersion.id)
    return session.scalars(active.where(Project.id == project_id)).first()


def use_version(session: Session, version: ModelVersion, *, pinned: bool) -> None:
    """Let suggestions come from a version; unless it is in use already, it is published like a new one.

    pinned: whether it stays in use when later trainings have made newer ones.
    """
    project = session.get_one(Project, version.project_id, populate_existing=True, with_for_update=True)
    project.version_pinned = pinned
    if project.active_version_id == version.id:
        return
    project.active_version_id = version.id
    if version.publication is not Publication.NONE:
        version.publication = Publication.PUBLISHING  # what is left of it in Label Studio goes first


def newest_names(session: Session, project_id: int, most: int, *, kept: bool = False) -> Sequence[str]:
    """The names of the newest versions of a project, at most so many. kept: of those with files alone."""
    names = select(ModelVersion.name).where(ModelVersion.project_id == project_id)
    if kept:
        names = names.where(ModelVersion.folder != "")
    return session.scalars(names.order_by(ModelVersion.id.desc()).limit(most)).all()


def number_of(version: ModelVersion) -> int:
    """The number of a version within its project, from 1.

    >>> number_of(ModelVersion(name="v0007-20261122T214500"))
    7
    """
    found = NUMBER.match(version.name)
    return int(found[1]) if found else 0


def recipe_in_words(recipe: Mapping[str, Any]) -> str:
    """The choices of a training that were not left to the default.

    >>> recipe_in_words({"loss": None, "estimator": None, "seed": 0})
    'default'
    >>> recipe_in_words({"loss": "role", "estimator": "lowrank", "end_to_end": True, "seed": 3})
    'end to end, role with lowrank, seed 3'
    """
    loss, estimator = recipe.get("loss"), recipe.get("estimator")
    told = ["end to end"] if recipe.get("end_to_end") else []
    if loss or estimator:
        told.append(" with ".join(str(each) for each in (loss or "role", estimator) if each))
    told += [f"map {recipe['map']}"] if recipe.get("map", "auto") != "auto" else []
    told += [f"seed {recipe['seed']}"] if recipe.get("seed") else []
    return ", ".join(told) or "default"


def next_name(session: Session, project_id: int) -> str:
    """A name that sorts after all others of the project: v0007-20261122T214500."""
    versions = session.scalars(select(ModelVersion).where(ModelVersion.project_id == project_id))
    newest = max(map(number_of, versions), default=0)
    return f"v{newest + 1:04d}-{datetime.now(UTC):%Y%m%dT%H%M%S}"
