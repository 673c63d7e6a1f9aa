"""One way to record an annotation in a test, with everything that does not matter filled in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.store import (
    Annotation,
    Before,
    Image,
    Observed,
    Project,
    Source,
    Submission,
    record_annotation,
)

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def at() -> Callable[[float], datetime]:
    """A moment so many seconds after noon."""
    return lambda seconds: NOON + timedelta(seconds=seconds)


@pytest.fixture
def annotate() -> Callable[..., Annotation | None]:
    """Records an annotation: `annotate(session, project, "cat", "-dog", task=101, number=1, second=0)`."""

    def record(
        session: Session,
        project: Project,
        *said: str,
        task: int = 101,
        number: int | None = 1,
        second: float = 0,
        before: Before | None = None,
        **others: Any,
    ) -> Annotation | None:
        image = session.scalars(
            select(Image).where(Image.project_id == project.id, Image.studio_task == task)
        ).one()
        observed = [
            Observed(
                text.removeprefix("-"),
                -1 if text.startswith("-") else 1,
                Source.REJECTED if text[0] == "-" else Source.TAG,
            )
            for text in said
        ]
        values: dict[str, Any] = {
            "studio_annotation": number,
            "result": [{"said": list(said)}],
            "skipped": False,
            "annotator": "ann@example.com",
            "lead_time": 2.5,
            "suggested_version": "v0001",
            "suggested": ["cat"],
            "observed": observed,
            "at": NOON + timedelta(seconds=second),
        }
        return record_annotation(session, project, image, Submission(**(values | others)), before)

    return record
