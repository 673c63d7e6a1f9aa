"""Recording annotations: once, in any order of delivery, by several at once, and nothing overwritten."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.store import (
    Annotation,
    Before,
    Image,
    Observation,
    Project,
    Store,
    Submission,
    before_now,
    newer_is_known,
    record_annotation,
    retire_annotation,
    sync_labels,
)
from annotator.store.models import Label

Annotate = Callable[..., Annotation | None]
MakeProject = Callable[..., Project]
Moment = Callable[[float], datetime]


def known(session: Session) -> dict[str, int]:
    """What is known of the one image that these tests tag."""
    chosen = (
        select(Label.name, Observation.value)
        .join(Label, Label.id == Observation.label_id)
        .where(Observation.retired_at.is_(None))
    )
    rows = session.execute(chosen).all()
    values = {row.name: row.value for row in rows}
    assert len(values) == len(rows), "a label is observed twice"
    return values


def history(session: Session) -> list[tuple[int, datetime, datetime | None]]:
    chosen = select(Annotation.revision, Annotation.updated_at, Annotation.retired_at)
    return [(row[0], row[1], row[2]) for row in session.execute(chosen.order_by(Annotation.revision))]


def test_an_annotation_keeps_everything_that_was_said(
    store: Store, make_project: MakeProject, annotate: Annotate, at: Moment
) -> None:
    with store.session() as session:
        annotate(session, make_project(session), "cat", "-dog", second=3)
    with store.reading() as session:
        annotation = session.scalars(select(Annotation)).one()
        said = session.scalars(select(Observation).order_by(Observation.value.desc())).all()
    assert annotation.result == [{"said": ["cat", "-dog"]}]
    assert (annotation.studio_annotation, annotation.revision, annotation.skipped) == (1, 1, False)
    assert (annotation.suggested_version, annotation.suggested) == ("v0001", ["cat"])
    assert (annotation.created_at, annotation.updated_at, annotation.retired_at) == (at(3), at(3), None)
    assert [(each.value, each.source) for each in said] == [(1, "tag"), (-1, "rejected")]
    for each in said:
        assert (each.annotator, each.lead_time, each.suggested_version) == ("ann@example.com", 2.5, "v0001")
        assert (each.annotation_id, each.image_id) == (annotation.id, annotation.image_id)


def test_the_same_delivery_twice_is_one_annotation(
    store: Store, make_project: MakeProject, annotate: Annotate, at: Moment
) -> None:
    with store.session() as session:
        project = make_project(session)
        assert annotate(session, project, "cat") is not None
        assert annotate(session, project, "cat") is None
        assert annotate(session, project, "cat", second=5) is None
        assert history(session) == [(1, at(5), None)]


def test_a_change_retires_the_old_revision_and_overwrites_nothing(
    store: Store, make_project: MakeProject, annotate: Annotate, at: Moment
) -> None:
    with store.session() as session:
        project = make_project(session)
        annotate(session, project, "cat", second=0)
        annotate(session, project, "dog", "-cat", second=9)
        assert known(session) == {"dog": 1, "cat": -1}
        assert history(session) == [(1, at(0), at(9)), (2, at(9), None)]
        old = session.scalars(select(Observation).where(Observation.retired_at.is_not(None))).one()
        assert (old.value, old.retired_at) == (1, at(9))


def test_a_changed_rule_is_replayed_as_a_new_revision(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session)
        annotate(session, project, "cat", result=[])
        replayed = annotate(session, project, "cat", "-dog", result=[])
        assert replayed is not None
        assert replayed.revision == 2
        assert known(session) == {"cat": 1, "dog": -1}


def test_a_late_delivery_changes_nothing(
    store: Store, make_project: MakeProject, annotate: Annotate, at: Moment
) -> None:
    with store.session() as session:
        project = make_project(session)
        annotate(session, project, "dog", second=9)
        assert annotate(session, project, "cat", second=1) is None
        assert known(session) == {"dog": 1}


def test_there_and_back_again_out_of_order_ends_where_it_was(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    """cat, then dog, then cat: the dog arrives last and is still the past."""
    with store.session() as session:
        project = make_project(session)
        annotate(session, project, "cat", second=1)
        annotate(session, project, "cat", second=3)
        annotate(session, project, "dog", second=2)
        assert known(session) == {"cat": 1}


def test_a_skip_is_recorded_and_says_nothing(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        skip = annotate(session, make_project(session), skipped=True, result=[])
        assert skip is not None
        assert skip.skipped
        assert known(session) == {}


def test_a_deletion_retires_and_forgets_nothing(
    store: Store, make_project: MakeProject, annotate: Annotate, at: Moment
) -> None:
    with store.session() as session:
        project = make_project(session)
        annotate(session, project, "cat", second=1)
        assert retire_annotation(session, project, 1, at(5)) is True
        assert known(session) == {}
        assert history(session) == [(1, at(1), at(5))]
        assert retire_annotation(session, project, 1, at(6)) is False
        assert history(session) == [(1, at(1), at(5))]


def test_what_was_deleted_does_not_come_back_by_a_late_delivery(
    store: Store, make_project: MakeProject, annotate: Annotate, at: Moment
) -> None:
    with store.session() as session:
        project = make_project(session)
        annotate(session, project, "cat", second=1)
        retire_annotation(session, project, 1, at(0))
        assert annotate(session, project, "dog", second=3, made_at=at(1)) is None, "an edit that came late"
        assert known(session) == {}
        assert newer_is_known(session, project, 1, at(3)), "Label Studio is asked, a backup may be restored"


def test_a_number_that_is_given_again_after_a_deletion_is_another_annotation(
    store: Store, make_project: MakeProject, annotate: Annotate, at: Moment
) -> None:
    with store.session() as session:
        project = make_project(session)
        annotate(session, project, "cat", second=1)
        retire_annotation(session, project, 1, at(5))
        assert annotate(session, project, "cat", second=7, made_at=at(2)) is not None
        assert history(session) == [(1, at(1), at(5)), (2, at(7), None)]


@pytest.mark.parametrize("ahead", [-3600.0, -0.5, 0.5, 3600.0])
def test_a_deletion_counts_however_the_clocks_differ(
    store: Store, make_project: MakeProject, annotate: Annotate, at: Moment, ahead: float
) -> None:
    """`ahead`: the seconds that Label Studio's clock is before ours."""
    with store.session() as session:
        project = make_project(session)
        annotate(session, project, "cat", second=10 + ahead)
        annotate(session, project, "dog", second=11 + ahead)
        assert retire_annotation(session, project, 1, at(11.1)) is True
        assert known(session) == {}


def test_what_label_studio_says_now_wins_over_a_recorded_time_in_the_future(
    store: Store, make_project: MakeProject, annotate: Annotate, at: Moment
) -> None:
    with store.session() as session:
        project = make_project(session)
        annotate(session, project, "cat", second=3600)
        assert annotate(session, project, "dog", second=1) is None, "by its time alone it is late"
        assert newer_is_known(session, project, 1, at(1))
        assert annotate(session, project, "dog", second=1, before=before_now(session, project.id, 1))
        assert known(session) == {"dog": 1}
        assert annotate(session, project, "tree", second=2), "the next edit needs no help"
        assert known(session) == {"tree": 1}
        assert not newer_is_known(session, project, 1, at(2))


def test_what_was_recorded_since_label_studio_was_asked_is_not_undone(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session)
        annotate(session, project, "cat", second=1)
        asked = before_now(session, project.id, 1)
        annotate(session, project, "tree", second=5)  # told by a webhook meanwhile
        assert annotate(session, project, "dog", second=3, before=asked) is None
        assert known(session) == {"tree": 1}


def test_what_was_said_again_since_label_studio_was_asked_is_not_undone(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    """cat, then dog, which is read, then cat again, which a webhook tells before the dog is recorded."""
    with store.session() as session:
        project = make_project(session)
        annotate(session, project, "cat", second=1)
        asked = before_now(session, project.id, 1)
        annotate(session, project, "cat", second=5)
        assert annotate(session, project, "dog", second=3, before=asked) is None
        assert known(session) == {"cat": 1}


def test_what_label_studio_has_now_is_not_deleted_whatever_the_clocks_say(
    store: Store, make_project: MakeProject, annotate: Annotate, at: Moment
) -> None:
    with store.session() as session:
        project = make_project(session)
        annotate(session, project, "cat", second=1)
        retire_annotation(session, project, 1, at(3600))
        retire_annotation(session, project, 2, at(3600))  # before it had come
        asked = before_now(session, project.id, 1)
        assert annotate(session, project, "cat", second=2, made_at=at(1), before=asked)
        assert annotate(session, project, "dog", number=2, second=2, before=Before()) is None, "deleted since"
        assert annotate(session, project, "dog", number=2, second=2, before=Before(deleted=True))
        assert known(session) == {"cat": 1, "dog": 1}


def test_a_deletion_may_come_before_what_it_deletes(
    store: Store, make_project: MakeProject, annotate: Annotate, at: Moment
) -> None:
    with store.session() as session:
        project = make_project(session)
        assert retire_annotation(session, project, 1, at(5)) is False
        assert retire_annotation(session, project, 1, at(6)) is False
        assert annotate(session, project, "cat", second=1) is None
        assert annotate(session, project, "dog", number=2, second=1) is not None
        assert known(session) == {"dog": 1}


def test_without_a_number_image_and_annotator_tell_the_annotation(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session)
        assert annotate(session, project, "cat", number=None, annotator=None) is not None
        assert annotate(session, project, "cat", number=None, annotator=None) is None
        second = annotate(session, project, "dog", number=None, annotator=None, second=1)
        assert second is not None
        assert second.revision == 2
        other = annotate(session, project, "cat", number=None, annotator="bob@example.com")
        assert other is not None
        assert other.revision == 1


def test_an_archived_label_keeps_being_recorded(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog")
        sync_labels(session, project, ["dog"])
        assert annotate(session, project, "cat") is not None


def test_an_unknown_label_is_refused_by_name(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session)
        with pytest.raises(OnetagError, match=r"'Pets' has no label 'bird'"):
            annotate(session, project, "cat", "bird")
        assert history(session) == []


def test_a_label_cannot_be_present_and_absent(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session)
        with pytest.raises(OnetagError, match="'cat' is both present and absent"):
            annotate(session, project, "cat", "-cat")


def test_an_image_of_another_project_is_refused(store: Store, make_project: MakeProject, at: Moment) -> None:
    with store.session() as session:
        project, other = make_project(session), make_project(session, title="Plants")
        image = session.scalars(select(Image).where(Image.project_id == other.id)).first()
        assert image is not None
        with pytest.raises(ValueError, match="another project"):
            record_annotation(
                session, project, image, Submission(1, [], False, None, None, None, None, [], at(0))
            )


@pytest.mark.parametrize("wrong", ["value = 0", "value = 2", "source = 'guessed'"])
def test_the_database_itself_refuses_what_is_no_observation(
    store: Store, make_project: MakeProject, annotate: Annotate, wrong: str
) -> None:
    with store.session() as session:
        annotate(session, make_project(session), "cat")
    with pytest.raises(IntegrityError), store.session() as session:
        session.execute(text(f"UPDATE observations SET {wrong}"))


def test_the_database_itself_refuses_two_live_revisions(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        annotation = annotate(session, make_project(session), "cat")
        assert annotation is not None
    copied = ("project_id", "image_id", "studio_annotation", "result", "skipped", "updated_at")
    second = Annotation(revision=2, **{name: getattr(annotation, name) for name in copied})
    with pytest.raises(IntegrityError), store.session() as session:
        session.add(second)


def at_once(store: Store, works: list[Callable[[Session], object]]) -> list[object]:
    """Each work in a session of its own, all started together; their answers."""
    start = threading.Barrier(len(works))
    answers: list[object] = [None] * len(works)

    def run(number: int) -> None:
        start.wait(10)
        try:
            with store.session() as session:
                answers[number] = works[number](session)
        except Exception as error:
            answers[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_the_same_delivery_to_several_at_once_is_one_annotation(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session)
    for number in range(1, 6):
        answers = at_once(store, [lambda session: annotate(session, project, "cat", number=number)] * 4)  # noqa: B023
        assert sorted(type(answer).__name__ for answer in answers) == ["Annotation"] + ["NoneType"] * 3
    with store.reading() as session:
        assert session.scalar(select(func.count(Observation.id))) == 5


def test_changes_at_once_end_with_the_newest(
    store: Store, make_project: MakeProject, annotate: Annotate, at: Moment
) -> None:
    with store.session() as session:
        project = make_project(session)
    said = ["cat", "dog", "tree", "cat"]

    def work(second: int) -> Callable[[Session], object]:
        return lambda session: annotate(session, project, said[second], second=second)

    answers = at_once(store, [work(second) for second in range(4)])
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    with store.reading() as session:
        assert known(session) == {"cat": 1}
        revisions = [revision for revision, _, _ in history(session)]
        assert revisions == list(range(1, len(revisions) + 1))
        assert sum(retired is None for _, _, retired in history(session)) == 1


def test_a_deletion_and_its_annotation_at_once_end_deleted(
    store: Store, make_project: MakeProject, annotate: Annotate, at: Moment
) -> None:
    with store.session() as session:
        project = make_project(session)
    for number in range(1, 6):
        works: list[Callable[[Session], object]] = [
            lambda session: annotate(session, project, "cat", number=number, second=1),  # noqa: B023
            lambda session: retire_annotation(session, project, number, at(2)),  # noqa: B023
        ]
        answers = at_once(store, works)
        assert not [answer for answer in answers if isinstance(answer, Exception)]
    with store.reading() as session:
        assert known(session) == {}
