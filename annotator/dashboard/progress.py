"""How far the project is: images, answers, the model, and what is in its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from annotator.store import Image, count_unanswered

if TYPE_CHECKING:
    from flask import Blueprint

    from annotator.dashboard.page import Page


class ProgressView:
    """The first view of a project."""

    title, endpoint = "Progress", "progress"

    def __init__(self, page: Page) -> None:
        self._page = page

    def add_to(self, blueprint: Blueprint) -> None:
        """Add its address."""
        blueprint.add_url_rule("/<key>/", "progress", self.show)

    def show(self, key: str) -> str:
        """Everything at a glance."""
        with self._page.store.reading() as session:
            project = self._page.project(session, key)
            live = select(func.count(Image.id)).where(
                Image.project_id == project.id, Image.removed_at.is_(None)
            )
            images, left = session.scalar(live) or 0, count_unanswered(session, project.id)
        return self._page.show("progress.html", project, images=images, left=left)
