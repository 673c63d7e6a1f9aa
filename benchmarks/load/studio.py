"""What Label Studio sends: webhooks of submitted answers, and requests for predictions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from annotator.labelstudio.config import build_config

PROJECT = 1
MADE_AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
LABELS = tuple(f"label {number:02d}" for number in range(20))
CONFIG = build_config(list(LABELS))
USER = {"id": 3, "first_name": "Ann", "last_name": "Otator", "email": "ann@example.org", "avatar": None}


def address(task: int) -> str:
    """Where a task's image is."""
    return f"/data/local-files/?d=photos/{task:08d}.jpg"


def task(number: int) -> dict[str, Any]:
    """A task as a webhook or a request for predictions holds it."""
    return {
        "id": number,
        "data": {"image": address(number)},
        "meta": {},
        "created_at": MADE_AT.isoformat(),
        "updated_at": MADE_AT.isoformat(),
        "is_labeled": False,
        "overlap": 1,
        "inner_id": number,
        "total_annotations": 0,
        "cancelled_annotations": 0,
        "total_predictions": 1,
        "comment_count": 0,
        "project": PROJECT,
        "updated_by": None,
        "file_upload": None,
        "comment_authors": [],
        "annotations": [],
        "predictions": [],
    }


def submitted(annotation: int, number: int, names: Sequence[str] = LABELS) -> dict[str, Any]:
    """The webhook of a new annotation: one of the labels of one image."""
    now = datetime.now(UTC).isoformat()
    choice = {"choices": [names[annotation % len(names)]]}
    region = {
        "id": f"r{annotation}", "from_name": "label", "to_name": "image", "type": "choices",
        "origin": "manual", "value": choice,
    }  # fmt: skip
    return {
        "action": "ANNOTATION_CREATED",
        "annotation": {
            "id": annotation,
            "task": number,
            "result": [region],
            "completed_by": USER["id"],
            "created_username": "Ann Otator, 3",
            "was_cancelled": False,
            "ground_truth": False,
            "lead_time": 3.2,
            "created_at": now,
            "updated_at": now,
            "draft_created_at": None,
            "unique_id": f"00000000-0000-4000-8000-{annotation:012d}",
            "parent_prediction": None,
            "parent_annotation": None,
            "last_action": None,
            "result_count": 1,
            "prediction": {},
            "project": PROJECT,
            "updated_by": USER["id"],
        },
        "task": task(number),
        "project": _project(tuple(names)),
    }


def asked(tasks: list[int]) -> dict[str, Any]:
    """A request for the predictions of these tasks."""
    return {
        "tasks": [task(number) for number in tasks],
        "project": f"{PROJECT}.{int(MADE_AT.timestamp())}",
        "label_config": CONFIG,
        "params": {"login": None, "password": None, "context": None},
    }


@cache
def _project(names: tuple[str, ...]) -> dict[str, Any]:
    return {
        "id": PROJECT,
        "title": "Load",
        "description": "",
        "label_config": build_config(list(names)),
        "created_by": USER,
        "created_at": MADE_AT.isoformat(),
        "sampling": "Uncertainty sampling",
        "model_version": "onetag",
        "task_number": 0,
        "is_published": False,
        "control_weights": {},
        "parsed_label_config": {"label": {"type": "Choices", "to_name": ["image"], "labels": list(names)}},
    }
