"""What Label Studio sends: needed parts are checked, and the rest never costs an annotation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from annotator.errors import OnetagError
from annotator.labelstudio.payloads import Deletion, Task, WebhookBody, read, read_annotation

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SENT = {"id": 1, "task": 7, "result": [], "updated_at": NOON.isoformat()}


def test_an_annotation_of_the_least_that_is_needed() -> None:
    annotation = read_annotation(SENT)
    assert (annotation.id, annotation.task, annotation.updated_at) == (1, 7, NOON)
    assert (annotation.annotator, annotation.lead_time, annotation.parent_prediction) == (None, None, None)
    assert not annotation.skipped
    assert annotation.opened_at == NOON


@pytest.mark.parametrize(("who", "name"), [(3, "3"), ({"id": 3}, "3"), ("ann", "ann"), ("", None)])
def test_an_annotator_by_any_name(who: Any, name: str | None) -> None:
    assert read_annotation(SENT | {"completed_by": who}).annotator == name


@pytest.mark.parametrize(
    "field", ["lead_time", "created_at", "parent_prediction", "prediction", "completed_by"]
)
@pytest.mark.parametrize("sent", [None, [1], {"x": 1}, -1, "nonsense", True, 2**80, float("inf")])
def test_a_malformed_part_that_only_adds_something_costs_nothing(field: str, sent: Any) -> None:
    assert read_annotation(SENT | {field: sent}).id == 1


MALFORMED: dict[str, tuple[Any, ...]] = {
    "id": (None, 0, -3, True, "1", 1.0, 2**63),
    "task": (None, "x", {"id": 7}),
    "result": (None, "[]", {}),
    "updated_at": (None, "soon", "2026-01-01", "2026-01-01T12:00:00"),
}


@pytest.mark.parametrize(
    ("field", "sent"), [(field, sent) for field, malformed in MALFORMED.items() for sent in malformed]
)
def test_a_malformed_part_that_is_needed_is_named(field: str, sent: Any) -> None:
    with pytest.raises(OnetagError, match=rf"malformed annotation \({field}: .*Reconcile"):
        read_annotation(SENT | {field: sent})


@pytest.mark.parametrize("sent", [None, "cat", [], 3])
def test_what_is_no_annotation_at_all_is_refused(sent: Any) -> None:
    with pytest.raises(OnetagError, match="malformed annotation"):
        read_annotation(sent)


def test_the_page_was_opened_when_the_lead_time_began() -> None:
    sent = SENT | {"created_at": (NOON - timedelta(hours=1)).isoformat(), "lead_time": 60}
    assert read_annotation(sent).opened_at == NOON - timedelta(hours=1, minutes=1)
    assert read_annotation(sent | {"lead_time": 1e12}).opened_at > NOON - timedelta(days=8)


def test_predictions_come_with_the_annotation_or_its_task() -> None:
    own = {"id": 5, "model_version": "v5", "result": []}
    read_both = read_annotation(SENT | {"prediction": own}, [{"id": 4, "model_version": 9}, "malformed"])
    assert [(each.id, each.model_version) for each in read_both.predictions] == [(4, "9"), (5, "v5")]


def test_an_error_never_quotes_what_was_sent() -> None:
    with pytest.raises(OnetagError) as caught:
        read(Task, {"id": "a-token-that-strayed-here"})
    assert "strayed" not in str(caught.value)


@pytest.mark.parametrize(
    "sent", [None, "x", {"id": 7}, {"id": 7, "data": [1]}, {"id": 7, "data": {"image": " "}}]
)
def test_a_task_without_an_image_says_what_is_missing(sent: Any) -> None:
    with pytest.raises(OnetagError, match="task"):
        read(Task, sent).image("image")


def test_a_body_reads_one_as_a_list_of_one() -> None:
    body = read(WebhookBody, {"project": 5, "annotation": SENT, "task": {"id": 7}, "annotations": {"id": 3}})
    assert body.project.id == 5
    assert body.annotation == [SENT]
    assert body.task == [{"id": 7}]
    assert [read(Deletion, each).id for each in body.annotations] == [3]
    assert body.tasks == []


@pytest.mark.parametrize("project", [None, "five", {"id": "5"}, [], {"label_config": 3}])
def test_a_body_of_no_project_is_read_all_the_same(project: Any) -> None:
    body = read(WebhookBody, {"project": project})
    assert (body.project.id, body.project.label_config) == (None, None)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({}, "there is no field 'image'."),
        ({"image": ""}, "its field 'image' is empty."),
        ({"image": "  "}, "its field 'image' is empty."),
        ({"image": None}, "its field 'image' holds nothing, not the address of an image."),
        ({"image": ["/data/a.jpg"]}, "its field 'image' holds a list, not the address of an image."),
        (
            {"image": {"url": "/data/a.jpg"}},
            "its field 'image' holds an object, not the address of an image.",
        ),
        ({"image": 7}, "its field 'image' holds a number, not the address of an image."),
    ],
)
def test_a_task_without_an_image_says_what_it_has_instead(data: Any, reason: str) -> None:
    task = read(Task, {"id": 7, "data": data})
    assert task.lacks_image("image") == reason
    with pytest.raises(OnetagError, match=r"Task 7 has no image: .* Correct the task's data\."):
        task.image("image")


def test_an_object_of_a_storage_is_read_where_label_studio_gives_it() -> None:
    """Webhooks bring the object's own address, and the API Label Studio's: they are one image."""
    there = "/tasks/7/resolve/?fileuri=czM6Ly9waG90b3MvY2F0LmpwZw=="
    for sent in ("s3://photos/cat.jpg", there):
        assert read(Task, {"id": 7, "data": {"image": sent}}).image("image") == there
