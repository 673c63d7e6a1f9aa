"""A database of the first release, taken to today's tables with every record and state kept, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic import command
from sqlalchemy import select, text

from annotator.addresses import resolve_address
from annotator.store import (
    Annotation,
    Claim,
    Image,
    Import,
    Label,
    ModelVersion,
    Observation,
    Project,
    Publication,
    RunFailure,
    RunReason,
    RunState,
    Source,
    Store,
    TrainingRun,
    Unusable,
    check,
    downgrade,
    due_images,
    last_snapshot,
    open_store,
    upgrade,
)
from annotator.store.models import RULE
from annotator.store.schema import _migrating
from annotator.store.states import Suggest, Unticked

NOON = "2026-05-04 12:00:00.000000"
ISO = "2026-05-04T12:00:00+00:00"
LOST = "the worker stopped in the middle"
CALIBRATION = {"scale": [1.0, 0.5], "offset": [0.0, -1.0]}
FOOTPRINT = {"changes": 12, "images": 2, "labels": [1, 2]}
URIS = {1: "/data/1.png", 2: resolve_address(102, "s3://photos/2.png")}
SOURCES = ("tag", "added", "confirmed", "rejected", "complete", "imported")

VERSIONS: dict[int, dict[str, Any]] = {
    1: {"map": 0.5, "calibration": CALIBRATION, "publishing": ISO, "published": ISO},
    2: {"map": 0.6, "calibration": CALIBRATION, "publishing": ISO, "overtaken": ISO},
    3: {"map": 0.7, "publishing": ISO},
    4: {"map": 0.8},
}
RUNS: dict[int, tuple[str, str, str, dict[str, Any]]] = {  # state, stage, reason, metrics
    1: ("done", "done", "asked for", {"map": 0.5, "footprint": FOOTPRINT, "calibration": CALIBRATION}),
    2: ("failed", LOST, "new observations", {"footprint": FOOTPRINT}),
    3: ("failed", "features", f"again: {LOST}", {"label studio unreached": True, "footprint": FOOTPRINT}),
    4: ("failed", "fitting", "again: Label Studio answers", {}),
    5: ("running", "fitting", "new observations", {"footprint": FOOTPRINT}),
}


def rows_of_the_first_release() -> Iterator[tuple[str, dict[str, Any]]]:
    """(table, row) in an order that the foreign keys allow; the active version is set afterwards."""
    yield (
        "projects",
        {
            "id": 1,
            "studio_url": "http://studio",
            "studio_project": 7,
            "title": "Pets",
            "label_config": "<View/>",
        }
        | {"expected_positives": 1.5, "created_at": NOON},
    )
    for number, name in ((1, "cat"), (2, "dog"), (3, "gone")):
        archived = NOON if name == "gone" else None
        yield (
            "labels",
            {"id": number, "project_id": 1, "name": name, "position": number, "archived_at": archived},
        )
    for number in (1, 2):
        yield (
            "images",
            {"id": number, "project_id": 1, "studio_task": 100 + number, "uri": URIS[number]}
            | {
                "digest": "d" * 64,
                "width": 3,
                "height": 2,
                "problem": "Label Studio answers 502." if number == 2 else None,
                "created_at": NOON,
                "removed_at": None,
            },
        )
    for number, processed in ((1, NOON), (2, None)):
        yield (
            "events",
            {"id": number, "project_id": 1, "action": "PING", "payload": json.dumps({"n": number})}
            | {"received_at": NOON, "processed_at": processed, "error": None},
        )
    for number, retired in ((1, NOON), (2, None)):
        yield (
            "annotations",
            {"id": number, "project_id": 1, "image_id": 1, "studio_annotation": 5, "revision": number}
            | {"result": json.dumps([{"id": "r"}]), "skipped": False, "annotator": "ann", "lead_time": 1.5}
            | {"suggested_version": "v1", "suggested": json.dumps(["cat"]), "created_at": NOON}
            | {"updated_at": NOON, "retired_at": retired},
        )
    yield "deletions", {"project_id": 1, "studio_annotation": 9, "deleted_at": NOON}
    for number, source in enumerate(SOURCES, start=1):
        yield (
            "observations",
            {"id": number, "annotation_id": None, "image_id": 1, "label_id": 1 + number % 3, "source": source}
            | {"value": -1 if source in ("rejected", "complete") else 1, "annotator": "ann", "lead_time": 1.5}
            | {"suggested_version": None, "created_at": NOON, "retired_at": NOON if number % 2 else None},
        )
    for number, metrics in VERSIONS.items():
        yield (
            "model_versions",
            {"id": number, "project_id": 1, "name": f"v{number}", "labels": json.dumps(["cat", "dog"])}
            | {"label_ids": json.dumps([1, 2]), "folder": "", "backbone": "handcrafted", "recipe": "{}"}
            | {"thresholds": json.dumps([0.5, 0.6]), "metrics": json.dumps(metrics), "created_at": NOON},
        )
    for number, (state, stage, reason, metrics) in RUNS.items():
        yield (
            "training_runs",
            {"id": number, "project_id": 1, "state": state, "stage": stage, "progress": 0.5, "error": None}
            | {
                "reason": reason,
                "queued_at": NOON,
                "started_at": NOON,
                "heartbeat_at": NOON,
                "finished_at": NOON,
            }
            | {"observations": 3, "recipe": json.dumps({"seed": 7}), "metrics": json.dumps(metrics)}
            | {"version_id": 1 if state == "done" else None},
        )
    yield "label_vectors", {"version_id": 1, "image_id": 1, "probabilities": b"\x00\x3c\x00\x38"}
    for image, pushed in ((1, NOON), (2, None)):
        yield (
            "suggestions",
            {"version_id": 1, "image_id": image, "labels": json.dumps(["cat"]), "score": 0.25, "cluster": 1}
            | {"pushed_at": pushed},
        )


@pytest.fixture
def old_store(empty_url: str) -> Iterator[Store]:
    """A database at revision 0001 with a record of every kind in every state."""
    opened = open_store(empty_url)
    if opened.file is not None:
        opened.file.touch()
    with _migrating(opened) as config:
        command.upgrade(config, "0001")
    with opened.session() as session:
        for table, row in rows_of_the_first_release():
            names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
            session.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)
        session.execute(text("UPDATE projects SET active_version_id = 1"))
    yield opened
    opened.close()


def contents(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, JSON read."""
    tables = sorted({table for table, _ in rows_of_the_first_release()})
    with store.reading() as session:
        return {
            table: [
                {name: read(value) for name, value in row._mapping.items()}
                for row in session.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2"))
            ]
            for table in tables
        }


def read(value: Any) -> Any:
    """A value alike on both engines: JSON parsed, moments as text, memory as bytes."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        return json.loads(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return bytes(value) if isinstance(value, memoryview) else value


CHANGED = {"training_runs": {"reason", "metrics"}, "model_versions": {"metrics"}}


def test_every_record_is_kept(old_store: Store) -> None:
    before = contents(old_store)
    upgrade(old_store)
    after = contents(old_store)
    assert check(old_store).ok
    for table, rows in before.items():
        same = [name for name in rows[0] if name not in CHANGED.get(table, ())]
        assert [{name: row[name] for name in same} for row in after[table]] == [
            {name: row[name] for name in same} for row in rows
        ], table


def test_answers_of_before_are_marked_to_be_read_by_the_rule_of_today(old_store: Store) -> None:
    upgrade(old_store)
    with old_store.reading() as session:
        project = session.scalars(select(Project)).one()
        assert (project.rule, project.unticked, project.suggest) == (1, Unticked.UNKNOWN, Suggest.TICKS)
        assert (project.control, project.image_field) == (None, None)
        for annotation in session.scalars(select(Annotation)):
            assert (annotation.unmatched, annotation.unused, annotation.review) == ([], None, None)
            assert not annotation.ground_truth
            assert not annotation.imported
        assert set(session.scalars(select(Observation.ground_truth))) == {False}
        assert set(session.scalars(select(Label.created_at))) == {None}
    with old_store.session() as session:
        session.add(Project(id=2, title="new", label_config="<View/>"))
        session.flush()
        assert set(session.scalars(select(Project.rule))) == {1, RULE}


def test_the_state_of_every_version_is_in_its_columns(old_store: Store) -> None:
    upgrade(old_store)
    with old_store.reading() as session:
        versions = session.scalars(select(ModelVersion).order_by(ModelVersion.id)).all()
    assert [each.publication for each in versions] == [
        Publication.PUBLISHED,
        Publication.OVERTAKEN,
        Publication.PUBLISHING,
        Publication.NONE,
    ]
    noon = datetime(2026, 5, 4, 12, tzinfo=UTC)
    assert [each.published_at for each in versions] == [noon, None, None, None]
    assert [each.metrics for each in versions] == [{"map": 0.5}, {"map": 0.6}, {"map": 0.7}, {"map": 0.8}]
    assert [each.calibration_scale for each in versions] == [[1.0, 0.5], [1.0, 0.5], None, None]
    assert [each.calibration_offset for each in versions] == [[0.0, -1.0], [0.0, -1.0], None, None]


def test_the_state_of_every_run_is_in_its_columns(old_store: Store) -> None:
    upgrade(old_store)
    with old_store.reading() as session:
        runs = session.scalars(select(TrainingRun).order_by(TrainingRun.id)).all()
        snapshot = last_snapshot(session, 1)
    assert [each.state for each in runs] == [RunState(state) for state, *_ in RUNS.values()]
    assert [each.reason for each in runs] == [
        RunReason.ASKED_FOR,
        RunReason.NEW_OBSERVATIONS,
        RunReason.WORKER_LOST,
        RunReason.LABEL_STUDIO_BACK,
        RunReason.NEW_OBSERVATIONS,
    ]
    assert [each.failure for each in runs] == [
        None,
        RunFailure.LOST,
        RunFailure.UNREACHED,
        RunFailure.ERROR,
        None,
    ]
    assert [each.snapshot_changes for each in runs] == [12, 12, 12, None, 12]
    assert [each.snapshot_labels for each in runs] == [[1, 2], [1, 2], [1, 2], None, [1, 2]]
    assert [each.metrics for each in runs] == [{"map": 0.5}, {}, {}, {}, {}]
    assert snapshot is None, "the last run that ended noted none"


def test_every_source_is_known(old_store: Store) -> None:
    upgrade(old_store)
    with old_store.reading() as session:
        found = session.scalars(select(Observation.source).order_by(Observation.id)).all()
    assert found == [Source(source) for source in SOURCES]


def test_an_image_with_a_problem_is_tried_again_and_objects_have_their_own_address(old_store: Store) -> None:
    upgrade(old_store)
    with old_store.reading() as session:
        fine, failed = session.scalars(select(Image).order_by(Image.id)).all()
        due = due_images(session, 1, 10)
    assert (fine.unusable, fine.tries, fine.try_at, fine.object_uri) == (None, 0, None, None)
    assert (failed.unusable, failed.problem) == (Unusable.UNREACHED, "Label Studio answers 502.")
    assert failed.object_uri == "s3://photos/2.png"
    assert list(due) == [failed.id]


@pytest.mark.parametrize(
    ("later", "before"),
    [
        (RunReason.IMAGES_TO_COME, RunReason.NEW_OBSERVATIONS),
        (RunReason.VERSION_DAMAGED, RunReason.ASKED_FOR),
    ],
)
def test_a_reason_that_came_later_is_read_as_the_nearest_one_before_it(
    old_store: Store, later: RunReason, before: RunReason
) -> None:
    upgrade(old_store)
    with old_store.session() as session:
        session.get_one(TrainingRun, 1).reason = later
    downgrade(old_store, "0002")
    upgrade(old_store)
    with old_store.reading() as session:
        assert session.get_one(TrainingRun, 1).reason is before


def test_what_files_said_stays_when_the_imports_are_taken_back(old_store: Store) -> None:
    upgrade(old_store)
    with old_store.session() as session:
        # With ids of their own: the rows above have left PostgreSQL's sequences where they were.
        session.add(Import(id=1, project_id=1, name="/f", format="csv", claim=Claim.COMPLETE, digest="1"))
        session.flush()
        for number, value in ((1, 1), (2, -1)):
            said = {"id": 100 + number, "label_id": number, "value": value, "source": Source.IMPORTED}
            session.add(Observation(import_id=1, image_id=2, **said))
        session.add(Project(id=9, title="photos", label_config="", image_folder="/photos"))
    downgrade(old_store, "0003")
    upgrade(old_store)
    with old_store.reading() as session:
        found = session.execute(
            select(Observation.value, Observation.source, Observation.import_id)
            .where(Observation.image_id == 2)
            .order_by(Observation.label_id)
        ).all()
        assert session.scalars(select(Import)).all() == []
    assert [tuple(row) for row in found] == [(1, Source.IMPORTED, None), (-1, Source.IMPORTED, None)]


def test_a_label_that_came_before_moments_were_kept_is_seen_from_when_it_came(old_store: Store) -> None:
    upgrade(old_store)
    downgrade(old_store, "0007")
    with old_store.session() as session:
        session.execute(text("UPDATE labels SET created_at = :noon WHERE id = 2"), {"noon": NOON})
    upgrade(old_store)
    with old_store.reading() as session:
        seen = [label.seen_from for label in session.scalars(select(Label).order_by(Label.id))]
    assert seen == [None, datetime(2026, 5, 4, 12, tzinfo=UTC), None]


def test_and_back(old_store: Store) -> None:
    before = contents(old_store)
    upgrade(old_store)
    downgrade(old_store, "0001")
    after = contents(old_store)
    for number in (1, 2, 3):  # that a publication had begun is told by the state it came to
        before["model_versions"][number - 1]["metrics"].pop("publishing") if number < 3 else None
    before["training_runs"][0]["metrics"].pop("calibration")
    for state in ("overtaken", "publishing"):  # when that was is not kept
        for rows in (before, after):
            for row in rows["model_versions"]:
                if state in row["metrics"]:
                    row["metrics"][state] = "then"
    assert after == before
