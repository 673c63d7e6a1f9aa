"""What is known of each label, what is estimated, and how far that can be trusted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import abort, render_template, request
from sqlalchemy import select

from annotator.dashboard.charts import Tone
from annotator.dashboard.charts.heat import MOST_LABELS
from annotator.dashboard.label_changes import LabelChanges, threshold_state
from annotator.dashboard.label_charts import companions, pairs_heat, precision_chart, reliability_chart
from annotator.dashboard.label_detail import LabelDetail, label_detail
from annotator.dashboard.label_editing import LabelEditing
from annotator.dashboard.label_figures import LabelFigure, LabelFigures, label_figures
from annotator.dashboard.remembered import Remembered
from annotator.label_names import MOST_CHARACTERS
from annotator.store import Image
from annotator.store.labels import archived
from annotator.store.merged_labels import merged_labels

if TYPE_CHECKING:
    from flask import Blueprint

    from annotator.dashboard.page import Page

FRESH, STALE = 5.0, 3600.0
"""Seconds after which figures are counted anew meanwhile, and after which they are waited for."""
FEW = 20_000
"""Images whose figures are counted while the browser waits."""
NOTHING = -1.0

ORDERS: dict[str, Callable[[LabelFigure], float | str]] = {
    "config": lambda each: each.place,
    "name": lambda each: each.name.casefold(),
    "present": lambda each: -each.count.present,
    "prevalence": lambda each: -(each.prevalence.value if each.prevalence else NOTHING),
    "precision": lambda each: each.precision.value if each.precision else 2.0,
    "right": lambda each: 2.0 if each.right.value is None else each.right.value,
    "suggests": lambda each: -(NOTHING if each.suggests is None else each.suggests),
}
"""What the list can be ordered by; what wants attention first."""


class LabelsView:
    """The list of labels, one label, and which come together."""

    title, endpoint = "Labels", "labels"

    def __init__(self, page: Page) -> None:
        self._page = page
        self._figures: Remembered[int, LabelFigures] = Remembered(self._count, fresh=FRESH, stale=STALE)
        self._details: Remembered[tuple[int, int], LabelDetail] = Remembered(
            self._look, fresh=FRESH, stale=STALE
        )

    def add_to(self, blueprint: Blueprint) -> None:
        """Add its addresses."""
        blueprint.add_url_rule("/<key>/labels", "labels", self.show)
        blueprint.add_url_rule("/<key>/labels/table", "labels_table", self.table)
        blueprint.add_url_rule("/<key>/labels/together", "labels_together", self.together)
        blueprint.add_url_rule("/<key>/labels/<int:label>", "label", self.one)
        LabelChanges(self._page, self._forget).add_to(blueprint)
        LabelEditing(self._page, self._forget).add_to(blueprint)

    def show(self, key: str) -> str:
        """Every label with its figures; of many images they follow, until they have been counted once."""
        project = self._page.project_of(key)
        figures = self._figures.peek(project.id)
        if figures is not None or "wait" in request.args or self._few_images(project.id):
            figures = self._figures.get(project.id)
        with self._page.store.reading() as session:
            aside = archived(session, project.id)
            into = {each.name: each.into for each in merged_labels(session, project.id)}
        done = request.args.get("archived", type=int)
        ordered = self._ordered(figures)
        return self._page.show("labels.html", project, archived=aside, into=into, done=done, **ordered)

    def table(self, key: str) -> str:
        """The figures alone: a part of the page."""
        project = self._page.project_of(key)
        figures = self._figures.get(project.id)
        return render_template("page/_labels.html", project=project, **self._ordered(figures))

    def _ordered(self, figures: LabelFigures | None) -> dict[str, Any]:
        """The figures in the order that was asked for."""
        order = request.args.get("by", "config")
        rows = sorted(figures.labels, key=ORDERS.get(order, ORDERS["config"])) if figures else []
        return {"figures": figures, "rows": rows, "order": order, "wanted": self._page.settings.precision}

    def together(self, key: str) -> str:
        """Which labels come with which, by people and as estimated."""
        project = self._page.project_of(key)
        figures = self._figures.get(project.id)
        return self._page.show(
            "labels_together.html",
            project,
            figures=figures,
            most=MOST_LABELS,
            by_people=pairs_heat(figures, Tone.PEOPLE),
            estimated=pairs_heat(figures, Tone.ESTIMATED),
        )

    def one(self, key: str, label: int) -> str:
        """One label in large."""
        project = self._page.project_of(key)
        figures = self._figures.get(project.id)
        figure = next((each for each in figures.labels if each.id == label), None)
        if figure is None:
            abort(404, f"Project {key} has no label of this number.")
        detail = self._details.get((project.id, label))
        with self._page.store.reading() as session:
            threshold = threshold_state(session, project.id, label)
            merged = [each.name for each in merged_labels(session, project.id) if each.into == figure.name]
        wanted = self._page.settings.precision
        return self._page.show(
            "label.html",
            project,
            figures=figures,
            figure=figure,
            before=figures.labels[figure.place - 1] if figure.place else None,
            after=next(iter(figures.labels[figure.place + 1 :]), None),
            detail=detail,
            threshold=threshold,
            merged=merged,
            done=request.args.get("done"),
            most=MOST_CHARACTERS,
            wanted=wanted,
            precision=precision_chart(figure.name, detail.steps, wanted, threshold.used),
            reliability=reliability_chart(figure.name, detail.reliable),
            companions=companions(figures, figure),
        )

    def _forget(self, project_id: int, label: int) -> None:
        """Have figures counted anew: a label has changed."""
        self._figures.forget(project_id)
        self._details.forget((project_id, label))

    def _few_images(self, project_id: int) -> bool:
        with self._page.store.reading() as session:
            some = select(Image.id).where(Image.project_id == project_id).offset(FEW).limit(1)
            return session.scalar(some) is None

    def _count(self, project_id: int) -> LabelFigures:
        with self._page.store.reading() as session:
            return label_figures(session, project_id, self._page.settings.complete_share)

    def _look(self, asked: tuple[int, int]) -> LabelDetail:
        with self._page.store.reading() as session:
            return label_detail(session, *asked, self._page.settings.complete_share)
