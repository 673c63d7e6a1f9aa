"""Label Studio's API in the project's words: tasks, annotations, predictions, the queue, the backend."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr

from annotator.errors import OnetagError
from annotator.labelstudio.backends import Backends, Json
from annotator.labelstudio.errors import LabelStudioMissing
from annotator.labelstudio.http import Http
from annotator.labelstudio.listing import Listing

ItemProgress = Callable[[int, int], None]  # done, of how many
T = TypeVar("T")

UNCERTAINTY = "Uncertainty sampling"
TASK_BATCH = 1000  # tasks an import
PREDICTION_BATCH = 500  # predictions a push
UPLOAD_BATCH = 50  # files an upload; Label Studio takes 100
UPLOAD_BYTES = 64 * 2**20  # and not much more than this at once
PUSH_TIMEOUT = 120.0  # seconds


@dataclass(frozen=True)
class StudioVersion:
    """A version that a project has predictions of."""

    name: str
    predictions: int
    latest: datetime


class Studio(Listing, Backends):
    """One Label Studio. Its methods raise the errors of `annotator.labelstudio.errors`."""

    def __init__(self, url: str, token: SecretStr, *, timeout: float = 30.0) -> None:
        self.http = Http(url, token, timeout=timeout)
        self.url = self.http.url

    def __repr__(self) -> str:
        return f"Studio({self.url!r})"

    # About itself

    def version(self) -> str:
        """The release of Label Studio, such as 1.23.2."""
        return str(self.http.get("/api/version").get("release", "unknown"))

    def whoami(self) -> Json:
        """The user whose token this is."""
        return dict(self.http.get("/api/current-user/whoami"))

    # Projects

    def project(self, project: int) -> Json:
        """One project with its label config, model version and sampling."""
        return dict(self.http.get(f"/api/projects/{project}"))

    def projects(self) -> list[Json]:
        """All projects of this user, without their label configs."""
        return list(self.http.get("/api/projects", page_size=10_000, include="id,title").get("results", []))

    def create_project(self, title: str, label_config: str, **fields: Any) -> Json:
        """A new project; Label Studio wants 3 characters of title or more."""
        sent = {"title": title.ljust(3, "_")[:50], "label_config": label_config, **fields}
        return dict(self.http.request("POST", "/api/projects", json=sent))

    def update_project(self, project: int, **fields: Any) -> Json:
        """Change fields of a project, such as label_config."""
        return dict(self.http.request("PATCH", f"/api/projects/{project}", json=fields))

    def delete_project(self, project: int) -> None:
        """Delete a project with everything in it."""
        self.http.request("DELETE", f"/api/projects/{project}")

    def validate_config(self, project: int, label_config: str) -> None:
        """Raise LabelStudioRefused when the project cannot take this label config."""
        path = f"/api/projects/{project}/validate/"
        self.http.request("POST", path, json={"label_config": label_config}, repeat=True)

    # Tasks

    def task(self, task: int) -> Json:
        """One task with its annotations and predictions."""
        return dict(self.http.get(f"/api/tasks/{task}"))

    def import_tasks(self, project: int, tasks: Sequence[Json], progress: ItemProgress | None = None) -> int:
        """Add tasks such as {"data": {"image": uri}}; returns how many. Raises if fewer were added."""
        return self._in_batches(
            tasks, TASK_BATCH, f"/api/projects/{project}/import", "task_count", "tasks", progress
        )

    def update_task(self, task: int, data: Json) -> None:
        """Change the data of a task, all of it; its annotations and predictions stay."""
        self.http.request("PATCH", f"/api/tasks/{task}", json={"data": data})

    def delete_task(self, task: int) -> None:
        """Delete a task with its annotations and predictions."""
        self.http.request("DELETE", f"/api/tasks/{task}")

    def serve_folder(self, project: int, folder: Path) -> int:
        """Let Label Studio serve a folder below its document root to this project; returns the storage's id.

        Without such a storage it answers 404 on `/data/local-files/`. Done again, it changes nothing.
        """
        path = str(folder.resolve())
        for storage in self.http.get("/api/storages/localfiles", project=project):
            if storage.get("path") == path:
                return int(storage["id"])
        sent = {"project": project, "path": path, "title": folder.name, "use_blob_urls": True}
        return int(self.http.request("POST", "/api/storages/localfiles", json=sent)["id"])

    # Annotations

    def next_task(self, project: int) -> Json | None:
        """The task that the queue hands out next to this user; None when all are done."""
        try:
            return dict(self.http.get(f"/api/projects/{project}/next"))
        except LabelStudioMissing:
            return None

    def annotate(
        self,
        task: int,
        result: Sequence[Json],
        *,
        lead_time: float | None = None,
        parent_prediction: int | None = None,
        skipped: bool = False,
        unique_id: str | None = None,
    ) -> Json:
        """Submit an annotation, or with `skipped` a skip, as the page of Label Studio does.

        unique_id: a UUID that no other annotation has; a second one with it is refused with the status 409.
        """
        sent: Json = {"result": list(result), "lead_time": lead_time, "was_cancelled": skipped}
        if parent_prediction is not None:
            sent["parent_prediction"] = parent_prediction
        if unique_id is not None:
            sent["unique_id"] = unique_id
        return dict(self.http.request("POST", f"/api/tasks/{task}/annotations", json=sent))

    def annotation(self, annotation: int) -> Json:
        """One annotation."""
        return dict(self.http.get(f"/api/annotations/{annotation}/"))

    def update_annotation(self, annotation: int, **fields: Any) -> Json:
        """Change an annotation, for example its result."""
        return dict(self.http.request("PATCH", f"/api/annotations/{annotation}/", json=fields))

    def delete_annotation(self, annotation: int) -> None:
        """Delete an annotation."""
        self.http.request("DELETE", f"/api/annotations/{annotation}/")

    # Predictions and the queue

    def push_predictions(
        self, project: int, items: Sequence[Json], progress: ItemProgress | None = None
    ) -> int:
        """Add predictions that name their `task`; returns how many. Raises if fewer were stored.

        Measured: this way Label Studio stores result, score and model_version, and drops `cluster`.
        """
        path = f"/api/projects/{project}/import/predictions"
        return self._in_batches(items, PREDICTION_BATCH, path, "created", "predictions", progress)

    def versions(self, project: int) -> list[StudioVersion]:
        """The versions that the project has predictions of, newest first."""
        answer = self.http.get(f"/api/projects/{project}/model-versions/", extended="true")
        return [
            StudioVersion(str(each["model_version"]), int(each["count"]), _moment(each["latest"]))
            for each in answer["static"]
        ]

    def clear_version(self, project: int, version: str) -> int:
        """Delete all predictions of a version; returns how many. Takes 3 ms each.

        A page that shows one of them cannot be submitted any more: see `clear_superseded`.
        """
        path = f"/api/projects/{project}/model-versions/"
        sent = {"model_version": version}
        answer = self.http.request("DELETE", path, json=sent, timeout=PUSH_TIMEOUT)
        return int(answer.get("deleted_predictions", 0)) if isinstance(answer, dict) else 0

    def clear_superseded(
        self, project: int, current: str, ours: Collection[str], *, older_than: timedelta
    ) -> list[str]:
        """Delete the predictions of `ours`, not of `current`, pushed longer ago than `older_than`.

        Measured: the page sends the id of the prediction it showed, and Label Studio answers 400 ("Annotation
        is not saved") when that one is gone. Hence old versions stay for as long as a page may be open.
        Returns the names of those deleted.
        """
        limit = datetime.now(UTC) - older_than
        old = [
            version.name
            for version in self.versions(project)
            if version.name in ours and version.name != current and version.latest < limit
        ]
        for name in old:
            self.clear_version(project, name)
        return old

    def queue_version(self, project: int) -> str | None:
        """The version whose scores order the labelling queue."""
        return self.project(project).get("model_version")

    def set_queue(self, project: int, version: str, sampling: str = UNCERTAINTY) -> None:
        """Order the labelling queue by the scores of `version`; it must have predictions already."""
        self.update_project(project, model_version=version, sampling=sampling)

    def share_images(self, project: int, share: float, people: int) -> None:
        """Ask a share of the images, 0..1, of so many people each, the others of one; 0: every one of one.

        Measured with the free edition: it marks that share of the tasks, those with answers first and the
        others at random, again when tasks are added; and hands what one person has answered of them to the
        next one before everything else, whatever the order of the queue.
        """
        several = people if share else 1
        percent = max(1, round(100 * share)) if share else 100
        self.update_project(project, maximum_annotations=several, overlap_cohort_percentage=percent)

    def _in_batches(
        self,
        items: Sequence[Json],
        size: int,
        path: str,
        counter: str,
        what: str,
        progress: ItemProgress | None,
    ) -> int:
        done = 0
        for batch in _batches(items, size):
            answer = self.http.request("POST", path, json=batch, timeout=PUSH_TIMEOUT)
            _check_count(int(answer.get(counter) or 0), len(batch), what)
            done += len(batch)
            if progress:
                progress(done, len(items))
        return done


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _check_count(stored: int, sent: int, what: str) -> None:
    if stored != sent:
        raise OnetagError(
            f"Label Studio stored {stored} of {sent} {what} and did not say why.",
            "Run `onetag doctor`: the label config and the labels may differ.",
        )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
