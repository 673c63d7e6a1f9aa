"""Exports in the making: whole or not at all, a few at once, and gone when they are old."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from annotator.dashboard import export_jobs
from annotator.dashboard.export_jobs import (
    AT_ONCE,
    KEPT,
    KEPT_SECONDS,
    ExportJob,
    ExportJobs,
    ExportRequest,
    ExportsBusy,
)
from annotator.errors import OnetagError
from annotator.exchange import EXPORTS, ExportChoices, ExportFormat, ExportTable, Split
from annotator.exchange.order import make_here
from annotator.settings import Settings
from annotator.store import Project, Store


@pytest.fixture
def jobs(store: Store, settings: Settings) -> ExportJobs:
    return ExportJobs(partial(make_here, store, settings), settings.data_dir)


def asked(name: str = "csv", seed: int = 0) -> ExportRequest:
    return ExportRequest(EXPORTS[name], ExportChoices(split=Split(0.5, seed)))


def ended(job: ExportJob) -> ExportJob:
    assert job.ended.wait(30)
    return job


def left(settings: Settings) -> set[str]:
    """What lies in the folder of exports."""
    return {each.name for each in (settings.data_dir / export_jobs.FOLDER).glob("*")}


class Held:
    """A format that writes when it is told to."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    @property
    def format(self) -> ExportFormat:
        def write(table: ExportTable, file: Path) -> None:
            self.go_on.wait(30)
            file.write_text(f"{len(list(table.rows))} rows")

        return ExportFormat("held", "Waits.", write, suffix=".txt", card_inside=True)


@pytest.fixture
def held() -> Iterator[Held]:
    made = Held()
    yield made
    made.go_on.set()


def test_a_file_comes_with_its_card_and_a_report(jobs: ExportJobs, project: Project) -> None:
    job = ended(jobs.start(project.id, asked()))
    assert [file.name for file in job.files] == ["pets-labels.csv", "pets-labels.csv.card.json"]
    assert job.sizes == [file.stat().st_size for file in job.files]
    assert job.report is not None
    assert (job.report.images, job.done, job.share, job.error) == (5, 5, 1.0, None)


def test_an_error_midway_leaves_no_file(jobs: ExportJobs, project: Project, settings: Settings) -> None:
    def fail(table: ExportTable, file: Path) -> None:
        file.write_bytes(b"half of it")
        next(table.rows)
        raise OnetagError(f"{file} cannot be written (full).", "Free some space.")

    broken = ExportFormat("broken", "Breaks.", fail, suffix=".csv", card_inside=True)
    job = ended(jobs.start(project.id, ExportRequest(broken, ExportChoices())))
    assert job.files == []
    assert job.error is not None
    assert "cannot be written (full). Free some space." in job.error
    assert str(settings.data_dir) not in job.error
    assert left(settings) == set()


def test_what_nobody_foresaw_is_in_the_log_and_not_in_the_answer(
    jobs: ExportJobs, project: Project, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(table: ExportTable, file: Path) -> None:
        raise ValueError("a secret")

    broken = ExportFormat("broken", "Breaks.", fail, suffix=".csv", card_inside=True)
    job = ended(jobs.start(project.id, ExportRequest(broken, ExportChoices())))
    assert job.error == "Something went wrong; the server's log says what."
    assert "a secret" in caplog.text
    assert left(settings) == set()


def test_so_many_are_made_at_once_and_no_more(jobs: ExportJobs, project: Project, held: Held) -> None:
    request = [ExportRequest(held.format, ExportChoices(split=Split(0.5, seed))) for seed in range(3)]
    begun = [jobs.start(project.id, each) for each in request[:AT_ONCE]]
    with pytest.raises(ExportsBusy):
        jobs.start(project.id, request[AT_ONCE])
    assert jobs.start(project.id, begun[0].request) is begun[0]  # the same again joins it
    held.go_on.set()
    for job in begun:
        assert ended(job).error is None
    assert ended(jobs.start(project.id, request[AT_ONCE])).error is None


def test_an_export_that_has_ended_is_not_taken_for_a_new_one(jobs: ExportJobs, project: Project) -> None:
    first = ended(jobs.start(project.id, asked()))
    assert ended(jobs.start(project.id, asked())) is not first


def test_another_project_does_not_find_it(jobs: ExportJobs, project: Project) -> None:
    job = ended(jobs.start(project.id, asked()))
    assert jobs.find(project.id, job.id) is job
    assert jobs.find(project.id + 1, job.id) is None
    assert jobs.find(project.id, "another") is None


def test_the_newest_are_kept(jobs: ExportJobs, project: Project, settings: Settings) -> None:
    made = [ended(jobs.start(project.id, asked(seed=seed))) for seed in range(KEPT + 2)]
    found = [jobs.find(project.id, job.id) for job in made]
    assert found == [None, None, *made[2:]]
    assert left(settings) == {job.id for job in made[2:]}


def test_what_is_old_goes(
    jobs: ExportJobs, project: Project, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ended(jobs.start(project.id, asked()))
    later = time.monotonic() + KEPT_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert jobs.find(project.id, job.id) is None
    assert left(settings) == set()


def test_what_an_earlier_process_left_goes_when_it_is_old(
    jobs: ExportJobs, project: Project, settings: Settings
) -> None:
    for name, age in (("old", KEPT_SECONDS + 60), ("young", 60)):
        folder = settings.data_dir / export_jobs.FOLDER / name
        folder.mkdir(parents=True)
        os.utime(folder, (time.time() - age, time.time() - age))
    jobs.find(project.id, "none")
    assert left(settings) == {"young"}


def test_a_project_without_images_says_what_to_do(jobs: ExportJobs, store: Store) -> None:
    with store.session() as session:
        empty = Project(title="Empty", label_config="<View/>", image_folder="/none")
        session.add(empty)
        session.flush()
    job = ended(jobs.start(empty.id, asked()))
    assert job.error is not None
    assert "has no labels yet" in job.error
