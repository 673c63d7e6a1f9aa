"""Who answers: how much, how quickly, how far they say what others say, and how readily they accept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from annotator.dashboard.charts.spark import spark
from annotator.dashboard.remembered import Remembered
from annotator.store.acceptance import Acceptance, acceptances
from annotator.store.activity import Activity, Pace, activities, days_until, paces
from annotator.store.agreement import Agreement, Confusion, agreement
from annotator.store.costs import ENOUGH, NEWEST, newest_answers
from annotator.store.shared import NEWEST_SHARED, shared_votes
from annotator.store.shares import Share
from annotator.store.types import utc_now

if TYPE_CHECKING:
    from flask import Blueprint
    from markupsafe import Markup
    from sqlalchemy.orm import Session

    from annotator.dashboard.page import Page

LABELS_SHOWN = 12
"""Labels of an annotator that are listed, those first of which most is said otherwise."""


@dataclass(frozen=True)
class Annotator:
    """What is known of one. pace: of the newest answers, None where none of them is theirs.

    confusions: their labels on shared images, the one first that they say otherwise most often. flagged:
    whether trainings leave their confirmations out.
    """

    activity: Activity
    pace: Pace | None
    confusions: Sequence[Confusion]
    acceptance: Acceptance | None
    flagged: bool

    @property
    def as_others(self) -> Share:
        """Statements on shared images that the others have a consensus about, and those that say the same."""
        return Share(
            sum(each.same for each in self.confusions), sum(each.compared for each in self.confusions)
        )


@dataclass(frozen=True)
class Annotators:
    """All of a project. answers: the newest that were looked at. days: the last ones, see `Activity.by_day`.

    limit: the share of absent suggestions above which who confirms them is flagged.
    """

    each: Sequence[Annotator]
    between: Agreement
    answers: int
    days: Sequence[datetime]
    limit: float


def annotators(session: Session, project_id: int, limit: float) -> Annotators:
    """Everybody who answered or skipped an image of a project, the busiest first."""
    now = utc_now()
    newest = newest_answers(session, project_id)
    pace_of = paces(newest)
    votes = shared_votes(session, project_id, newest=NEWEST_SHARED)
    between = agreement(session, project_id, votes)
    accepting = {each.annotator: each for each in acceptances(session, project_id, votes)}
    found = []
    for activity in activities(session, project_id, now):
        name = activity.annotator
        acceptance = accepting.get(name) if name is not None else None
        found.append(
            Annotator(
                activity=activity,
                pace=pace_of.get(name),
                confusions=sorted(
                    (each for each in between.confusions if each.annotator == name),
                    key=lambda each: (each.same - each.compared, -each.compared),
                ),
                acceptance=acceptance,
                flagged=acceptance is not None and acceptance.over(limit),
            )
        )
    return Annotators(found, between, len(newest), days_until(now), limit)


class AnnotatorsView:
    """All of them at a glance, and each one below."""

    title, endpoint = "Annotators", "annotators"

    def __init__(self, page: Page) -> None:
        self._page = page
        self._counted: Remembered[int, Annotators] = Remembered(self._count)

    def add_to(self, blueprint: Blueprint) -> None:
        """Add its address."""
        blueprint.add_url_rule("/<key>/annotators", "annotators", self.show)

    def show(self, key: str) -> str:
        """What is known of everybody."""
        project = self._page.project_of(key)
        found = self._counted.get(project.id)
        return self._page.show(
            "annotators.html",
            project,
            found=found,
            sparks=[days_chart(each.activity, found.days) for each in found.each],
            flagged=[each for each in found.each if each.flagged],
            newest=NEWEST,
            newest_shared=NEWEST_SHARED,
            enough=ENOUGH,
            labels_shown=LABELS_SHOWN,
        )

    def _count(self, project_id: int) -> Annotators:
        with self._page.store.reading() as session:
            return annotators(session, project_id, self._page.settings.acceptance_limit)


def days_chart(activity: Activity, days: Sequence[datetime]) -> Markup:
    """Answers on each of the last days."""
    told = [f"{count:,} on {day:%d %B}" for day, count in zip(days, activity.by_day, strict=True) if count]
    name = activity.annotator or "unknown annotators"
    return spark(f"Answers of {name} by day", "; ".join(told) or "None.", activity.by_day)
