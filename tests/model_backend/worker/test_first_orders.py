"""First questions are ordered once an import is over, and never keep a training waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from annotator.labelstudio.predictions import NO_VERSION
from annotator.settings import Settings
from annotator.store import Project, RunReason, Store, queue_run
from model_backend.engine.resources import LearningResources
from model_backend.worker.first_orders import FirstOrders
from model_backend.worker.jobs import Jobs

AT_ONCE = timedelta(0)


@pytest.fixture
def project(store: Store, new_project: Callable[..., Project]) -> Project:
    return new_project(store, images=12)


@pytest.fixture
def orders(store: Store, project: Project, resources: LearningResources, studio: Any) -> FirstOrders:
    return FirstOrders(store, resources, studio, threading.Event(), AT_ONCE)


def test_a_project_is_ordered_once(orders: FirstOrders, studio: Any) -> None:
    assert orders.due()
    orders.run()
    assert studio.queue == NO_VERSION
    assert not orders.due()


def test_while_images_keep_coming_it_waits(
    store: Store, project: Project, worker_settings: Settings, resources: LearningResources, studio: Any
) -> None:
    jobs = Jobs(store, worker_settings, studio, resources)
    assert not jobs.order_first_due(), "the images came a moment ago"
    assert FirstOrders(store, resources, studio, threading.Event(), AT_ONCE).due()


def test_where_a_training_waits_there_is_nothing_to_order(
    store: Store, project: Project, orders: FirstOrders
) -> None:
    with store.session() as session:
        queue_run(session, project.id, RunReason.ASKED_FOR)
    assert not orders.due()


def test_a_training_that_is_queued_meanwhile_goes_first(
    store: Store,
    project: Project,
    resources: LearningResources,
    studio: Any,
    orders: FirstOrders,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    extract = resources.extract

    def queued_meanwhile(*given: Any, **options: Any) -> Any:
        with store.session() as session:
            queue_run(session, project.id, RunReason.ASKED_FOR)
        return extract(*given, **options)

    monkeypatch.setattr(resources, "extract", queued_meanwhile)
    orders.run()
    assert studio.predictions == []


def test_what_label_studio_refuses_is_put_off(orders: FirstOrders, studio: Any) -> None:
    studio.failing.add("push")
    orders.run()
    assert studio.queue is None
    assert not orders.due(), "not again at once"


def test_a_worker_that_stops_leaves_it_for_later(
    store: Store, project: Project, resources: LearningResources, studio: Any
) -> None:
    stop = threading.Event()
    stop.set()
    later = FirstOrders(store, resources, studio, stop, AT_ONCE)
    later.run()
    assert studio.predictions == []
    assert later.due()


def test_without_label_studio_there_is_nothing_to_order(
    store: Store, project: Project, resources: LearningResources
) -> None:
    assert not FirstOrders(store, resources, None, threading.Event(), AT_ONCE).due()
