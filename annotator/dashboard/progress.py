"""How far the project is: images, answers, the model, and what is in its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import render_template

from annotator.dashboard.charts.axes import Axis
from annotator.dashboard.charts.curve import Line, curve
from annotator.dashboard.charts.svg import Tone
from annotator.dashboard.figures import Figures, Now, Record, at_present, figures, record
from annotator.dashboard.live import one_event
from annotator.dashboard.remembered import Remembered
from annotator.dashboard.troubles import Trouble, of_machine
from annotator.store import waiting_counts
from annotator.store.shares import Share

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flask import Blueprint, Response
    from markupsafe import Markup

    from annotator.dashboard.page import Page
    from annotator.store.learning_curve import Step

AGAIN = 2000
"""Milliseconds after which a browser asks what goes on now."""
ENOUGH = 20
"""Answers that a point of the curve rests on: fewer swing from nothing to all."""


class ProgressView:
    """The first view of a project."""

    title, endpoint = "Progress", "progress"

    def __init__(self, page: Page) -> None:
        self._page = page
        self._figures: Remembered[int, Figures] = Remembered(self._count)
        self._record: Remembered[int, Record] = Remembered(self._count_record)
        self._machine: Remembered[None, list[Trouble]] = Remembered(
            lambda _: of_machine(page.checks()), fresh=10.0
        )
        self._now: Remembered[int, Now] = Remembered(self._look, fresh=1.0, stale=10.0)

    def add_to(self, blueprint: Blueprint) -> None:
        """Add its addresses."""
        blueprint.add_url_rule("/<key>/", "progress", self.show)
        blueprint.add_url_rule("/<key>/live", "live", self.live)
        blueprint.add_url_rule("/<key>/record", "record", self.record)
        self._page.warm.append(self.warm)

    def warm(self, project_id: int) -> None:
        """Count, and look, once."""
        self._figures.get(project_id)
        self._now.get(project_id)
        self._machine.get(None)

    def show(self, key: str) -> str:
        """Everything at a glance; what takes a look at all observations follows (`record`)."""
        project = self._page.project_of(key)
        counted, now = self._figures.get(project.id), self._now.get(project.id)
        troubles = [*self._machine.get(None), *counted.troubles]
        return self._page.show("progress.html", project, figures=counted, now=now, troubles=troubles)

    def record(self, key: str) -> str:
        """What people said, what it took them, and how right the versions were: a part of the page."""
        counted = self._record.get(self._page.project_of(key).id)
        costs = [cost for cost in counted.costs.together.values() if cost.answers]
        chart = learning_chart(counted.curve)
        return render_template("page/_record.html", record=counted, chart=chart, costs=costs, enough=ENOUGH)

    def live(self, key: str) -> Response:
        """What goes on now, as one event."""
        now = self._now.get(self._page.project_of(key).id)
        return one_event(render_template("page/_now.html", now=now), again=AGAIN)

    def _count(self, project_id: int) -> Figures:
        with self._page.store.reading() as session:
            return figures(session, project_id)

    def _count_record(self, project_id: int) -> Record:
        with self._page.store.reading() as session:
            return record(session, project_id)

    def _look(self, project_id: int) -> Now:
        waiting = waiting_counts(self._page.store)[project_id]
        settings = self._page.settings
        return at_present(
            self._page.store,
            project_id,
            waiting,
            wanted=settings.retrain_after,
            idle=settings.retrain_idle,
        )


def learning_chart(steps: Sequence[Step]) -> Markup:
    """How right the versions were, by the observations that they had learned from."""
    right = pooled((step.observations, step.right) for step in steps)
    found = pooled((step.observations, step.found) for step in steps)
    lines = [
        _line("suggestions that were right", right, Tone.PEOPLE),
        _line("named labels that were found", found, Tone.ESTIMATED),
    ]
    return curve(
        "How right the versions were",
        f"A point holds versions next to each other that {ENOUGH} answers tell of together, or more; each "
        "answer came after the training that it measures.",
        lines,
        Axis("observations learned from", 0.0),
        Axis("", 0.0, 1.0, share=True),
    )


def pooled(steps: Iterable[tuple[int, Share]], enough: int = ENOUGH) -> list[tuple[float, Share]]:
    """The shares of versions next to each other in one, so that each tells of enough answers.

    steps: by version, the observations that it learned from and its share. Of what is pooled the first number
    is the mean over the answers. What is left at the end joins the last one.

    >>> pooled([(10, Share(1, 2)), (20, Share(2, 2)), (30, Share(0, 1))], enough=4)
    [(18.0, Share(part=3, whole=5))]
    """
    points: list[list[tuple[int, Share]]] = []
    for step in steps:
        if not step[1].whole:
            continue
        if points and _answers(points[-1]) < enough:
            points[-1].append(step)
        else:
            points.append([step])
    if len(points) > 1 and _answers(points[-1]) < enough:
        last = points.pop()
        points[-1] += last
    return [_together(point) for point in points]


def _answers(steps: Sequence[tuple[int, Share]]) -> int:
    return sum(share.whole for _, share in steps)


def _together(steps: Sequence[tuple[int, Share]]) -> tuple[float, Share]:
    answers = _answers(steps)
    mean = sum(observations * share.whole for observations, share in steps) / answers
    return mean, Share(sum(share.part for _, share in steps), answers)


def _line(name: str, points: Sequence[tuple[float, Share]], tone: Tone) -> Line:
    return Line(
        name,
        [at for at, _ in points],
        [share.part / share.whole for _, share in points],
        [share.interval[0] for _, share in points],
        [share.interval[1] for _, share in points],
        tone,
    )
