"""Finding a project, and what is known of it in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.store.labels import live_labels
from annotator.store.matrix import observed_matrix
from annotator.store.models import Annotation, Image, Project


@dataclass(frozen=True)
class ProjectSummary:
    """A project in numbers. Of images x labels, `present + absent + unknown` cells; conflicts are unknown."""

    images: int
    unusable: int
    labels: int
    answered: int
    skipped: int
    present: int
    absent: int
    unknown: int
    conflicts: int


def find_project(session: Session, wanted: str | None = None) -> Project:
    """The project that people mean by Label Studio's number or by the title; the only one when unnamed.

    Raises OnetagError when there is none or more than one, naming what there is.
    """
    projects = session.scalars(select(Project).order_by(Project.id)).all()
    if not projects:
        raise OnetagError(
            "There is no project yet. Start with `onetag up IMAGES --labels ...` or `onetag connect`."
        )
    found = (
        projects if wanted is None else [each for each in projects if wanted in (_number(each), each.title)]
    )
    if len(found) == 1:
        return found[0]
    if wanted is None:
        raise OnetagError(f"Several projects are here; name one with --project: {_listed(projects)}.")
    if not found:
        raise OnetagError(f"There is no project {wanted!r}. Choose one with --project: {_listed(projects)}.")
    raise OnetagError(
        f"More than one project is called {wanted!r}. Choose by number or title: {_listed(projects)}."
    )


def summarise(session: Session, project_id: int) -> ProjectSummary:
    """Count what is known of a project. Unknown is counted as unknown."""
    matrix = observed_matrix(session, project_id)
    live = (Image.project_id == project_id, Image.removed_at.is_(None))
    unusable = session.scalar(select(func.count()).where(*live, Image.problem.is_not(None)))
    # An image with an answer is answered, even when another annotator skipped it.
    skipped = (
        select(func.min(cast(Annotation.skipped, Integer)))
        .join(Image, Image.id == Annotation.image_id)
        .where(*live, Annotation.retired_at.is_(None))
        .group_by(Annotation.image_id)
    )
    outcomes = [bool(each) for each in session.scalars(skipped)]
    present, absent = int((matrix.values > 0).sum()), int((matrix.values < 0).sum())
    return ProjectSummary(
        images=len(matrix.image_ids),
        unusable=unusable or 0,
        labels=len(live_labels(session, project_id)),
        answered=outcomes.count(False),
        skipped=outcomes.count(True),
        present=present,
        absent=absent,
        unknown=int(matrix.values.size) - present - absent,
        conflicts=matrix.conflicts,
    )


def _number(project: Project) -> str | None:
    return None if project.studio_project is None else str(project.studio_project)


def _listed(projects: Sequence[Project]) -> str:
    return ", ".join(f"{_number(each) or '-'} ({each.title!r})" for each in projects)
