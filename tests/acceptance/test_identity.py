"""One data folder, started again elsewhere, with fewer labels, and when all is answered."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from annotator.store import Annotation, Observation, Project
from model_backend.demo.annotator import Answer, Shown, regions
from model_backend.demo.dataset import Dataset, read_dataset
from model_backend.demo.scenes import NAMES, write_scenes
from tests.acceptance.conftest import Up, environment, until
from tests.free_ports import free_port

pytestmark = [pytest.mark.studio, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A dozen digit scenes."""
    folder = tmp_path_factory.mktemp("identity") / "digits"
    write_scenes(folder, 12, 1, seed=6)
    return read_dataset(folder)


@pytest.fixture(scope="module")
def folder(few: Dataset, fresh_label_studio: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """An `onetag up` on its way through everything that these tests tell, in their order."""
    data = shutil.copytree(fresh_label_studio, tmp_path_factory.mktemp("moved") / "data")
    made = Up(few.files[0].parent, data)
    try:
        made.start()
        made.await_ready()
        yield made
    finally:
        made.clean()


def status(folder: Up) -> list[dict[str, Any]]:
    return list(json.loads(folder.onetag("status", "--json").stdout))


def answer_all(folder: Up, scenes: Dataset) -> int:
    """Answer every task that is left with its first digit; returns the project's number."""
    studio = folder.studio()
    (project,) = [int(row["id"]) for row in studio.projects()]
    names = [file.name for file in scenes.files]
    done = {int(task["id"]) for task in studio.annotated_tasks(project)}
    for task in list(studio.tasks(project)):
        if int(task["id"]) not in done:
            name = str(task["data"]["image"]).rpartition("/")[2]
            present = scenes.present(names.index(name))
            studio.annotate(int(task["id"]), regions(Answer(present[0], ()), Shown(), "choices"))
    return project


def test_it_says_what_it_waits_for(folder: Up) -> None:
    said = "".join(folder.lines)
    assert "Starting Label Studio" in said


def test_when_all_is_answered_doctor_is_healthy_and_needs_no_port(folder: Up, few: Dataset) -> None:
    answer_all(folder, few)
    until(lambda: status(folder)[0]["images_left"] == 0, 90, "every answer is taken in")
    until(lambda: status(folder)[0]["version"], 180, "a training")

    def healthy() -> bool:
        return bool(json.loads(folder.onetag("doctor", "--json").stdout)["ok"])

    until(healthy, 120, folder.onetag("doctor").stdout)
    assert "all answered" in folder.onetag("doctor").stdout


def test_at_another_place_and_other_ports_it_is_the_same_project(folder: Up) -> None:
    before = status(folder)
    folder.interrupt()
    folder.data_dir = folder.data_dir.rename(folder.data_dir.with_name("moved"))
    store = folder.store()
    with store.session() as session:  # as an earlier release left it, which knew no moments
        session.execute(update(Project).values(studio_created_at=None))
    store.close()
    folder.studio_port, folder.port = free_port(), free_port()
    folder.start()
    folder.await_ready()
    after = status(folder)
    assert len(after) == 1
    for name in ("key", "project", "images", "images_answered", "observed_present", "version"):
        assert after[0][name] == before[0][name]
    assert after[0]["label_studio"].endswith(f":{folder.studio_port}")
    assert "its records go on here" in "".join(folder.lines)
    shown = folder.onetag("export", "--project", "1", "--output", str(folder.data_dir / "all.csv"))
    assert shown.returncode == 0, shown.stderr


def test_labels_that_leave_are_asked_about_and_come_back_with_their_answers(folder: Up) -> None:
    before = status(folder)[0]
    assert folder.interrupt() == 0
    command = folder.command()
    at = command.index("--labels") + 1
    assert command[at] == ",".join(NAMES)
    command[at] = ",".join(NAMES[:3])
    refused = subprocess.run(
        command, capture_output=True, text=True, env=environment(), timeout=300, stdin=subprocess.DEVNULL
    )
    assert refused.returncode == 1
    assert "--yes" in refused.stderr
    assert f"{len(NAMES) - 3} labels leave the project" in refused.stdout
    assert "answers" in refused.stdout
    assert status(folder)[0]["labels"] == len(NAMES), "nothing was changed"

    folder.label_names = NAMES[:3]
    folder.start("--yes")
    folder.await_ready()
    fewer = status(folder)[0]
    assert fewer["labels"] == 3
    assert (
        fewer["observed_present"] + sum(each["present"] for each in fewer["archived_labels"])
        == (before["observed_present"])
    )
    told = " ".join(folder.onetag("status").stdout.split())
    assert "count again when the label is back" in told
    folder.interrupt()

    folder.label_names = NAMES
    folder.start()
    folder.await_ready()
    again = status(folder)[0]
    assert again["archived_labels"] == []
    assert again["observed_present"] == before["observed_present"]
    store = folder.store()
    with store.reading() as session:
        assert not session.scalars(select(Observation.id).where(Observation.retired_at.is_not(None))).all()
        assert not session.scalars(select(Annotation.id).where(Annotation.retired_at.is_not(None))).all()
    store.close()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["/nope", "--labels", "a,b"], "/nope is not a folder"), (["."], "needs the labels")],
)
def test_what_cannot_start_makes_nothing(tmp_path: Path, arguments: list[str], told: str) -> None:
    (tmp_path / "photos").mkdir()
    shown = subprocess.run(
        [sys.executable, "-m", "model_backend.cli", "up", *arguments],
        capture_output=True,
        text=True,
        env=environment(PYTHONPATH=str(Path(__file__).parents[2])),
        cwd=tmp_path / "photos",
        timeout=60,
    )
    assert shown.returncode == 1
    assert told in shown.stderr
    assert list((tmp_path / "photos").iterdir()) == []
