"""The store's project for a project of Label Studio."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from annotator.labelstudio.config import Chosen, parse_config
from annotator.labelstudio.http import clean_url
from annotator.labelstudio.reading import chosen_of
from annotator.labelstudio.replay import replay_project
from annotator.labelstudio.sync import adopt_config
from annotator.store import Project, sync_labels


def find_project(session: Session, studio_url: str | None, number: int) -> Project | None:
    """The project that Label Studio at this address knows by this number, if the store has it."""
    url = clean_url(studio_url) if studio_url else None
    wanted = select(Project).where(Project.studio_url == url, Project.studio_project == number)
    return session.scalars(wanted).first()


def get_or_create_project(
    session: Session,
    studio_url: str | None,
    number: int,
    label_config: str,
    title: str | None = None,
    chosen: Chosen | None = None,
) -> Project:
    """The store's project, made when it is new and brought up to the label config.

    `chosen`: what was chosen of the config; None keeps what was chosen before. Raises OnetagError when the
    config holds no labels that can be read that way.
    """
    project = find_project(session, studio_url, number)
    if project is None:
        named = title or f"Project {number}"
        return _create(session, studio_url, number, label_config, named, chosen or Chosen())
    if chosen is not None and chosen != chosen_of(project):
        _choose(project, chosen)
        adopt_config(session, project, label_config)
        replay_project(session, project)
    elif project.label_config != label_config:
        adopt_config(session, project, label_config)
    return project


def _choose(project: Project, chosen: Chosen) -> None:
    project.control, project.image_field = chosen.control, chosen.image_field
    project.unticked, project.suggest = chosen.unticked, chosen.suggest


def _create(
    session: Session, studio_url: str | None, number: int, config: str, title: str, chosen: Chosen
) -> Project:
    labels = parse_config(config, chosen).labels
    url = clean_url(studio_url) if studio_url else None
    project = Project(studio_url=url, studio_project=number, title=title, label_config=config)
    _choose(project, chosen)
    try:
        with session.begin_nested():
            session.add(project)
    except IntegrityError:  # another process was first
        found = find_project(session, url, number)
        if found is None:
            raise
        return found
    sync_labels(session, project, labels)
    return project
