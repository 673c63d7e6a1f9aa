"""What the trainings made: the versions side by side, and going back to one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import abort, make_response, redirect, render_template, request, url_for
from sqlalchemy import select

from annotator.dashboard.remembered import Remembered
from annotator.dashboard.version_rows import VersionRow, facts, learned_instead, runs_of, version_rows
from annotator.errors import OnetagError
from annotator.store import ModelVersion, Project
from annotator.store.learning_curve import Step, learning_curve
from annotator.store.versions import newest_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Blueprint
    from sqlalchemy.orm import Session
    from werkzeug import Response

    from annotator.dashboard.page import Page

ON_A_PAGE = 20
SIDE_BY_SIDE = 6
"""Versions whose figures stand in one table."""
OFFERED = 100
"""Versions that can be chosen to compare."""
USE = {"use": False, "pin": True, "unpin": False}
"""What can be done with a version, and whether later trainings then leave it in use."""


class VersionsView:
    """The list, each version, and its use."""

    title, endpoint = "Versions", "versions"

    def __init__(self, page: Page) -> None:
        self._page = page
        self._steps: Remembered[int, dict[str, Step]] = Remembered(self._look_back, fresh=10.0)

    def add_to(self, blueprint: Blueprint) -> None:
        """Add its addresses."""
        blueprint.add_url_rule("/<key>/versions", "versions", self.show)
        blueprint.add_url_rule("/<key>/versions/<name>", "version", self.show_one)
        blueprint.add_url_rule("/<key>/versions/<name>/use", "use_version", self.use, methods=["POST"])
        blueprint.add_url_rule("/<key>/version-figures", "version_figures", self.figures)

    def show(self, key: str) -> str:
        """The newest versions; `?before=` the id of one shows older ones."""
        before = request.args.get("before", type=int)
        with self._page.store.reading() as session:
            project = self._page.project(session, key)
            rows = version_rows(session, project, before=before, most=ON_A_PAGE + 1)
            used = _in_use(session, project)
            offered = newest_names(session, project.id, OFFERED)
        return self._page.show(
            "versions.html",
            project,
            rows=rows[:ON_A_PAGE],
            older=rows[ON_A_PAGE - 1].id if len(rows) > ON_A_PAGE else None,
            before=before,
            used=used,
            offered=offered,
            side_by_side=SIDE_BY_SIDE,
        )

    def show_one(self, key: str, name: str) -> str:
        """One version: how it came about, what it is to the annotators, and its thresholds."""
        return self._one(key, name)

    def use(self, key: str, name: str) -> Response:
        """Let suggestions come from a version, and pin it or not; the worker publishes it."""
        wanted = request.form.get("as", "")
        if wanted not in USE:
            abort(400, f"as is one of {', '.join(USE)}.")
        with self._page.store.reading() as session:
            project = self._page.project(session, key)
            _found(version_rows(session, project, name=name), name)
        try:
            self._page.versions.use(project.id, name, pin=USE[wanted])
        except OnetagError as error:
            return make_response(self._one(key, name, refused=str(error)), 409)
        return redirect(url_for("page.version", key=key, name=name, now=wanted), 303)

    def figures(self, key: str) -> str:
        """Figures of the versions that `?version=` names, else of the newest: a part of the page."""
        names = request.args.getlist("version")[:SIDE_BY_SIDE]
        with self._page.store.reading() as session:
            project = self._page.project(session, key)
            of_project = select(ModelVersion).where(ModelVersion.project_id == project.id)
            if names:
                of_project = of_project.where(ModelVersion.name.in_(names))
            newest = session.scalars(of_project.order_by(ModelVersion.id.desc()).limit(SIDE_BY_SIDE)).all()
            runs = runs_of(session, [version.derived_from_id or version.id for version in newest])
        steps = self._steps.get(project.id)
        versions = newest[::-1]
        each = [
            facts(version, runs.get(version.derived_from_id or version.id), steps.get(version.name))
            for version in versions
        ]
        rows = list(zip(*each, strict=True))
        return render_template("page/_version_figures.html", project=project, versions=versions, rows=rows)

    def _one(self, key: str, name: str, refused: str | None = None) -> str:
        with self._page.store.reading() as session:
            project = self._page.project(session, key)
            row = _found(version_rows(session, project, name=name), name)
            version = session.get_one(ModelVersion, row.id)
            thresholds = list(zip(version.labels, version.thresholds, learned_instead(version), strict=False))
            older = version_rows(session, project, before=row.id)
            used, offered = _in_use(session, project), newest_names(session, project.id, OFFERED)
        return self._page.show(
            "version.html",
            project,
            row=row,
            thresholds=thresholds,
            older=older[0] if older else None,
            used=used,
            offered=offered,
            refused=refused,
            done=request.args.get("now") if row.used and refused is None else None,
        )

    def _look_back(self, project_id: int) -> dict[str, Step]:
        with self._page.store.reading() as session:
            return {step.version: step for step in learning_curve(session, project_id)}


def _found(rows: Sequence[VersionRow], name: str) -> VersionRow:
    """The one that was asked for; the browser gets 404 where there is none."""
    if not rows:
        abort(404, f"The project has no version {name[:60]}.")
    return rows[0]


def _in_use(session: Session, project: Project) -> VersionRow | None:
    if project.active_version_id is None:
        return None
    return next(iter(version_rows(session, project, before=project.active_version_id + 1)), None)
