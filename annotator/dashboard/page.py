"""What every view of the page needs, and how it shows itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from flask import abort, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.dashboard.catalog import Catalog, SearchError, version_of
from annotator.store import Project

if TYPE_CHECKING:
    from flask import Blueprint

    from annotator.dashboard.services import Pictures, Versions
    from annotator.exchange.order import Make
    from annotator.labelstudio.client import Studio
    from annotator.labelstudio.health import Check
    from annotator.settings import Settings
    from annotator.store import ModelVersion, Store

KEY = re.compile(r"p[1-9][0-9]{0,17}", re.ASCII)


class View(Protocol):
    """One part of the page. title: in the navigation; endpoint: where that leads."""

    title: str
    endpoint: str

    def add_to(self, blueprint: Blueprint) -> None:
        """Add its addresses."""


@dataclass(frozen=True)
class Page:
    """The store, the settings, and what the side of learning does."""

    store: Store
    settings: Settings
    versions: Versions
    pictures: Pictures
    make_export: Make
    checks: Callable[[], Iterable[Check]] = list
    """Looks at what is not in the store: the disk, the worker, the backbone."""
    tell: Callable[[], None] = lambda: None
    """Asks for Label Studio to be told what was said on the page. Raises OnetagError when that fails."""
    adjust_thresholds: Callable[[], None] = lambda: None
    """Asks for thresholds that people set to be brought into use. Raises OnetagError when that fails."""
    studio: Callable[[], Studio | None] = lambda: None
    """The Label Studio whose label configs people change. Raises OnetagError when that cannot be told."""
    catalog: Catalog = field(default_factory=Catalog)
    navigation: list[tuple[str, str]] = field(default_factory=list)
    """Endpoint and title of each view, in their order."""
    warm: list[Callable[[int], object]] = field(default_factory=list)
    """What views do beforehand for a project, by its id: see `Warming`."""

    def project(self, session: Session, key: str) -> Project:
        """The project with this key; the browser gets 404 where there is none."""
        found = session.get(Project, int(key[1:])) if KEY.fullmatch(key) else None
        if found is None:
            abort(404, f"There is no project {key[:20]}.")
        return found

    def project_of(self, key: str) -> Project:
        """The same, read by itself."""
        with self.store.reading() as session:
            return self.project(session, key)

    def version(self, session: Session, project: Project, name: str | None) -> ModelVersion | None:
        """The version with this name, 404 where there is none; without a name the one in use, if any."""
        try:
            return version_of(session, project.id, name)
        except SearchError as error:
            abort(404, str(error))

    def projects(self, session: Session) -> Sequence[Project]:
        """All projects, the newest first."""
        return session.scalars(select(Project).order_by(Project.id.desc())).all()

    def show(self, template: str, project: Project | None, **context: Any) -> str:
        """The HTML of a template, `page/<template>`, with the navigation of a project."""
        return render_template(
            f"page/{template}", project=project, navigation=self.navigation if project else [], **context
        )


def wants_json() -> bool:
    """Whether a script asks, and not a browser for a page to show."""
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"
