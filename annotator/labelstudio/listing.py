"""Asking Label Studio for many tasks: the cheap counts, all tasks in pages, and those that changed since.

Read in the source of Label Studio 1.23, and measured: a task's `updated_at` moves with whatever is done to it
or to its annotations (made, edited, starred, deleted, accepted or deleted in bulk, imported), and with its
data. Pages go by the id that was read last and not by their number, for tasks come and go while one reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from annotator.labelstudio.http import Http

Json = dict[str, Any]
Page = list[Json]

PAGE = 500  # tasks a request
COUNTS = ("task_number", "total_annotations_number", "skipped_annotations_number")
# What reconcile reads of an annotated task: the names count on every level, and halve the time.
ANNOTATED = (
    "id,data,annotations,predictions,result,model_version,parent_prediction,completed_by,was_cancelled,"
    "lead_time,created_at,updated_at,ground_truth"
)


@dataclass(frozen=True)
class Census:
    """A project with the numbers of its tasks and answers, skips among them; `at` is Label Studio's clock.

    at: to the second, rounded down; None where its answer tells no time.
    """

    project: Json
    tasks: int
    answers: int
    at: datetime | None


class Listing:
    """What is asked of one Label Studio about many tasks."""

    http: Http

    def census(self, project: int) -> Census:
        """The project's label config and moment, and its counts."""
        params = {"include": ",".join(("id", "created_at", "label_config", *COUNTS))}
        sent, headers = self.http.json_with_headers(f"/api/projects/{project}", params)
        tasks, answers, skips = (int(sent.get(name) or 0) for name in COUNTS)
        return Census(sent, tasks, answers + skips, _clock(headers.get("Date")))

    def tasks(self, project: int) -> Iterator[Json]:
        """Every task's `id` and `data`, oldest first, read in pages."""
        for page in self.task_pages(project):
            yield from page

    def annotated_tasks(self, project: int) -> Iterator[Json]:
        """Every task that has an annotation or a skip, with its `annotations` and `predictions`."""
        for page in self.annotated_pages(project):
            yield from page

    def task_pages(self, project: int) -> Iterator[Page]:
        """The same tasks as `tasks`, page by page."""
        return self._pages(project, [], include="id,data")

    def annotated_pages(self, project: int) -> Iterator[Page]:
        """The same tasks as `annotated_tasks`, page by page; those with skips alone come last."""
        annotated, skipped = (
            _number("total_annotations", "greater", 0),
            _number("cancelled_annotations", "greater", 0),
        )
        for wanted in ([annotated], [skipped, _number("total_annotations", "equal", 0)]):
            yield from self._pages(project, wanted, fields="all", include=ANNOTATED)

    def changed_pages(self, project: int, since: datetime) -> Iterator[Page]:
        """The tasks that anything was done to since then, by Label Studio's clock, with all they hold."""
        moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        changed = _filter("updated_at", "greater_or_equal", "Datetime", moment)
        return self._pages(project, [changed], fields="all", include=ANNOTATED)

    def _pages(self, project: int, wanted: list[Json], **params: Any) -> Iterator[Page]:
        last = 0
        while True:
            items = [*wanted, _number("id", "greater", last)]
            query = json.dumps({"filters": {"conjunction": "and", "items": items}}, separators=(",", ":"))
            answer = self.http.get("/api/tasks", project=project, page_size=PAGE, query=query, **params)
            if answer["tasks"]:
                yield answer["tasks"]
            if len(answer["tasks"]) >= int(answer["total"]) or not answer["tasks"]:
                return
            last = max(int(task["id"]) for task in answer["tasks"])


def _number(field: str, operator: str, value: int) -> Json:
    return _filter(field, operator, "Number", value)


def _filter(field: str, operator: str, kind: str, value: Any) -> Json:
    return {"filter": f"filter:tasks:{field}", "operator": operator, "type": kind, "value": value}


def _clock(header: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(header or "").astimezone(UTC)
    except ValueError:
        return None
