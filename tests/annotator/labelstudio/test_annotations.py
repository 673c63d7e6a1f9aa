"""Annotations on their way to records: bulk acceptance, ground truth, unknown names, what came later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.labelstudio.annotations import record_studio_annotation
from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import Chosen, build_config
from annotator.labelstudio.payloads import read_annotation
from annotator.labelstudio.projects import Identity, get_or_create_project
from annotator.labelstudio.questions import Asked, asked_prediction
from annotator.labelstudio.reading import project_config
from annotator.labelstudio.reconcile import reconcile
from annotator.store import (
    Annotation,
    Image,
    Label,
    ModelVersion,
    Observation,
    Project,
    Store,
    Suggestion,
    observed_matrix,
    sync_images,
    sync_labels,
    unanswered_images,
)
from annotator.store.states import Question, Unticked, Unused

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
PICTURE = '<Image name="image" value="$image"/>'
OPTIONS = "".join(f'<Choice value="{name}"/>' for name in ("cat", "dog", "tree"))
MANY = f'<View>{PICTURE}<Choices name="what" toName="image" choice="multiple">{OPTIONS}</Choices></View>'


def region(control: str, *names: str, origin: str | None = None, key: str = "theirs") -> dict[str, Any]:
    value = {"choices": list(names)}
    made = {"id": key, "from_name": control, "to_name": "image", "type": "choices", "value": value}
    return made | ({"origin": origin} if origin else {})


THEIRS = [region("label", "cat"), region("suggested", "dog"), region("review", "All labels marked")]


def record(
    session: Session, project: Project, result: list[Any], *, number: int = 1, minute: float = 0, **more: Any
) -> Annotation | None:
    sync_images(session, project.id, {7: "/data/upload/5/7.png"})
    image = session.scalars(select(Image).where(Image.project_id == project.id)).one()
    predictions, imported = more.pop("predictions", None), more.pop("imported", False)
    sent = {
        "id": number,
        "task": 7,
        "result": result,
        "completed_by": number,
        "created_at": NOON.isoformat(),
        "updated_at": (NOON + timedelta(minutes=minute)).isoformat(),
        **more,
    }
    annotation = read_annotation(sent, predictions)
    return record_studio_annotation(session, project, image, annotation, imported=imported)


def known(session: Session) -> dict[str, str]:
    chosen = select(Label.name, Observation.value, Observation.source).join(
        Label, Label.id == Observation.label_id
    )
    rows = session.execute(chosen.where(Observation.retired_at.is_(None)))
    return {name: f"{'+' if value > 0 else '-'}{source}" for name, value, source in rows}


def live(session: Session) -> Annotation:
    return session.scalars(select(Annotation).where(Annotation.retired_at.is_(None))).one()


# Questions


@pytest.mark.parametrize("along", [True, False], ids=["by asking", "by webhook"])
def test_what_was_asked_is_read_off_the_answer_whatever_is_asked_by_now(
    session: Session, project: Project, along: bool
) -> None:
    config = project_config(project)
    now = asked_prediction(config, Asked(Question.CHECK, ("cat", "dog")), "v2", 0.5)
    then = asked_prediction(config, Asked(Question.YES_NO, ("tree",)), "v1", 0.5)["result"]
    answer = [each | {"origin": "prediction"} for each in then]
    answer.append(region("onetag_answer", "No", origin="manual"))
    predictions = [{"id": 12, **now}] if along else []
    record(session, project, answer, parent_prediction=11, predictions=predictions)
    assert known(session) == {"tree": "-answered"}
    kept = live(session)
    assert (kept.question, kept.suggested_version, kept.suggested) == (Question.YES_NO, "v1", [])


def test_suggestions_that_were_seen_are_those_that_came_with_the_question(
    session: Session, project: Project
) -> None:
    _suggested_by_us(session, project, ["tree"])
    asked = Asked(Question.CHECK, ("cat", "dog"))
    told = asked_prediction(project_config(project), asked, "v1", 0.5)["result"]
    answer = [each | {"origin": "prediction"} for each in told]
    answer.append(region("review", "Suggestions checked", origin="manual"))
    record(session, project, answer, parent_prediction=11)
    assert known(session) == {"cat": "-rejected", "dog": "-rejected"}, "asked by name, and none was ticked"
    kept = live(session)
    assert (kept.question, kept.suggested_version, kept.suggested) == (Question.CHECK, "v1", [])


def test_labels_to_check_that_came_ticked_once_are_known_by_their_origin(
    session: Session, project: Project
) -> None:
    told = asked_prediction(project_config(project), Asked(Question.CHECK, ("cat", "dog")), "v1", 0.5)[
        "result"
    ]
    answer = [each | {"origin": "prediction"} for each in told]
    answer.append(region("suggested", "dog", origin="prediction-changed"))
    record(session, project, answer, parent_prediction=11)
    assert known(session) == {"cat": "-rejected"}, "it was unticked; the other one was left alone"
    assert live(session).suggested == ["cat", "dog"]


# Bulk acceptance


@pytest.mark.parametrize("along", [True, False], ids=["by asking", "by webhook"])
def test_who_accepts_another_models_predictions_in_bulk_says_nothing(
    session: Session, project: Project, along: bool
) -> None:
    _suggested_by_us(session, project, ["tree"])
    predictions = [{"id": 11, "model_version": "theirs", "result": THEIRS}] if along else []
    record(session, project, THEIRS, parent_prediction=11, predictions=predictions)
    assert known(session) == {}
    accepted = live(session)
    assert (accepted.unused, accepted.suggested_version) == (Unused.UNTOUCHED, None)
    assert accepted.shown == THEIRS


@pytest.mark.parametrize("along", [True, False], ids=["by asking", "by webhook"])
def test_what_a_person_changes_afterwards_is_all_that_is_said(
    session: Session, project: Project, along: bool
) -> None:
    _suggested_by_us(session, project, ["tree"])
    predictions = [{"id": 11, "model_version": "theirs", "result": THEIRS}] if along else []
    record(session, project, THEIRS, parent_prediction=11, predictions=predictions)
    # The page calls regions without an origin its annotator's own.
    edited = [each | {"origin": "manual"} for each in THEIRS[:2]]
    edited[1] = region("suggested", "car", origin="manual")
    record(session, project, edited, minute=1, parent_prediction=11)
    assert known(session) == {"dog": "-rejected", "car": "+added"}
    assert set(session.scalars(select(Observation.suggested_version))) == {None}, (
        "it was no suggestion of ours"
    )


def test_a_page_of_another_models_prediction_is_not_compared_with_ours(
    session: Session, project: Project
) -> None:
    _suggested_by_us(session, project, ["tree"])
    theirs = {"id": 12, "model_version": "theirs", "result": THEIRS}
    record(
        session,
        project,
        [region("label", "car", origin="manual")],
        parent_prediction=11,
        predictions=[theirs],
    )
    assert known(session) == {"car": "+tag"}


def test_a_model_that_calls_its_version_like_ours_is_not_ours(session: Session, project: Project) -> None:
    _suggested_by_us(session, project, ["tree"])
    theirs = {"id": 11, "model_version": "v1", "result": THEIRS}
    record(session, project, THEIRS[:1], parent_prediction=11, predictions=[theirs])
    assert live(session).suggested_version is None
    assert known(session) == {"dog": "-rejected"}


@pytest.mark.parametrize(("question", "shown"), [(Question.TAG, ["tree"]), (Question.CHECK, [])])
def test_of_what_had_been_pushed_only_what_came_ticked_was_shown(
    session: Session, project: Project, question: Question, shown: list[str]
) -> None:
    _suggested_by_us(session, project, ["tree"], question)
    record(session, project, [region("label", "cat", origin="manual")], parent_prediction=11)
    assert live(session).suggested == shown
    assert ("tree" in known(session)) is bool(shown), "what came ticked was unticked; the other one never was"


def _suggested_by_us(
    session: Session, project: Project, labels: list[str], question: Question = Question.TAG
) -> None:
    sync_images(session, project.id, {7: "/data/upload/5/7.png"})
    image = session.scalars(select(Image.id).where(Image.project_id == project.id)).one()
    version = ModelVersion(
        project_id=project.id, name="v1", labels=[], label_ids=[], folder="v", backbone="b"
    )
    session.add(version)
    session.flush()
    pushed = NOON - timedelta(minutes=5)
    session.add(
        Suggestion(
            version_id=version.id,
            image_id=image,
            labels=labels,
            question=question,
            score=0,
            cluster=0,
            pushed_at=pushed,
        )
    )
    session.flush()


@pytest.mark.studio
def test_label_studios_own_bulk_action_says_nothing(
    studio: Studio, new_studio_project: Callable[..., int], sqlite_store: Store
) -> None:
    number = new_studio_project(("cat", "dog", "tree"), ("data:,1", "data:,2"))
    tasks = [task["id"] for task in studio.tasks(number)]
    studio.push_predictions(
        number,
        [{"task": task, "model_version": "theirs", "score": 0.5, "result": THEIRS} for task in tasks],
    )
    with sqlite_store.session() as session:
        config = build_config(("cat", "dog", "tree"))
        project_id = get_or_create_project(session, studio.url, Identity(number), config).id
    bulk = {"selectedItems": {"all": True, "excluded": []}}
    studio.http.request("POST", f"/api/dm/actions?id=predictions_to_annotations&project={number}", json=bulk)
    report = reconcile(sqlite_store, studio, project_id)
    assert (report.recorded, report.problems) == (2, [])
    (made,) = studio.task(tasks[0])["annotations"]
    changed = [THEIRS[0], region("suggested", "tree", origin="manual")]
    studio.update_annotation(made["id"], result=changed)
    reconcile(sqlite_store, studio, project_id)
    with sqlite_store.reading() as session:
        assert known(session) == {"dog": "-rejected", "tree": "+added"}


# Names


def test_a_name_that_is_no_label_is_kept_with_the_reason_and_the_image_waits_on(
    session: Session, project: Project
) -> None:
    record(session, project, [region("label", "zebra", origin="manual")])
    assert known(session) == {}
    assert (live(session).unused, live(session).unmatched) == (Unused.UNKNOWN_LABEL, ["zebra"])
    assert len(unanswered_images(session, project.id)) == 1


def test_where_only_the_form_differs_it_is_the_label(session: Session, project: Project) -> None:
    sync_labels(session, project, ["na\u00efve", "Water"])
    project.label_config = build_config(["na\u00efve", "Water"])
    record(session, project, [region("label", "nai\u0308ve"), region("suggested", "Water ", origin="manual")])
    assert known(session) == {"na\u00efve": "+tag", "Water": "+added"}
    assert unanswered_images(session, project.id) == []


# Ground truth


def test_ground_truth_outvotes_the_others_where_it_says_something(session: Session, project: Project) -> None:
    for number in (1, 2, 3):
        record(session, project, [region("label", "cat"), region("suggested", "tree")], number=number)
    rejected = [region("label", "dog"), region("suggested", "car")]
    shown = [{"id": 11, "model_version": "theirs", "result": [region("suggested", "cat", "car")]}]
    record(session, project, rejected, number=4, parent_prediction=11, predictions=shown)
    before = observed_matrix(session, project.id)
    assert dict(zip(before.label_names, before.values[0].tolist(), strict=True)) == {
        "cat": 1, "dog": 1, "tree": 1, "car": 0,
    }  # fmt: skip
    record(session, project, rejected, number=4, minute=1, ground_truth=True)
    after = observed_matrix(session, project.id)
    assert dict(zip(after.label_names, after.values[0].tolist(), strict=True)) == {
        "cat": -1, "dog": 1, "tree": 1, "car": 0,
    }  # fmt: skip
    record(session, project, rejected, number=4, minute=2, ground_truth=False)
    assert observed_matrix(session, project.id).values.tolist() == before.values.tolist()


@pytest.mark.studio
def test_the_star_of_label_studio_is_ground_truth(
    studio: Studio, new_studio_project: Callable[..., int], sqlite_store: Store
) -> None:
    number = new_studio_project(("cat", "dog"), ("data:,1",))
    with sqlite_store.session() as session:
        config = build_config(("cat", "dog"))
        project_id = get_or_create_project(session, studio.url, Identity(number), config).id
    made = studio.annotate(next(studio.tasks(number))["id"], [region("label", "cat", origin="manual")])
    reconcile(sqlite_store, studio, project_id)
    studio.update_annotation(made["id"], ground_truth=True)
    assert reconcile(sqlite_store, studio, project_id).recorded == 1
    with sqlite_store.reading() as session:
        assert live(session).ground_truth
        assert set(
            session.scalars(select(Observation.ground_truth).where(Observation.retired_at.is_(None)))
        ) == {True}


# What was there before, and what came later


def test_what_was_there_before_the_project_was_connected_is_imported(
    session: Session, project: Project
) -> None:
    answer = [
        region("label", "cat"),
        region("suggested", "dog", origin="manual"),
        region("review", "All labels marked"),
    ]
    record(session, project, answer, imported=True)
    assert known(session) == {"cat": "+imported", "dog": "+imported", "tree": "-complete", "car": "-complete"}
    record(session, project, answer[:1], minute=1)
    assert known(session) == {"cat": "+tag"}, "an edit is an answer of today"


def test_another_choice_reads_the_answers_anew(session: Session) -> None:
    project = get_or_create_project(session, "http://studio", Identity(6), MANY)
    record(session, project, [region("what", "cat", origin="manual")])
    assert known(session) == {"cat": "+added"}
    get_or_create_project(
        session, "http://studio", Identity(6), MANY, chosen=Chosen(unticked=Unticked.ABSENT)
    )
    assert known(session) == {"cat": "+added", "dog": "-complete", "tree": "-complete"}
    get_or_create_project(session, "http://studio", Identity(6), MANY)
    assert project.unticked is Unticked.ABSENT, "what was chosen stays"
    get_or_create_project(session, "http://studio", Identity(6), MANY, chosen=Chosen())
    assert known(session) == {"cat": "+added"}
