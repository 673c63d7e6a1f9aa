"""What the server counts, and what the store says when someone asks."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.exc import SQLAlchemyError

from annotator.errors import OnetagError
from annotator.store import (
    Base,
    Event,
    EventState,
    Image,
    Observation,
    Store,
    TrainingRun,
    waiting_counts,
)
from model_backend.server.learning_gauges import learning_gauges

log = logging.getLogger(__name__)

KNOWN_ACTIONS = frozenset(
    {
        "ANNOTATION_CREATED",
        "ANNOTATIONS_CREATED",
        "ANNOTATION_UPDATED",
        "ANNOTATIONS_DELETED",
        "TASKS_CREATED",
        "TASKS_DELETED",
        "PROJECT_UPDATED",
        "PROJECT_DELETED",
        "START_TRAINING",
    }
)


class Metrics:
    """The server's counters, in a registry of their own."""

    def __init__(self, store: Store, data_dir: Path) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "onetag_requests", "Requests answered.", ("endpoint", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "onetag_request_seconds", "Seconds to answer a request.", ("endpoint",), registry=self.registry
        )
        self.events = Counter(
            "onetag_events", "Webhook events recorded.", ("action",), registry=self.registry
        )
        self.predictions = Counter(
            "onetag_predictions", "Predictions by where they came from.", ("outcome",), registry=self.registry
        )
        self.lost_nudges = Counter(
            "onetag_lost_nudges",
            "Events recorded while the job queue was unreachable.",
            registry=self.registry,
        )
        self.registry.register(_StoreCollector(store, data_dir))

    def render(self) -> bytes:
        """The exposition text."""
        return generate_latest(self.registry)

    def saw_event(self, action: str) -> None:
        """Count an event under its action, if it is one that Label Studio sends."""
        self.events.labels(action if action in KNOWN_ACTIONS else "other").inc()


class _StoreCollector(Collector):
    """Reads the store when scraped; a store that cannot be read is a gauge too, not an error."""

    def __init__(self, store: Store, data_dir: Path) -> None:
        self._store = store
        self._data_dir = data_dir

    def describe(self) -> Iterator[Metric]:
        """Nothing in advance: registering must not read the store."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The gauges of this moment."""
        up = GaugeMetricFamily("onetag_store_up", "1 when the store can be read.")
        try:
            gauges = [*self._gauges(), *learning_gauges(self._store, self._data_dir)]
        except (OnetagError, SQLAlchemyError) as error:
            log.warning("The store cannot be read for /metrics (%s).", type(error).__name__)
            up.add_metric((), 0)
            yield up
            return
        up.add_metric((), 1)
        yield up
        yield from gauges

    def _gauges(self) -> Iterator[Metric]:
        counts = {
            "onetag_set_aside_events": (
                "Events that could not be taken in.",
                _count(Event, Event.state == EventState.SET_ASIDE),
            ),
            "onetag_images": ("Images in the store.", _count(Image, Image.removed_at.is_(None))),
            "onetag_unreadable_images": (
                "Images that cannot be read.",
                _count(Image, Image.problem.is_not(None)),
            ),
            "onetag_observations": (
                "Observations that hold.",
                _count(Observation, Observation.retired_at.is_(None)),
            ),
        }
        by_state = select(TrainingRun.state, func.count()).group_by(TrainingRun.state)
        waiting = waiting_counts(self._store).total()
        yield GaugeMetricFamily("onetag_inbox_events", "Events not yet taken in.", value=waiting)
        with self._store.reading() as session:
            for name, (text, query) in counts.items():
                yield GaugeMetricFamily(name, text, value=session.execute(query).scalar_one())
            runs = GaugeMetricFamily("onetag_training_runs", "Training runs by state.", labels=("state",))
            for state, number in session.execute(by_state):
                runs.add_metric((state,), number)
            yield runs


def _count(table: type[Base], condition: ColumnElement[bool]) -> Select[Any]:
    return select(func.count()).select_from(table).where(condition)
