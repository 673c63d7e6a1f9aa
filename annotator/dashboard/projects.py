"""Which project to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import redirect, url_for
from sqlalchemy import func, select

from annotator.store import Annotation, count_images

if TYPE_CHECKING:
    from flask import Blueprint
    from sqlalchemy.orm import Session
    from werkzeug import Response

    from annotator.dashboard.page import Page
    from annotator.store import Project


class ProjectsView:
    """The list of projects; where there is one, it is shown at once."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def add_to(self, blueprint: Blueprint) -> None:
        """Add its address."""
        blueprint.add_url_rule("/", "projects", self.show)

    def show(self) -> str | Response:
        """All projects with their images and answers."""
        with self._page.store.reading() as session:
            projects = self._page.projects(session)
            if len(projects) == 1:
                return redirect(url_for("page.progress", key=projects[0].key))
            rows = [(project, *_counts(session, project)) for project in projects]
        return self._page.show("projects.html", None, rows=rows)


def _counts(session: Session, project: Project) -> tuple[int, int]:
    """Live images and live answers of a project."""
    answers = select(func.count(Annotation.id)).where(
        Annotation.project_id == project.id, Annotation.retired_at.is_(None)
    )
    return count_images(session, project.id), session.scalar(answers) or 0
