"""Images that cannot be used: why, how many, and what of it is worth showing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.store.models import Image


@dataclass(frozen=True)
class ProblemExample:
    """One image that cannot be used: its task in Label Studio, its address, and what is wrong in words."""

    task: int | None
    uri: str
    problem: str


@dataclass(frozen=True)
class ImageProblems:
    """The images of a project that cannot be used for one reason."""

    reason: str
    count: int
    examples: tuple[ProblemExample, ...]


def image_problems(session: Session, project_id: int, *, examples: int = 2) -> list[ImageProblems]:
    """Why images of a project cannot be used, the most frequent reason first, with some examples of each."""
    chosen = select(Image.studio_task, Image.uri, Image.problem).where(
        Image.project_id == project_id, Image.removed_at.is_(None), Image.problem.is_not(None)
    )
    grouped: dict[str, list[ProblemExample]] = {}
    for task, uri, problem in session.execute(chosen.order_by(Image.id)):
        grouped.setdefault(_reason(problem or ""), []).append(ProblemExample(task, uri, problem or ""))
    found = [ImageProblems(reason, len(all_), tuple(all_[:examples])) for reason, all_ in grouped.items()]
    return sorted(found, key=lambda each: (-each.count, each.reason))


def _reason(problem: str) -> str:
    """A problem without what is one image's own: words that hold an address, a path or a number."""
    words = problem.split()
    return " ".join("..." if re.search(r"[/\d]", word) else word for word in words)
