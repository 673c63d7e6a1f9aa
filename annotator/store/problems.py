"""Images that cannot be used: why, when each is tried again, and what of it is worth showing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annotator.store.models import Image
from annotator.store.states import TRIED_AGAIN, Unusable
from annotator.store.types import utc_now

FIRST_PAUSE = timedelta(minutes=1)  # twice as long after each try in vain
LONGEST_PAUSE = timedelta(hours=6)

USABLE: dict[str, Any] = {"unusable": None, "problem": None, "tries": 0, "try_at": None}
"""The columns of an image with which nothing is wrong."""


@dataclass(frozen=True)
class ProblemExample:
    """One image that cannot be used: its task in Label Studio, its address, and what is wrong in words."""

    task: int | None
    uri: str
    problem: str


@dataclass(frozen=True)
class ImageProblems:
    """The images of a project that cannot be used for one reason.

    next_try: when the first of them is tried again by itself; None when they wait for somebody.
    """

    reason: Unusable
    count: int
    examples: tuple[ProblemExample, ...]
    next_try: datetime | None


def image_problems(session: Session, project_id: int, *, examples: int = 3) -> list[ImageProblems]:
    """Why images of a project cannot be used, the most frequent reason first, with some examples of each."""
    live = (Image.project_id == project_id, Image.removed_at.is_(None))
    grouped = (
        select(Image.unusable, func.count(), func.min(Image.try_at))
        .where(*live, Image.unusable.is_not(None))
        .group_by(Image.unusable)
    )
    found = []
    for reason, count, next_try in session.execute(grouped).all():
        if reason is None:
            continue
        chosen = select(Image.studio_task, Image.uri, Image.problem).where(*live, Image.unusable == reason)
        shown = session.execute(chosen.order_by(Image.id).limit(examples)).all()
        named = tuple(ProblemExample(task, uri, problem or "") for task, uri, problem in shown)
        found.append(ImageProblems(reason, count, named, next_try))
    return sorted(found, key=lambda each: (-each.count, each.reason))


def pause_after(tries: int) -> timedelta:
    """How long to wait after so many tries in vain, from 1."""
    times: int = 2 ** min(tries - 1, 20)
    return min(FIRST_PAUSE * times, LONGEST_PAUSE)


def problem_columns(reason: Unusable, problem: str, tries: int) -> dict[str, Any]:
    """The columns of an image that could not be used at its try number `tries`, from 1."""
    pause = pause_after(tries) if reason in TRIED_AGAIN else None
    return {
        "unusable": reason,
        "problem": problem,
        "tries": tries,
        "try_at": None if pause is None else utc_now() + pause,
    }


def due_projects(session: Session) -> list[int]:
    """The projects with images that are to be tried again by now."""
    return list(
        session.scalars(select(Image.project_id).where(*_due()).distinct().order_by(Image.project_id))
    )


def due_images(session: Session, project_id: int, limit: int) -> Sequence[int]:
    """Ids of the images to try again by now, those that wait longest first."""
    due = select(Image.id).where(Image.project_id == project_id, *_due())
    return session.scalars(due.order_by(Image.try_at, Image.id).limit(limit)).all()


def _due() -> tuple[Any, ...]:
    return Image.try_at <= utc_now(), Image.removed_at.is_(None)
