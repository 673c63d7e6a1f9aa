"""The store's project for a project of Label Studio."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from annotator.labelstudio.config import parse_config
from annotator.store import Project, sync_labels


def project_of_studio(session: Session, studio_url: str | None, studio_project: int) -> Project | None:
    """The project that these ids mean, if the store has it."""
    wanted = select(Project).where(Project.studio_url == studio_url, Project.studio_project == studio_project)
    return session.scalars(wanted).first()


def meet_project(
    session: Session, studio_url: str | None, studio_project: int, label_config: str, title: str | None = None
) -> Project:
    """The store's project, brought up to the label config. Raises OnetagError when that lacks controls."""
    labels = parse_config(label_config).labels
    project = project_of_studio(session, studio_url, studio_project)
    if project is None:
        project = _create(
            session, studio_url, studio_project, label_config, title or f"Project {studio_project}"
        )
        sync_labels(session, project, labels)
    elif project.label_config != label_config:
        project.label_config = label_config
        sync_labels(session, project, labels)
    return project


def _create(session: Session, url: str | None, number: int, config: str, title: str) -> Project:
    project = Project(studio_url=url, studio_project=number, title=title, label_config=config)
    try:
        with session.begin_nested():
            session.add(project)
    except IntegrityError:  # another process was first
        found = project_of_studio(session, url, number)
        if found is None:
            raise
        return found
    return project
