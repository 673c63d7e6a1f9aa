"""What takes long the first time, done before anybody asks: at the start, and when a version comes."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from sqlalchemy import select

from annotator.store import Project

if TYPE_CHECKING:
    from flask import Flask

    from annotator.dashboard.page import Page

LOOK_SECONDS = 5.0
"""Between two looks at which versions are in use."""
PROJECTS = 2
"""Whose versions came last: as many as the catalogue has room for beside a version that is compared."""

log = logging.getLogger(__name__)


class Warming:
    """Looks, in a thread of its own, which versions are in use, and warms the views of those projects."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._warm: dict[int, int | None] = {}
        self._stop = threading.Event()

    def start(self, app: Flask) -> None:
        """Begin, and return at once."""
        threading.Thread(target=self.run, args=(app,), name="warming", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def look(self) -> list[int]:
        """Warm the projects whose version is another one than at the last look; returns their ids."""
        newest = select(Project.id, Project.active_version_id).order_by(
            Project.active_version_id.desc().nulls_last(), Project.id.desc()
        )
        with self._page.store.reading() as session:
            in_use = {row[0]: row[1] for row in session.execute(newest.limit(PROJECTS))}
        changed = [project for project, version in in_use.items() if self._warm.get(project, -1) != version]
        for project in changed:
            for warm in self._page.warm:
                if self._stop.is_set():
                    return []
                warm(project)
        self._warm = in_use
        return changed

    def run(self, app: Flask) -> None:
        """Look again and again, until it is stopped."""
        for name in app.jinja_env.list_templates(filter_func=lambda name: name.startswith("page/")):
            app.jinja_env.get_template(name)
        while True:
            try:
                self.look()
            except Exception:
                log.warning("The page could not be warmed; it only takes longer then.", exc_info=True)
            if self._stop.wait(LOOK_SECONDS):
                return
