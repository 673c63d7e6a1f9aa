"""The alerts: rules that Prometheus reads, on metrics that /metrics has."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import promql_parser
import pytest
import yaml
from pydantic import SecretStr
from sqlalchemy import update

from annotator.errors import OnetagError
from annotator.settings import load_settings
from annotator.store import (
    Event,
    EventState,
    Image,
    ModelVersion,
    Project,
    RunReason,
    Store,
    Unusable,
    queue_run,
)
from annotator.store.last_failures import remembered
from annotator.store.states import Work
from annotator.store.types import utc_now
from model_backend.server.metrics import Metrics
from model_backend.stack.liveness import beating

from .conftest import ROOT

GROUPS = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text("utf-8"))["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
OF_PROMETHEUS = {"up"}
HOSTING = (ROOT / "docs" / "hosting.md").read_text("utf-8")


@pytest.fixture
def exposed(sqlite_store: Store, tmp_path: Any) -> str:
    """What /metrics says once everything has happened."""
    with sqlite_store.session() as session:
        project = Project(studio_url="http://studio", studio_project=1, title="P", label_config="<View/>")
        session.add(project)
        session.flush()
        session.add(Image(project_id=project.id, uri="", unusable=Unusable.MISSING, problem="gone"))
        metrics = {"suggestions_right": 0.9, "answers": 60, "never_tagged": [1], "calibrated": True}
        version = ModelVersion(
            project_id=project.id,
            name="v1",
            labels=[],
            label_ids=[],
            folder="v1",
            backbone="b",
            metrics=metrics,
            published_at=utc_now() - timedelta(seconds=100),
        )
        session.add(version)
        session.flush()
        project.active_version_id = version.id
        queue_run(session, project.id, RunReason.ASKED_FOR)
    with pytest.raises(OnetagError), remembered(sqlite_store, project.id, Work.RECONCILE):
        raise OnetagError("Label Studio does not answer.", "Start it.")
    told = Metrics(sqlite_store, load_settings(data_dir=tmp_path, secret=SecretStr("s")).data_dir)
    told.requests.labels("webhook", "200").inc()
    told.seconds.labels("webhook").observe(0.01)
    with beating(tmp_path):
        for _ in range(200):
            text = told.render().decode()
            if "onetag_worker_silent_seconds " in text:
                break
    return text


def metrics_of(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:up|onetag_\w+)\b(?=[{\[\s)]|$)", expression))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_is_read_and_says_what_to_do(rule: dict[str, Any]) -> None:
    promql_parser.parse(rule["expr"])
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"].keys() == {"summary", "action"}


def test_every_metric_of_a_rule_and_of_the_page_is_exposed(exposed: str) -> None:
    there = set(re.findall(r"(?m)^(onetag_\w+)", exposed))
    assert all(metrics_of(rule["expr"]) for rule in RULES)
    used = {name for rule in RULES for name in metrics_of(rule["expr"])} - OF_PROMETHEUS
    assert used <= there
    described = set(re.findall(r"`(onetag_[a-z_]+)`", HOSTING))
    assert {name for name in described if name not in there and f"{name}_bucket" not in there} == set()


def test_labels_of_a_rule_are_those_of_its_metric(exposed: str) -> None:
    for rule in RULES:
        for name, labels in re.findall(r"(onetag_\w+)\{([^}]*)\}", rule["expr"]):
            for label in re.findall(r"(\w+)=", labels):
                assert re.search(rf"(?m)^{name}\{{[^}}]*\b{label}=", exposed), (name, label)


def test_a_project_is_told_of_by_its_key(exposed: str) -> None:
    assert 'onetag_version_metric{metric="suggestions_right",project="p1"} 0.9' in exposed
    assert 'onetag_training_state{project="p1",state="queued"} 1.0' in exposed
    assert 'onetag_training_state{project="p1",state="failed"} 0.0' in exposed
    assert 'onetag_version_unpublished{project="p1"} 1.0' in exposed
    assert 'onetag_unusable_images{reason="missing"} 1.0' in exposed
    assert re.search(r'onetag_published_seconds\{project="p1"\} 1\d\d\.', exposed)


def test_the_age_is_that_of_the_oldest_event_wherever_it_waits(sqlite_store: Store, tmp_path: Any) -> None:
    told = Metrics(sqlite_store, tmp_path)
    with sqlite_store.session() as session:
        at = utc_now() - timedelta(minutes=5)
        events = [Event(action="A", payload={}, state=state, received_at=at) for state in EventState]
        session.add_all(events)
    assert re.search(r"(?m)^onetag_inbox_oldest_seconds 30\d\.", told.render().decode())
    with sqlite_store.session() as session:
        session.execute(update(Event).values(state=EventState.SET_ASIDE))
    assert "onetag_inbox_oldest_seconds 0.0" in told.render().decode()
    sqlite_store.inbox.record("A", {})
    assert re.search(r"(?m)^onetag_inbox_oldest_seconds 0\.\d", told.render().decode())
    assert "onetag_inbox_oldest_seconds 0.0\n" not in told.render().decode()
