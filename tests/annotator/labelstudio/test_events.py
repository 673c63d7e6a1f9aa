"""From the inbox to the records, whatever arrives and in whatever order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.labelstudio.annotations import record_studio_annotation
from annotator.labelstudio.attempts import Allowance, EventOutcome
from annotator.labelstudio.config import build_config
from annotator.labelstudio.events import TASKS_TOGETHER, process_event
from annotator.labelstudio.predictions import region_id
from annotator.store import (
    Annotation,
    Event,
    EventState,
    Image,
    Label,
    ModelVersion,
    Observation,
    Project,
    Suggestion,
    archived_labels,
    fail_event,
    finish_event,
    live_labels,
    record_event,
    retry_events,
    sync_images,
)
from annotator.store.events import MOST_TRIES
from tests.annotator.labelstudio.conftest import LABELS, add_project

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def region(control: str, *names: str, origin: str = "manual", key: str = "r") -> dict[str, Any]:
    return {"id": key, "from_name": control, "origin": origin, "value": {"choices": list(names)}}


CAT = region("label", "cat")
TASK = {"id": 7, "data": {"image": "/data/upload/5/7.png"}}


def studio_project(labels: Any = LABELS, **fields: Any) -> dict[str, Any]:
    return {"id": 5, "label_config": build_config(labels), **fields}


def task(number: int, uri: str = "/data/upload/5/{}.png") -> dict[str, Any]:
    return {"id": number, "data": {"image": uri.format(number)}}


def annotation(number: int = 1, result: Any = None, minute: float = 0, **fields: Any) -> dict[str, Any]:
    return {
        "id": number,
        "task": 7,
        "result": [CAT] if result is None else result,
        "was_cancelled": False,
        "completed_by": 3,
        "lead_time": 2.5,
        "created_at": NOON.isoformat(),
        "updated_at": (NOON + timedelta(minutes=minute)).isoformat(),
        "parent_prediction": None,
        "prediction": {},
        **fields,
    }


def arrive(session: Session, action: str, payload: Any) -> tuple[Event, EventOutcome]:
    event = record_event(session, action, payload)
    return event, process_event(session, event)


def annotated(
    session: Session, action: str = "ANNOTATION_CREATED", *, labels: Any = LABELS, **fields: Any
) -> EventOutcome:
    payload = {"annotation": annotation(**fields), "task": task(7), "project": studio_project(labels)}
    event, outcome = arrive(session, action, payload)
    assert event.processed_at is not None
    assert event.error == outcome.problem
    return outcome


def known(session: Session) -> dict[str, str]:
    """The active observations, such as {"cat": "+tag"}."""
    chosen = select(Label.name, Observation.value, Observation.source).join(
        Label, Label.id == Observation.label_id
    )
    rows = session.execute(chosen.where(Observation.retired_at.is_(None)))
    return {name: f"{'+' if value > 0 else '-'}{source}" for name, value, source in rows}


def live(session: Session) -> list[Annotation]:
    return list(session.scalars(select(Annotation).where(Annotation.retired_at.is_(None))))


def test_an_annotation_becomes_records(session: Session, project: Project) -> None:
    assert annotated(session) == EventOutcome(project.id, changed=1)
    assert known(session) == {"cat": "+tag"}
    (recorded,) = live(session)
    assert (recorded.studio_annotation, recorded.annotator, recorded.lead_time) == (1, "3", 2.5)
    assert recorded.updated_at == NOON
    image = session.get_one(Image, recorded.image_id)
    assert (image.studio_task, image.uri) == (7, "/data/upload/5/7.png")


def test_the_same_event_twice_changes_nothing(session: Session, project: Project) -> None:
    annotated(session)
    assert annotated(session).changed == 0
    assert len(live(session)) == 1


def test_an_update_replaces_what_was_known(session: Session, project: Project) -> None:
    annotated(session)
    annotated(session, "ANNOTATION_UPDATED", result=[region("label", "dog")], minute=1)
    assert known(session) == {"dog": "+tag"}


def test_a_late_event_changes_nothing(session: Session, project: Project) -> None:
    annotated(session, "ANNOTATION_UPDATED", result=[region("label", "dog")], minute=1)
    assert annotated(session, minute=0).changed == 0
    assert known(session) == {"dog": "+tag"}


def test_a_skip_is_recorded_and_says_nothing(session: Session, project: Project) -> None:
    assert annotated(session, result=[], was_cancelled=True).changed == 1
    assert [each.skipped for each in live(session)] == [True]
    assert known(session) == {}


def test_labels_that_left_come_back_with_all_that_was_said_of_them(
    session: Session, project: Project
) -> None:
    """Also with what a complete review had said of them as absent, which the answer itself does not name."""
    everything = [CAT, region("review", "All labels marked")]
    annotated(session, result=everything)
    before = known(session)
    assert before == {"cat": "+tag", "dog": "-complete", "tree": "-complete", "car": "-complete"}
    update = {"project": studio_project(["tree"])}
    arrive(session, "PROJECT_UPDATED", update)
    (cat, *others) = archived_labels(session, project.id)
    assert (cat.name, cat.answers, cat.present, cat.absent) == ("cat", 1, 1, 0)
    assert [(each.name, each.absent) for each in others] == [("dog", 1), ("car", 1)]
    arrive(session, "PROJECT_UPDATED", {"project": studio_project(LABELS)})
    assert archived_labels(session, project.id) == []
    assert known(session) == before


def test_an_edit_that_seems_older_has_label_studio_asked(session: Session, project: Project) -> None:
    """The clock of Label Studio has been set back since, or the event came late: it knows which."""
    annotated(session, minute=600)
    edited = annotated(session, result=[region("label", "dog")], minute=1)
    assert edited.reconcile
    assert not annotated(session, minute=600).reconcile, "the same delivery once more asks for nothing"
    _, deleted = arrive(
        session, "ANNOTATIONS_DELETED", {"annotations": [{"id": 1}], "project": studio_project()}
    )
    assert (deleted.changed, deleted.reconcile) == (1, False)


def test_a_deletion_counts_though_label_studios_clock_is_ahead(session: Session, project: Project) -> None:
    annotated(session, minute=60 * 24 * 365 * 100)
    _, deleted = arrive(
        session, "ANNOTATIONS_DELETED", {"annotations": [{"id": 1}], "project": studio_project()}
    )
    assert (deleted.changed, live(session)) == (1, [])
    assert annotated(session, minute=60 * 24 * 365 * 100).reconcile, "a doubled event, or a restored backup"
    assert live(session) == []


def test_a_deletion_comes_without_its_task(session: Session, project: Project) -> None:
    annotated(session)
    _, outcome = arrive(
        session, "ANNOTATIONS_DELETED", {"annotations": [{"id": 1}], "project": studio_project()}
    )
    assert outcome.changed == 1
    assert known(session) == {}
    assert live(session) == []


def test_a_deletion_that_overtakes_its_annotation(session: Session, project: Project) -> None:
    arrive(session, "ANNOTATIONS_DELETED", {"annotations": [{"id": 1}], "project": studio_project()})
    annotated(session)
    assert live(session) == []


def test_a_bulk_action_brings_lists(session: Session, project: Project) -> None:
    payload = {
        "annotation": [annotation(1), annotation(2, task=8, result=[region("label", "dog")])],
        "task": [task(7), task(8)],
        "project": studio_project(),
    }
    _, outcome = arrive(session, "ANNOTATIONS_CREATED", payload)
    assert outcome.changed == 2
    assert known(session) == {"cat": "+tag", "dog": "+tag"}


def test_new_tasks_become_images_and_call_for_a_reconcile(session: Session, project: Project) -> None:
    _, outcome = arrive(session, "TASKS_CREATED", {"tasks": [task(7), task(8)], "project": studio_project()})
    assert outcome == EventOutcome(project.id, reconcile=True)
    assert sorted(task or 0 for task in session.scalars(select(Image.studio_task))) == [7, 8]


def test_deleted_tasks_are_removed_and_keep_their_history(session: Session, project: Project) -> None:
    annotated(session)
    arrive(session, "TASKS_DELETED", {"tasks": [{"id": 7}, {"id": 99}], "project": studio_project()})
    assert session.scalars(select(Image.removed_at)).one() is not None
    assert len(live(session)) == 1


def test_the_train_button(session: Session, project: Project) -> None:
    _, outcome = arrive(session, "START_TRAINING", {"project": studio_project()})
    assert outcome == EventOutcome(project.id, train=True)


# What was shown


def shown_by(session: Session) -> tuple[str | None, list[str] | None]:
    (recorded,) = live(session)
    return recorded.suggested_version, recorded.suggested


def prediction(number: int, version: str, *labels: str) -> dict[str, Any]:
    return {
        "id": number,
        "model_version": version,
        "result": [region("suggested", *labels, key=region_id(version))],
    }


def suggest(
    session: Session, project: Project, version: str, labels: list[str], pushed_at: datetime | None
) -> None:
    sync_images(session, project.id, {7: "/data/upload/5/7.png"})
    made = ModelVersion(
        project_id=project.id, name=version, labels=[], label_ids=[], folder="v", backbone="b"
    )
    session.add(made)
    session.flush()
    image = session.scalars(select(Image.id).where(Image.studio_task == 7)).one()
    session.add(
        Suggestion(
            version_id=made.id, image_id=image, labels=labels, score=0.5, cluster=0, pushed_at=pushed_at
        )
    )
    session.flush()


def test_the_prediction_that_the_page_names_was_shown(session: Session, project: Project) -> None:
    annotated(session, parent_prediction=11, prediction=prediction(11, "v1", "dog"))
    assert shown_by(session) == ("v1", ["dog"])
    assert known(session) == {"cat": "+tag", "dog": "-rejected"}


def test_the_prediction_that_is_current_at_submit_was_not(session: Session, project: Project) -> None:
    suggest(session, project, "v1", ["dog"], NOON - timedelta(minutes=5))
    suggest(session, project, "v2", ["tree"], NOON - timedelta(seconds=1))  # pushed after the page was opened
    annotated(session, parent_prediction=11, prediction=prediction(12, "v2", "tree"), lead_time=30.0)
    assert shown_by(session) == ("v1", ["dog"])
    assert known(session) == {"cat": "+tag", "dog": "-rejected"}


def test_the_region_itself_tells_its_version(session: Session, project: Project) -> None:
    suggest(session, project, "v1", ["dog", "tree"], None)
    changed = region("suggested", "dog", origin="prediction-changed", key=region_id("v1"))
    annotated(session, result=[CAT, changed])
    assert shown_by(session) == ("v1", ["dog", "tree"])
    assert known(session) == {"cat": "+tag", "tree": "-rejected"}


def test_made_by_hand_or_imported_nothing_was_shown(session: Session, project: Project) -> None:
    suggest(session, project, "v1", ["dog"], NOON - timedelta(minutes=5))
    annotated(session, prediction=prediction(12, "v1", "dog"))
    assert shown_by(session) == (None, None)
    assert known(session) == {"cat": "+tag"}


def test_an_edit_does_not_change_what_was_shown(session: Session, project: Project) -> None:
    annotated(session, parent_prediction=11, prediction=prediction(11, "v1", "dog"))
    annotated(session, "ANNOTATION_UPDATED", minute=5, result=[CAT, region("suggested", "dog")])
    assert shown_by(session) == ("v1", ["dog"])
    assert known(session) == {"cat": "+tag"}


# The label config


def edited(session: Session, config: str) -> tuple[Event, EventOutcome]:
    return arrive(session, "PROJECT_UPDATED", {"project": {"id": 5, "label_config": config}})


def names(session: Session, project: Project) -> list[str]:
    return [label.name for label in live_labels(session, project.id)]


def test_an_edited_label_config_is_followed(session: Session, project: Project) -> None:
    annotated(session)
    _, outcome = edited(session, build_config(["dog", "bird"]))
    assert sorted(outcome.labels) == ["bird", "car", "cat", "tree"]
    assert outcome.reconcile
    assert names(session, project) == ["dog", "bird"]
    assert known(session) == {"cat": "+tag"}, "the history of an archived label is kept"


def test_a_project_update_that_is_not_about_labels(session: Session, project: Project) -> None:
    _, outcome = edited(session, project.label_config)
    assert outcome == EventOutcome(project.id)


def test_a_config_without_an_image_is_a_problem_and_loses_nothing(session: Session, project: Project) -> None:
    event, outcome = edited(session, "<View><Text name='t' value='$t'/></View>")
    assert 'lacks <Image name="image"' in (outcome.problem or "")
    assert event.error == outcome.problem
    assert names(session, project) == list(LABELS)
    broken = {"annotation": annotation(), "task": task(7), "project": {"id": 5, "label_config": "<View/>"}}
    _, outcome = arrive(session, "ANNOTATION_CREATED", broken)
    assert outcome.changed == 1
    assert outcome.problem
    assert known(session) == {"cat": "+tag"}


def test_a_lost_edit_is_followed_with_the_next_event(session: Session, project: Project) -> None:
    outcome = annotated(session, labels=(*LABELS, "bird"), result=[region("label", "bird")])
    assert (outcome.changed, outcome.labels) == (1, ("bird",))
    assert known(session) == {"bird": "+tag"}


def test_a_label_that_comes_back_gives_older_annotations_their_meaning(
    session: Session, project: Project
) -> None:
    edited(session, build_config(["cat", "dog"]))
    annotated(session, labels=("cat", "dog"), result=[CAT, region("suggested", "tree")])
    assert known(session) == {"cat": "+tag"}
    edited(session, build_config(["cat", "dog", "tree"]))
    assert known(session) == {"cat": "+tag", "tree": "+added"}


def test_a_new_label_is_not_absent_from_images_that_were_complete_before_it(
    session: Session, project: Project
) -> None:
    annotated(session, result=[CAT, region("review", "All labels marked")])
    before = known(session)
    assert before == {"cat": "+tag", "dog": "-complete", "tree": "-complete", "car": "-complete"}
    edited(session, build_config([*LABELS, "bird"]))
    assert known(session) == before


# What is malformed


def told(number: int = 1, *, sent: Any = TASK, **fields: Any) -> dict[str, Any]:
    return {"project": {"id": 5}, "annotation": annotation(number, **fields), "task": sent}


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("ANNOTATION_CREATED", {}),
        ("ANNOTATION_CREATED", {"project": {"id": 5}}),
        ("ANNOTATION_CREATED", {"project": {"id": 5}, "annotation": "cat"}),
        ("ANNOTATION_CREATED", told(sent=None)),
        ("ANNOTATION_CREATED", told(task="x")),
        ("ANNOTATION_CREATED", told(2**70)),
        ("ANNOTATION_CREATED", told(updated_at="soon")),
        ("ANNOTATION_CREATED", told(updated_at="2026-01-01")),
        ("ANNOTATION_CREATED", told(result="[]")),
        ("ANNOTATION_CREATED", told(sent={"id": 7, "data": {}})),
        ("ANNOTATION_CREATED", told(sent={"id": [7]})),
        ("ANNOTATIONS_CREATED", {"project": {"id": 5}, "annotation": [], "task": []}),
        ("ANNOTATIONS_DELETED", {"project": {"id": 5}, "annotations": [{"id": None}, 3]}),
        ("TASKS_CREATED", {"project": {"id": 5}, "tasks": [{"id": 7}, None, {"data": {"image": "a"}}]}),
        ("PROJECT_UPDATED", {"project": {"id": 6}}),
        ("PROJECT_UPDATED", {"project": "five"}),
        ("PROJECT_UPDATED", {"project": {"id": 5, "label_config": "<View"}}),
        ("SOMETHING_NEW", {"project": {"id": 5}}),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_kept_with_the_reason(
    session: Session, project: Project, action: str, payload: Any
) -> None:
    event, outcome = arrive(session, action, payload)
    assert outcome.problem
    assert event.error == outcome.problem
    assert event.processed_at is not None
    assert live(session) == []
    assert annotated(session).changed == 1, "what comes after it is taken in"


@pytest.mark.parametrize("action", ["PROJECT_CREATED", "LABEL_LINK_UPDATED", "PROJECT_DELETED"])
def test_what_is_of_no_use_is_no_problem(session: Session, project: Project, action: str) -> None:
    assert arrive(session, action, {})[1].problem is None


def test_of_a_bulk_the_good_part_is_taken(session: Session, project: Project) -> None:
    payload = {"annotation": [annotation(1), {"id": 2}], "task": [task(7)], "project": studio_project()}
    _, outcome = arrive(session, "ANNOTATIONS_CREATED", payload)
    assert outcome.changed == 1
    assert outcome.reconcile
    assert outcome.problem


def surprised_by(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """From here on, annotation `number` is more than the program can take."""

    def surprising(session: Session, project: Project, image: Image, sent: Any) -> Any:
        if sent.id == number:
            raise ZeroDivisionError
        return record_studio_annotation(session, project, image, sent)

    monkeypatch.setattr("annotator.labelstudio.events.record_studio_annotation", surprising)


def bulk(count: int, labels: Any = LABELS) -> dict[str, Any]:
    numbers = range(1, count + 1)
    return {
        "annotation": [annotation(number, task=100 + number) for number in numbers],
        "task": [task(100 + number) for number in numbers],
        "project": studio_project(labels),
    }


def test_a_surprise_leaves_no_half_of_a_part_and_is_tried_again(
    session: Session, project: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    surprised_by(monkeypatch, 2)
    event, outcome = arrive(session, "ANNOTATIONS_CREATED", bulk(3))
    assert (event.state, event.tries, event.parts) == (EventState.WAITING, 1, 0)
    assert event.error == "It could not be taken in: ZeroDivisionError."
    assert outcome.reconcile
    assert session.scalars(select(Image.studio_task)).all() == [101], "nor is the image of its task kept"
    assert "could not be taken in" in caplog.text


def test_at_the_last_try_the_rest_is_taken_in_and_the_event_is_set_aside(
    session: Session, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    surprised_by(monkeypatch, 2)
    event, _ = arrive(session, "ANNOTATIONS_CREATED", bulk(3))
    for _ in range(MOST_TRIES - 1):
        process_event(session, event)
    assert event.state is EventState.SET_ASIDE
    assert [each.studio_annotation for each in live(session)] == [1, 3]
    surprised_by(monkeypatch, 0)  # it has learned to take it
    retry_events(session, [event.id])
    session.refresh(event)
    assert process_event(session, event).changed == 1
    assert (event.state, event.error) == (EventState.DONE, None)
    assert sorted(each.studio_annotation or 0 for each in live(session)) == [1, 2, 3]


def test_what_passes_by_itself_is_no_problem_afterwards(
    session: Session, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    surprised_by(monkeypatch, 2)
    event, _ = arrive(session, "ANNOTATIONS_CREATED", bulk(3))
    surprised_by(monkeypatch, 0)
    process_event(session, event)
    assert (event.state, event.error) == (EventState.DONE, None)
    assert len(live(session)) == 3


def test_one_that_later_events_overtook_does_not_bring_back_its_label_config(
    session: Session, project: Project
) -> None:
    event = record_event(session, "ANNOTATION_CREATED", told() | {"project": studio_project(["cat"])})
    for _ in range(MOST_TRIES):
        fail_event(session, event, "It failed.")
    finish_event(session, event)
    edited(session, build_config([*LABELS, "bird"]))
    retry_events(session)
    session.refresh(event)
    outcome = process_event(session, event)
    assert (outcome.changed, outcome.labels) == (1, ())
    assert outcome.reconcile, "Label Studio knows what holds"
    assert names(session, project) == [*LABELS, "bird"]


def test_a_large_event_is_taken_in_piece_by_piece(session: Session, project: Project) -> None:
    """One of 1,000 annotations had held the lock for seven seconds."""
    event = record_event(session, "ANNOTATIONS_CREATED", bulk(25))
    for done in (10, 20):
        outcome = process_event(session, event, Allowance(parts=10))
        assert (event.state, event.parts, outcome.changed) == (EventState.WAITING, done, 10)
    assert process_event(session, event, Allowance(parts=10)).changed == 5
    assert (event.state, event.error) == (EventState.DONE, None)
    assert len(live(session)) == 25


def test_time_bounds_it_too_and_some_of_it_is_always_done(session: Session, project: Project) -> None:
    event = record_event(session, "ANNOTATIONS_CREATED", bulk(3))
    for done in (1, 2):
        process_event(session, event, Allowance(seconds=0))
        assert event.parts == done
    process_event(session, event, Allowance(seconds=0))
    assert event.state is EventState.DONE


def test_many_tasks_are_taken_in_piece_by_piece(session: Session, project: Project) -> None:
    sent = {"tasks": [task(number) for number in range(1, 451)], "project": studio_project()}
    event = record_event(session, "TASKS_CREATED", sent)
    process_event(session, event, Allowance(parts=1))
    assert len(session.scalars(select(Image.id)).all()) == TASKS_TOGETHER < 450
    process_event(session, event)
    assert len(session.scalars(select(Image.id)).all()) == 450


def test_a_project_that_two_studios_have_needs_its_own_number(session: Session, project: Project) -> None:
    other = add_project(session, url="http://another")
    assert "connected 2 times" in (annotated(session).problem or "")
    payload = {"annotation": annotation(), "task": task(7), "project": studio_project()}
    event = record_event(session, "ANNOTATION_CREATED", payload, project_id=other.id)
    assert process_event(session, event) == EventOutcome(other.id, changed=1)
