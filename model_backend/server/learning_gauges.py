"""Whether each project learns, and how far behind it is: read when /metrics is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annotator.store import Image, ModelVersion, Project, Publication, RunState, Store, TrainingRun
from annotator.store.events import waiting_since
from annotator.store.models import Failure
from annotator.store.runs import failures_in_a_row
from annotator.store.types import utc_now
from model_backend.stack.liveness import worker_silence

MOST_PROJECTS = 100
"""Projects that are told of, the newest: each is a dozen time series."""
TOLD_OF_VERSIONS = (
    "images",
    "tagged",
    "unreadable",
    "waiting",
    "answers",
    "suggestions_right",
    "calibration_error",
)
"""What is told of a version, where its training knew it: see `Fit.metrics` and `Feedback.metrics`."""


def learning_gauges(store: Store, data_dir: Path) -> Iterator[Metric]:
    """The gauges of this moment. Raises what the store raises."""
    silent = worker_silence(data_dir)
    if silent is not None:
        yield GaugeMetricFamily(
            "onetag_worker_silent_seconds", "Since the last sign of life of a worker.", value=silent
        )
    oldest = waiting_since(store)
    age = 0.0 if oldest is None else _since(oldest)
    yield GaugeMetricFamily("onetag_inbox_oldest_seconds", "Age of the oldest waiting event.", value=age)
    with store.reading() as session:
        yield _unusable(session)
        projects = session.scalars(select(Project).order_by(Project.id.desc()).limit(MOST_PROJECTS)).all()
        yield _failures(session, projects)
        yield _failing(session, projects)
        yield from _trainings(session, projects)
        yield from _versions(session, projects)


def _unusable(session: Session) -> Metric:
    counted = select(Image.unusable, func.count()).where(
        Image.removed_at.is_(None), Image.unusable.is_not(None)
    )
    gauge = GaugeMetricFamily(
        "onetag_unusable_images", "Images that cannot be used, by reason.", labels=("reason",)
    )
    for reason, count in session.execute(counted.group_by(Image.unusable)):
        gauge.add_metric((str(reason),), count)
    return gauge


def _failures(session: Session, projects: Sequence[Project]) -> Metric:
    gauge = GaugeMetricFamily("onetag_training_failures", "Trainings failed in a row.", labels=("project",))
    for project in projects:
        gauge.add_metric((project.key,), failures_in_a_row(session, project.id))
    return gauge


def _failing(session: Session, projects: Sequence[Project]) -> Metric:
    gauge = GaugeMetricFamily(
        "onetag_failing",
        "How often in a row other work failed; gone once it succeeds.",
        labels=("project", "work"),
    )
    keys = {project.id: project.key for project in projects}
    for each in session.scalars(select(Failure).where(Failure.project_id.in_(keys))):
        gauge.add_metric((keys[each.project_id], each.work), each.times)
    return gauge


def _trainings(session: Session, projects: Sequence[Project]) -> Iterator[Metric]:
    state = GaugeMetricFamily(
        "onetag_training_state", "1 for the state of the last training.", labels=("project", "state")
    )
    queued = GaugeMetricFamily(
        "onetag_training_queued_seconds", "Since the last training was asked for.", labels=("project",)
    )
    for project in projects:
        last = select(TrainingRun).where(TrainingRun.project_id == project.id)
        run = session.scalars(last.order_by(TrainingRun.id.desc()).limit(1)).first()
        if run is None:
            continue
        queued.add_metric((project.key,), _since(run.queued_at))
        for each in RunState:
            state.add_metric((project.key, each), float(run.state is each))
    yield state
    yield queued


def _versions(session: Session, projects: Sequence[Project]) -> Iterator[Metric]:
    made = GaugeMetricFamily(
        "onetag_version_seconds", "Since the active version was made.", labels=("project",)
    )
    published = GaugeMetricFamily(
        "onetag_published_seconds", "Since the last version came into the queue.", labels=("project",)
    )
    waiting = GaugeMetricFamily(
        "onetag_version_unpublished", "1 while the active version is not in the queue.", labels=("project",)
    )
    told = GaugeMetricFamily(
        "onetag_version_metric", "What the active version's training told.", labels=("project", "metric")
    )
    newest = select(func.max(ModelVersion.published_at))
    for project in projects:
        at = session.scalar(newest.where(ModelVersion.project_id == project.id))
        if at is not None:
            published.add_metric((project.key,), _since(at))
        version = session.get(ModelVersion, project.active_version_id) if project.active_version_id else None
        if version is None:
            continue
        made.add_metric((project.key,), _since(version.created_at))
        if project.studio_project is not None:
            unpublished = version.publication is not Publication.PUBLISHED
            waiting.add_metric((project.key,), float(unpublished))
        for name, value in _numbers(version.metrics):
            told.add_metric((project.key, name), value)
    yield from (made, published, waiting, told)


def _numbers(metrics: Mapping[str, object]) -> Iterator[tuple[str, float]]:
    for name in TOLD_OF_VERSIONS:
        value = metrics.get(name)
        if isinstance(value, int | float):
            yield name, float(value)


def _since(moment: datetime) -> float:
    return max(0.0, (utc_now() - moment).total_seconds())
