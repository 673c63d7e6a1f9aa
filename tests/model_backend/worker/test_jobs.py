import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count as count_from
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import func, select, update

from annotator.labelstudio.config import LABEL, build_config
from annotator.labelstudio.errors import ImageUnavailable, LabelStudioUnauthorized, LabelStudioUnreachable
from annotator.labelstudio.screen_before import progress_in
from annotator.settings import Settings
from annotator.store import (
    Event,
    Image,
    Label,
    ModelVersion,
    Observation,
    Project,
    RunReason,
    Store,
    TrainingRun,
    Unusable,
    claim_run,
    live_labels,
    queue_run,
    record_event,
)
from annotator.store.last_failures import last_failures
from annotator.store.page_answers import ImageAnswer, record_answer
from annotator.store.runs import RETRY_AFTER
from annotator.store.states import Work
from annotator.store.thresholds import set_threshold
from annotator.store.types import utc_now
from annotator.store.versions import active_version
from annotator.store.watch import Watch
from model_backend.engine import fitting
from model_backend.engine.resources import LearningResources
from model_backend.engine.retrain_policy import Decision
from model_backend.worker import telling
from model_backend.worker.jobs import Jobs
from tests.model_backend.conftest import read_picture


@pytest.fixture
def project(store: Store, new_project: Callable[..., Project]) -> Project:
    return new_project(store, images=16)


@pytest.fixture
def make_duties(
    store: Store, worker_settings: Settings, studio: Any, resources: LearningResources
) -> Callable[..., Jobs]:
    def make(**changes: Any) -> Jobs:
        return Jobs(store, worker_settings.model_copy(update=changes), studio, resources)

    return make


@pytest.fixture
def jobs(make_duties: Callable[..., Jobs]) -> Jobs:
    return make_duties()


def annotation(task: int, label: str = "red", **changes: Any) -> dict[str, Any]:
    """An annotation as a webhook brings it."""
    now = datetime.now(UTC).isoformat()
    region = {
        "from_name": LABEL,
        "to_name": "image",
        "type": "choices",
        "value": {"choices": [label]},
        "origin": "manual",
    }
    made = {"id": 5000 + task, "task": task, "result": [region], "was_cancelled": False, "completed_by": 1}
    return made | {"lead_time": 2.0, "created_at": now, "updated_at": now} | changes


def submit(
    store: Store, number: int, action: str = "ANNOTATION_CREATED", *, uri: str | None = None, **payload: Any
) -> None:
    """Record what the webhook would."""
    body = {
        "action": action,
        "project": {"id": 7},
        "task": {"id": number, "data": {"image": uri or f"/data/{number - 700}.png"}},
        "annotation": annotation(number),
    } | payload
    with store.session() as session:
        project = session.scalars(select(Project.id)).one()
        record_event(session, action, body, project)


def queue_training(store: Store, jobs: Jobs, project: Project) -> None:
    """Five answers, taken in: enough for a training to wait."""
    for task in range(701, 706):
        submit(store, task)
    jobs.process_inbox()
    jobs.consider(project.id)


def count(store: Store, table: type, *conditions: Any) -> int:
    with store.reading() as session:
        return session.scalar(select(func.count()).select_from(table).where(*conditions)) or 0


def runs(store: Store) -> list[tuple[str, str]]:
    with store.reading() as session:
        return [
            (run.state, run.reason) for run in session.scalars(select(TrainingRun).order_by(TrainingRun.id))
        ]


def test_from_the_webhook_to_the_reordered_queue(
    store: Store, project: Project, jobs: Jobs, studio: Any
) -> None:
    for task in range(701, 706):
        submit(store, task)
    taken = jobs.process_inbox()
    assert taken.projects == {project.id}
    assert count(store, Observation) == 5
    assert jobs.consider(project.id) == Decision(queued=True)
    assert jobs.train() == [project.id]
    assert runs(store) == [("done", "new observations")]
    assert studio.queue is not None
    assert sorted(each["task"] for each in studio.predictions) == list(range(706, 717))
    assert jobs.consider(project.id) == Decision(), "nothing is new"


def test_after_a_first_training_on_some_images_one_on_all_follows(
    store: Store, project: Project, jobs: Jobs, studio: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "FIRST_IMAGES", 8)
    queue_training(store, jobs, project)
    assert jobs.train() == [project.id]
    assert runs(store) == [("done", "new observations"), ("done", "images to come")]
    with store.reading() as session:
        metrics = list(session.scalars(select(ModelVersion.metrics).order_by(ModelVersion.id)))
    assert [(each["images"], each["waiting"]) for each in metrics] == [(8, 8), (16, 0)]
    pushed = [each["task"] for each in studio.predictions if each["model_version"] == studio.queue]
    assert sorted(pushed) == list(range(706, 717)), "every image that is not tagged"


def test_few_observations_wait_for_a_pause(store: Store, project: Project, jobs: Jobs) -> None:
    for task in range(701, 705):
        submit(store, task)
    jobs.process_inbox()
    wait = jobs.consider(project.id).wait
    assert wait is not None
    assert 25 < wait <= 30
    with store.session() as session:
        session.execute(update(Event).values(received_at=datetime.now(UTC) - timedelta(seconds=31)))
    assert jobs.consider(project.id).queued


def test_observations_during_a_training_lead_to_the_next_one(
    store: Store, project: Project, jobs: Jobs
) -> None:
    queue_training(store, jobs, project)
    with store.session() as session:
        claim_run(session, session.scalars(select(TrainingRun.id)).one())
    for task in range(706, 711):
        submit(store, task)
    jobs.process_inbox()
    jobs.consider(project.id)
    assert len(runs(store)) == 1, "at most one a project"


def test_the_train_button_forces_a_run(store: Store, project: Project, jobs: Jobs) -> None:
    submit(store, 701)
    submit(store, 701, "START_TRAINING")
    jobs.process_inbox()
    assert runs(store) == [("queued", "asked for")]
    assert jobs.train() == [project.id]
    assert runs(store) == [("done", "asked for")]


def test_a_failing_training_is_not_tried_again_until_something_is_new(
    store: Store, project: Project, jobs: Jobs
) -> None:
    with store.session() as session:
        queue_run(session, project.id, RunReason.ASKED_FOR)
    assert jobs.train() == [project.id]
    assert runs(store) == [("failed", RunReason.ASKED_FOR)]
    assert jobs.consider(project.id) == Decision()


HOSTILE: list[dict[str, Any]] = [
    {"annotation": None},
    {"annotation": "DROP TABLE"},
    {"annotation": {"id": -1}},
    {"annotation": annotation(701, id=2**70)},
    {"annotation": annotation(701, result="x" * 1000)},
    {"annotation": annotation(701, result=[{"from_name": LABEL, "value": None}])},
    {"annotation": annotation(701, updated_at="yesterday")},
    {"annotation": annotation(999)},
    {"annotation": annotation(701, label="no such label")},
    {"annotation": annotation(701, completed_by={"id": "\x00"})},
    {"annotation": annotation(701, lead_time=-1)},
    {"project": {"id": 7, "label_config": "<View/>"}, "annotation": annotation(702, label="nothing")},
]


@pytest.mark.parametrize("payload", HOSTILE)
def test_an_event_that_cannot_be_used_does_not_stop_the_next(
    store: Store, project: Project, jobs: Jobs, payload: dict[str, Any]
) -> None:
    submit(store, 701, **payload)
    submit(store, 703)
    submit(store, 703, "NEVER_HEARD_OF")
    jobs.process_inbox()
    assert count(store, Event, Event.processed_at.is_(None)) == 0
    with store.reading() as session:
        seen = select(Image.studio_task).join(Observation, Observation.image_id == Image.id)
        assert 703 in session.scalars(seen).all(), "the good one counts"
    assert count(store, Event, Event.error.is_not(None)) >= 1


def test_an_event_that_comes_twice_counts_once(store: Store, project: Project, jobs: Jobs) -> None:
    sent = annotation(701)
    for _ in range(3):
        submit(store, 701, annotation=sent)
    jobs.process_inbox()
    assert count(store, Observation) == 1


def test_two_workers_take_each_event_once(
    store: Store, project: Project, make_duties: Callable[..., Jobs]
) -> None:
    for task in range(701, 717):
        submit(store, task)
        submit(store, task, "ANNOTATION_UPDATED", annotation=annotation(task, label="blue"))
    workers = [make_duties() for _ in range(2)]
    errors: list[BaseException] = []

    def work(jobs: Jobs) -> None:
        try:
            jobs.process_inbox()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(jobs,)) for jobs in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert count(store, Event, Event.processed_at.is_(None)) == 0
    assert count(store, Event, Event.error.is_not(None)) == 0
    assert count(store, Observation, Observation.retired_at.is_(None)) == 16


def test_two_workers_one_training(store: Store, project: Project, make_duties: Callable[..., Jobs]) -> None:
    for task in range(701, 706):
        submit(store, task)
    workers = [make_duties() for _ in range(2)]
    workers[0].process_inbox()
    for jobs in workers:
        jobs.consider(project.id)
    threads = [threading.Thread(target=jobs.train) for jobs in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert runs(store) == [("done", "new observations")]
    assert count(store, ModelVersion) == 1


def test_the_check_finds_a_lost_training(store: Store, project: Project, jobs: Jobs) -> None:
    queue_training(store, jobs, project)
    with store.session() as session:
        assert claim_run(session, session.scalars(select(TrainingRun.id)).one()) is not None
    jobs._watch = Watch(count_from(0.0, 10.0).__next__)
    for _ in range(3):
        assert jobs.check() == [project.id]
    jobs.train()
    assert [state for state, _ in runs(store)] == ["failed", "done"]


def failing(store: Store, project: Project) -> list[Work]:
    with store.reading() as session:
        return [each.work for each in last_failures(session, project.id)]


def test_the_check_publishes_what_label_studio_missed(
    store: Store, project: Project, jobs: Jobs, studio: Any
) -> None:
    queue_training(store, jobs, project)
    studio.failing = {"set queue"}
    jobs.train()
    assert "set queue" in studio.calls
    assert failing(store, project) == [Work.PUBLICATION]
    studio.failing = set()
    jobs.check()
    assert failing(store, project) == []
    assert studio.queue is not None
    assert len(studio.predictions) == 11, "nothing is there twice"


def test_a_check_leaves_alone_what_a_training_is_publishing(
    store: Store, project: Project, jobs: Jobs, studio: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue_training(store, jobs, project)
    push = studio.push_predictions

    def slow_push(number: int, items: Any) -> int:
        monkeypatch.setattr(studio, "push_predictions", push)
        check = threading.Thread(target=jobs.check)
        check.start()
        check.join(60)
        assert not check.is_alive(), "a check waits for nobody"
        return int(push(number, items))

    monkeypatch.setattr(studio, "push_predictions", slow_push)
    jobs.train()
    assert studio.calls == ["push", "set queue"]


def test_label_studio_down_is_not_asked_again_at_every_check(
    store: Store, project: Project, jobs: Jobs, studio: Any
) -> None:
    queue_training(store, jobs, project)
    studio.failing = {"push"}
    jobs.train()
    studio.calls.clear()
    for _ in range(5):
        jobs.check()
    assert studio.calls.count("push") == 1


@pytest.fixture
def a_minute_passes(store: Store, project: Project, jobs: Jobs) -> Callable[[], None]:
    """After a training that failed because Label Studio was down: a function that lets a minute pass."""
    queue_training(store, jobs, project)
    with store.session() as session:
        session.execute(update(Image).where(Image.studio_task == 716).values(uri="/data/down.png"))
    jobs.train()

    def pass_time() -> None:
        with store.session() as session:
            session.execute(update(TrainingRun).values(finished_at=datetime.now(UTC) - RETRY_AFTER))

    return pass_time


def test_a_training_that_label_studio_was_down_for_is_done_when_it_answers(
    store: Store, project: Project, jobs: Jobs, a_minute_passes: Callable[[], None]
) -> None:
    jobs.check()
    assert [state for state, _ in runs(store)] == ["failed"], "not at every check"
    a_minute_passes()
    with store.session() as session:
        session.execute(update(Image).where(Image.studio_task == 716).values(uri="/data/16.png"))
    jobs.check()
    jobs.train()
    assert runs(store) == [("failed", "new observations"), ("done", "label studio back")]
    a_minute_passes()
    jobs.check()
    assert len(runs(store)) == 2


def test_while_label_studio_is_down_no_training_is_queued_again(
    store: Store, jobs: Jobs, studio: Any, a_minute_passes: Callable[[], None]
) -> None:
    a_minute_passes()
    studio.failing = {"whoami"}
    for _ in range(3):
        jobs.check()
    assert [state for state, _ in runs(store)] == ["failed"]
    assert studio.calls == ["whoami"], "it is asked once a minute"


def test_a_refused_token_is_tried_less_and_less_often_and_no_training_is_queued(
    store: Store,
    jobs: Jobs,
    studio: Any,
    a_minute_passes: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    a_minute_passes()
    studio.failing = {"whoami"}
    studio.failure = LabelStudioUnauthorized("Label Studio refuses the token.", "Give another one.")
    now = 0.0
    monkeypatch.setattr("model_backend.worker.jobs.time", SimpleNamespace(monotonic=lambda: now))
    asked: list[float] = []
    for _ in range(2 * 60):
        now += 60
        jobs.check()
        if len(studio.calls) > len(asked):
            asked.append(now)
    assert [later - before for before, later in itertools.pairwise(asked)] == [60, 120, 240, 480, 960, 1920]
    assert [state for state, _ in runs(store)] == ["failed"]
    assert "Give another one." in caplog.text


def test_a_training_that_is_never_reached_is_tried_less_and_less_often(
    store: Store, jobs: Jobs, a_minute_passes: Callable[[], None]
) -> None:
    a_minute_passes()
    jobs.check()
    jobs.train()
    assert len(runs(store)) == 2
    a_minute_passes()
    jobs.check()
    assert len(runs(store)) == 2, "after two in a row it takes two minutes"


def test_a_training_that_failed_by_the_projects_own_fault_is_not_queued_again(
    store: Store, project: Project, jobs: Jobs, a_minute_passes: Callable[[], None]
) -> None:
    with store.session() as session:
        session.execute(update(Image).values(uri="/data/bad.png"))
        queue_run(session, project.id, RunReason.ASKED_FOR)
    jobs.train()
    a_minute_passes()
    jobs.check()
    assert [state for state, _ in runs(store)] == ["failed", "failed"]


def test_tidying_survives_label_studio_being_down(
    store: Store, project: Project, jobs: Jobs, studio: Any, caplog: pytest.LogCaptureFixture
) -> None:
    queue_training(store, jobs, project)
    jobs.train()
    studio.failing = {"clear superseded"}
    jobs.tidy(project.id)
    assert "stay in Label Studio" in caplog.text
    assert failing(store, project) == [Work.CLEARING]
    studio.failing = set()
    jobs.tidy(project.id)
    assert failing(store, project) == []


def test_tidying_leads_from_the_screen_to_the_page(
    store: Store,
    project: Project,
    worker_settings: Settings,
    resources: LearningResources,
    studio: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with store.reading() as session:
        studio.label_config = build_config([label.name for label in live_labels(session, project.id)])
    settings = worker_settings.model_copy(update={"address": "https://onetag.example.org"})
    jobs = Jobs(store, settings, studio, resources)
    studio.failing = {"update project"}
    jobs.tidy(project.id)
    assert "The labelling screen stays as it is" in caplog.text
    studio.failing = set()
    jobs.tidy(project.id)
    assert progress_in(studio.label_config) == f"https://onetag.example.org/page/{project.key}/"


def test_without_label_studio_it_trains_all_the_same(
    store: Store, project: Project, worker_settings: Settings, resources: LearningResources
) -> None:
    jobs = Jobs(store, worker_settings, None, resources)
    queue_training(store, jobs, project)
    jobs.train()
    jobs.check()
    jobs.tidy(project.id)
    assert jobs.reconcile() == []
    assert [state for state, _ in runs(store)] == ["done"]


def test_images_that_come_back_are_trained_on_by_themselves(
    store: Store,
    project: Project,
    *,
    engine_settings: Settings,
    resources: LearningResources,
    tag: Callable[..., None],
    paint: Callable[[int], bytes],
    studio: Any,
) -> None:
    down = True

    def read(uri: str) -> bytes:
        if down:
            raise ImageUnavailable(f"{uri} answers 502.", "Wait.", Unusable.UNREACHED)
        return paint(int(uri.rpartition("/")[2].removesuffix(".png")))

    tag(store, project, range(1, 9))
    jobs = Jobs(store, engine_settings, studio, LearningResources(engine_settings, read, resources.backbone))
    assert jobs.consider(project.id).queued
    list(jobs.train())
    assert states(store) == ["failed"]
    assert not jobs.look_again_due(), "a pause comes first"
    down = False
    with store.session() as session:
        session.execute(update(Image).values(try_at=utc_now() - timedelta(seconds=1)))
    assert jobs.look_again_due()
    jobs.look_again()
    assert not jobs.look_again_due()
    with store.reading() as session:
        assert session.scalars(select(TrainingRun.reason)).all()[-1] is RunReason.IMAGES_TO_COME
    list(jobs.train())
    assert states(store) == ["failed", "done"]


def states(store: Store) -> list[str]:
    with store.reading() as session:
        return [str(each) for each in session.scalars(select(TrainingRun.state).order_by(TrainingRun.id))]


def test_label_studio_is_told_what_was_said_on_the_page(
    store: Store, project: Project, jobs: Jobs, studio: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.session() as session:
        images = session.scalars(select(Image.id)).all()
        label = session.scalars(select(Label.id)).first()
        record_answer(session, project, "ann", [ImageAnswer(image, absent=[label or 0]) for image in images])
    told: list[int] = []
    monkeypatch.setattr(telling, "tell_studio", lambda _store, _studio, number, _stop: told.append(number))
    assert list(jobs.tell()) == [project.id]
    assert told == [project.id]


def test_what_cannot_be_told_waits_for_label_studio(
    store: Store, project: Project, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.session() as session:
        image, label = session.scalars(select(Image.id)).first(), session.scalars(select(Label.id)).first()
        record_answer(session, project, "ann", [ImageAnswer(image or 0, [label or 0])])
    tries: list[int] = []

    def away(*_args: Any) -> None:
        tries.append(1)
        raise LabelStudioUnreachable("Nothing answers.", "Start it.")

    monkeypatch.setattr(telling, "tell_studio", away)
    jobs.tell()
    jobs.tell()
    assert len(tries) == 1, "it is left alone for a minute"


def set_red(store: Store, project: Project, value: float) -> None:
    """As a person does on the page."""
    with store.session() as session:
        red = session.scalars(select(Label).where(Label.project_id == project.id, Label.name == "red")).one()
        set_threshold(session, red, value, "ann")


def test_a_threshold_that_a_person_sets_comes_into_label_studios_queue(
    store: Store, project: Project, jobs: Jobs, studio: Any
) -> None:
    queue_training(store, jobs, project)
    jobs.train()
    before = studio.queue
    assert jobs.adjust_thresholds() == []
    set_red(store, project, 0.25)
    assert jobs.adjust_thresholds() == [project.id]
    assert studio.queue != before
    assert count(store, ModelVersion) == 2
    assert jobs.adjust_thresholds() == []


def test_with_a_damaged_version_a_training_brings_the_threshold(
    store: Store, project: Project, jobs: Jobs, worker_settings: Settings, make_duties: Callable[..., Jobs]
) -> None:
    queue_training(store, jobs, project)
    jobs.train()
    set_red(store, project, 0.25)
    with store.session() as session:
        folder = worker_settings.data_dir / session.scalars(select(ModelVersion.folder)).one()
    (folder / "model.safetensors").write_bytes(b"")
    fresh = Jobs(store, worker_settings, None, LearningResources(worker_settings, read_picture))
    assert fresh.adjust_thresholds() == []
    assert runs(store)[-1] == ("queued", "version damaged")
    with store.reading() as session:
        assert [each.work for each in last_failures(session, project.id)] == [Work.THRESHOLDS]
    assert fresh.train() == [project.id]
    with store.reading() as session:
        version = active_version(session, project.id)
    assert version is not None
    assert version.thresholds[0] == 0.25
