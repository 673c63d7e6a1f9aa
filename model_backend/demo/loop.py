"""The rounds of a demonstration: the annotator answers in Label Studio, the worker retrains, we measure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from annotator.errors import OnetagError
from annotator.labelstudio.answers import question_in, ticked
from annotator.labelstudio.candidates import ABOUT
from annotator.labelstudio.config import SUGGESTED
from annotator.store import (
    Image,
    ModelVersion,
    Project,
    Publication,
    RunState,
    TrainingRun,
    observed_matrix,
    take_snapshot,
    unanswered_images,
    waiting_counts,
)
from annotator.store.costs import prior_seconds
from annotator.store.snapshots import snapshot_of
from annotator.store.states import Question
from annotator.store.vectors import load_vectors, reaches
from model_backend.demo.annotator import ALL_MARKED, CHECKED, Answer, Habits, Shown, answer, regions
from model_backend.demo.dataset import Dataset
from model_backend.demo.history import Round

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from annotator.labelstudio.client import Studio
    from annotator.labelstudio.config import LabelConfig
    from annotator.store import Store

POLL = 0.05
PATIENCE = 300.0
"""Seconds to wait for suggestions before giving up."""

Evaluate = Callable[["ModelVersion"], NDArray[np.float32]]
"""The label vectors (M, L) of the held-out images by a version."""


@dataclass(frozen=True)
class Stage:
    """What the loop plays on: a running installation and a data set whose truth is known."""

    studio: Studio
    store: Store
    project: int
    project_id: int
    config: LabelConfig
    train: Dataset
    test: Dataset
    row_of: Callable[[str], int]
    """The row of `train` that a task's image address means."""
    evaluate: Evaluate
    check: Callable[[], None]
    """Raises when the installation has broken down."""


@dataclass
class Tally:
    """What has happened so far."""

    tagged: int = 0
    skipped: int = 0
    rounds: list[Round] = field(default_factory=list)


def play(
    stage: Stage,
    plan: Sequence[tuple[int, Habits]],
    rng: np.random.Generator,
    report: Callable[[Tally, str], None],
) -> Iterator[Round]:
    """Play rounds of (answers, habits) one after another; `report` is called with what happens now."""
    progress = Tally()
    for number, (count, habits) in enumerate(plan, start=1):
        answered_at = time.monotonic()
        for done in range(count):
            report(progress, f"round {number}: the annotator answers ({done + 1} of {count})")
            if not answer_next(stage, habits, rng, progress):
                break
            answered_at = time.monotonic()
        report(progress, f"round {number}: the worker retrains")
        version = await_suggestions(stage)
        seconds = time.monotonic() - answered_at
        report(progress, f"round {number}: measuring on the held-out images")
        progress.rounds.append(measured(stage, progress, number, version, seconds))
        report(progress, "")
        yield progress.rounds[-1]


def answer_next(stage: Stage, habits: Habits, rng: np.random.Generator, progress: Tally) -> bool:
    """Take the next task of the queue and answer it; False when the queue is empty."""
    stage.check()
    task = stage.studio.next_task(stage.project)
    if task is None:
        return False
    submit(stage, task, habits, rng, progress)
    return True


def submit(
    stage: Stage, task: dict[str, Any], habits: Habits, rng: np.random.Generator, progress: Tally
) -> None:
    """Answer one task."""
    row = stage.row_of(str(task["data"][stage.config.image_field]))
    prediction = shown_prediction(task)
    shown = as_shown(prediction)
    given = answer(stage.train.present(row), shown.labels, habits, rng, shown.to_check)
    result = [] if given is None else regions(given, shown, stage.config.kind)
    stage.studio.annotate(
        int(task["id"]),
        result,
        lead_time=seconds_for(given, len(stage.config.labels), len(shown.labels) + len(shown.to_check)),
        parent_prediction=int(prediction["id"]) if prediction else None,
        skipped=given is None,
    )
    progress.tagged += given is not None
    progress.skipped += given is None


def seconds_for(given: Answer | None, labels: int, suggestions: int) -> float:
    """What an answer would take a person, by published work; to skip an image is to look for a label."""
    kinds = {CHECKED: Question.CHECK, ALL_MARKED: Question.COMPLETE}
    kind = kinds.get(given.review, Question.TAG) if given and given.review else Question.TAG
    return prior_seconds(kind, labels, suggestions)


def shown_prediction(task: dict[str, Any]) -> dict[str, Any] | None:
    """The prediction that the page shows: the newest."""
    found = [each for each in task.get("predictions") or () if isinstance(each, dict)]
    return max(found, key=lambda each: int(each["id"]), default=None)


def as_shown(prediction: dict[str, Any] | None) -> Shown:
    """What a prediction shows ticked, and what it asks to check."""
    result = (prediction or {}).get("result") or []
    to_check = ticked(result, ABOUT) if question_in(result) is Question.CHECK else []
    ids = [str(region["id"]) for region in result if region.get("from_name") == SUGGESTED]
    shown = tuple(ticked(result))
    return Shown(shown, ids[-1] if ids else SUGGESTED, tuple(name for name in to_check if name not in shown))


def await_suggestions(stage: Stage) -> ModelVersion:
    """Wait until a version that knows every answer is in Label Studio's queue, and return it.

    Raises OnetagError when that takes too long or the last training failed.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        stage.check()
        version = settled(stage.store, stage.project_id)
        if version is not None:
            return version
        time.sleep(POLL)
    raise OnetagError(f"No new suggestions after {PATIENCE:.0f} s.", "`onetag doctor` looks for the reason.")


def settled(store: Store, project_id: int) -> ModelVersion | None:
    """The active version, if it is published and nothing that people said since is missing from it."""
    if waiting_counts(store).total():
        return None
    with store.reading() as session:
        return _settled(session, project_id)


def _settled(session: Session, project_id: int) -> ModelVersion | None:
    latest = select(TrainingRun).where(TrainingRun.project_id == project_id).order_by(TrainingRun.id.desc())
    run = session.scalars(latest.limit(1)).first()
    if run is not None and run.state is RunState.FAILED:
        raise OnetagError(f"The training failed: {run.error}", "The worker's log says more.")
    if run is None or run.state is not RunState.DONE:
        return None
    version = session.get(ModelVersion, session.get_one(Project, project_id).active_version_id or 0)
    knows = snapshot_of(run) == take_snapshot(session, project_id)
    return version if version and knows and version.publication is Publication.PUBLISHED else None


def measured(stage: Stage, progress: Tally, number: int, version: ModelVersion, seconds: float) -> Round:
    """The numbers of a round, against the truth that only we know."""
    from model_backend.training import mean_average_precision  # noqa: PLC0415 (torch is slow to import)

    scores = stage.evaluate(version)
    truth = aligned(stage.test, version.labels)
    with stage.store.reading() as session:
        observations = known_values(session, stage.project_id)
        right, made, present = hits(session, stage, version)
    return Round(
        number=number,
        tagged=progress.tagged,
        observations=observations,
        mean_average_precision=mean_average_precision(scores, truth).mean,
        precision=right / made if made else None,
        recall=right / present if present else None,
        suggestions=made,
        seconds=seconds,
    )


def aligned(data: Dataset, labels: Sequence[str]) -> NDArray[np.int8]:
    """The truth (M, L) as 0 and 1 with its columns in the order of `labels`."""
    columns = [data.labels.index(name) for name in labels]
    return data.truth[:, columns].astype(np.int8)


def known_values(session: Session, project_id: int) -> int:
    """How many cells of the observed matrix are known."""
    return int(np.count_nonzero(observed_matrix(session, project_id).values))


def hits(session: Session, stage: Stage, version: ModelVersion) -> tuple[int, int, int]:
    """(right, made, present): labels at their threshold that are there, all at it, and all that are there.

    On all images that nobody has answered yet, whatever the next question of them is: a page that asks for
    labels by name or for all of them shows no suggestions.
    """
    ids, chances = load_vectors(session, version.id, unanswered_images(session, stage.project_id))
    images = select(Image.id, Image.uri).where(Image.project_id == stage.project_id)
    addresses = dict(session.execute(images).all())
    rows = [stage.row_of(addresses[image_id]) for image_id in ids]
    present = aligned(stage.train, version.labels)[rows] > 0
    reached = reaches(chances, version.thresholds)
    return int((reached & present).sum()), int(reached.sum()), int(present.sum())
