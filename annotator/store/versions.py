"""Model versions: the active one of a project, and names that sort."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.store.models import ModelVersion, Project


def active_version(session: Session, project_id: int) -> ModelVersion | None:
    """The version that suggestions come from; None before the first."""
    active = select(ModelVersion).join(Project, Project.active_version_id == ModelVersion.id)
    return session.scalars(active.where(Project.id == project_id)).first()


def next_name(session: Session, project_id: int) -> str:
    """A name that sorts after all others of the project: v0007-20261122T214500."""
    names = session.scalars(select(ModelVersion.name).where(ModelVersion.project_id == project_id))
    numbers = [int(found[1]) for name in names if (found := re.match(r"v(\d+)-", name))]
    return f"v{max(numbers, default=0) + 1:04d}-{datetime.now(UTC):%Y%m%dT%H%M%S}"
