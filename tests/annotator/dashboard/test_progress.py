"""The first view of a project."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from annotator.dashboard import Page
from annotator.dashboard.figures import at_present, figures, record
from annotator.dashboard.progress import pooled
from annotator.labelstudio.health import Check
from annotator.store import (
    Image,
    Observed,
    Project,
    RunReason,
    RunState,
    Source,
    Store,
    Submission,
    TrainingRun,
    Unusable,
    record_annotation,
    remove_images,
    sync_labels,
)
from annotator.store.problems import problem_columns
from annotator.store.shares import Share
from annotator.store.types import utc_now


def answer(store: Store, project: Project, task: int, *said: Observed, skipped: bool = False) -> None:
    """An answer that took three seconds."""
    with store.session() as session:
        image = session.scalars(select(Image).where(Image.studio_task == task)).one()
        submission = Submission(
            *(task, [{"task": task}], skipped, "ann", 3.0, None, None), observed=said, at=utc_now()
        )
        record_annotation(session, project, image, submission)


def test_what_people_said_is_counted_by_how_they_said_it(store: Store, project: Project) -> None:
    cat, no_dog = Observed("cat", 1, Source.TAG), Observed("dog", -1, Source.ANSWERED)
    answer(store, project, 1, cat)
    answer(store, project, 2, cat, no_dog)
    answer(store, project, 3, skipped=True)
    with store.reading() as session:
        counted, told = figures(session, project.id), record(session, project.id)
    assert (counted.images, counted.answered, counted.skipped, counted.labels) == (5, 2, 1, 3)
    assert [(each.source, each.present, each.absent) for each in told.observed] == [
        (Source.TAG, 2, 0),
        (Source.ANSWERED, 0, 1),
    ]
    assert (told.seconds, told.timed) == (9.0, 3)


def test_a_point_of_the_curve_rests_on_enough_answers() -> None:
    """One answer alone would stand at nothing or at all."""
    steps = [(10, Share(1, 1)), (20, Share()), (30, Share(2, 3)), (50, Share(4, 4)), (60, Share(0, 1))]
    assert pooled(steps, enough=4) == [(25.0, Share(3, 4)), (52.0, Share(4, 5))], "the rest joins the last"
    assert pooled(steps[:1], enough=4) == [(10.0, Share(1, 1))], "alone it is shown as it is"
    assert pooled([], enough=4) == []


def test_what_was_said_of_removed_images_and_archived_labels_is_not_counted(
    store: Store, project: Project
) -> None:
    cat, no_dog = Observed("cat", 1, Source.TAG), Observed("dog", -1, Source.ANSWERED)
    answer(store, project, 1, cat, no_dog)
    answer(store, project, 2, cat, no_dog)
    with store.session() as session:
        remove_images(session, project.id, [2])
        sync_labels(session, session.get_one(Project, project.id), ["cat", "tree"])
    with store.reading() as session:
        told = record(session, project.id)
    assert [(each.source, each.present, each.absent) for each in told.observed] == [(Source.TAG, 1, 0)]


def test_how_far_the_next_model_is(store: Store, project: Project) -> None:
    answer(store, project, 1, Observed("cat", 1, Source.TAG))
    answer(store, project, 2, Observed("dog", 1, Source.TAG))
    now = at_present(store, project.id, waiting=0, wanted=10, idle=30)
    assert (now.fresh, now.wanted, now.share, now.training) == (2, 10, 0.2, None)


def test_a_training_tells_its_stage_and_about_how_long_it_takes(store: Store, project: Project) -> None:
    now = utc_now()
    with store.session() as session:
        minute = timedelta(minutes=1)
        session.add(
            TrainingRun(
                project_id=project.id,
                state=RunState.DONE,
                reason=RunReason.ASKED_FOR,
                started_at=now - 5 * minute,
                finished_at=now - 4 * minute,
            )
        )
        session.add(
            TrainingRun(
                project_id=project.id,
                state=RunState.RUNNING,
                reason=RunReason.ASKED_FOR,
                stage="features",
                progress=0.5,
                started_at=now - minute / 2,
            )
        )
    training = at_present(store, project.id, waiting=0, wanted=10, idle=30).training
    assert training is not None
    assert (training.stage, training.share) == ("features", 0.5)
    assert training.left is not None
    assert 25 < training.left <= 30


def test_the_view_shows_them_and_what_is_wrong_with_its_cure(
    browser: FlaskClient, store: Store, project: Project
) -> None:
    answer(store, project, 1, Observed("cat", 1, Source.TAG))
    with store.session() as session:
        image = session.scalars(select(Image).where(Image.studio_task == 5)).one()
        for name, value in problem_columns(Unusable.NO_IMAGE, "5.png is <damaged>.", 1).items():
            setattr(image, name, value)
    text = browser.get(f"/page/{project.key}/").text
    assert "5.png is &lt;damaged&gt;." in text
    assert "<code>onetag train</code> tries them again" in text
    assert "1 of 10</strong> new observations" in text
    assert "http://studio.test/projects/7/data" in text


class TestTheMachine:
    @pytest.fixture
    def page(self, page: Page) -> Page:
        looked = [
            Check.good("disk", "90 GiB free"),
            Check.broken("worker", "No worker runs.", "Start `onetag worker`."),
        ]
        return replace(page, checks=lambda: looked)

    def test_what_is_wrong_with_it_stands_there_too(self, browser: FlaskClient, project: Project) -> None:
        text = browser.get(f"/page/{project.key}/").text
        assert "Worker: No worker runs. <strong>Start <code>onetag worker</code>.</strong>" in text
        assert "GiB" not in text


def test_the_part_that_follows_tells_what_people_said(
    browser: FlaskClient, store: Store, project: Project
) -> None:
    answer(store, project, 1, Observed("cat", 1, Source.TAG))
    text = browser.get(f"/page/{project.key}/record").text
    assert "1 present and 0 absent, of 15 pairs" in text
    assert "* A prior" in text


def test_the_live_part_is_one_event_and_lets_go_of_its_thread(browser: FlaskClient, project: Project) -> None:
    sent = browser.get(f"/page/{project.key}/live")
    assert sent.content_type.startswith("text/event-stream")
    lines = sent.text.splitlines()
    assert lines[0] == "retry: 2000"
    assert all(line.startswith("data: ") for line in lines[1:] if line)
    assert sent.text.endswith("\n\n")
    assert browser.get("/page/p99/live").status_code == 404
