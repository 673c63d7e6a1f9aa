"""Telling each Label Studio project what was said on the page."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import select

from annotator.errors import OnetagError
from annotator.labelstudio.errors import LabelStudioUnauthorized, LabelStudioUnreachable
from annotator.labelstudio.telling import tell_studio
from annotator.store import Project, Store
from model_backend.log_context import about

if TYPE_CHECKING:
    from annotator.labelstudio.client import Studio

log = logging.getLogger(__name__)


def tell_projects(store: Store, studio: Studio, projects: Iterable[int], stop: threading.Event) -> None:
    """Tell this Label Studio of its own ones among these projects.

    Raises LabelStudioError when it cannot be reached: it is no use to go on.
    """
    with store.reading() as session:
        ours = set(session.scalars(select(Project.id).where(Project.studio_url == studio.url)))
    for project_id in sorted(ours.intersection(projects)):
        with about(project=project_id):
            try:
                tell_studio(store, studio, project_id, stop)
            except (LabelStudioUnreachable, LabelStudioUnauthorized):
                raise
            except OnetagError as error:
                log.warning("Not all answers on the page could be told: %s", error)
