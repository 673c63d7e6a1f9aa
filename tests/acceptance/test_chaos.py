"""kill -9 in the middle of the work: no observation is lost, whichever part dies."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from sqlalchemy import select

from annotator.errors import OnetagError
from annotator.labelstudio.answers import ticked
from annotator.labelstudio.client import Studio
from annotator.labelstudio.reconcile import reconcile
from annotator.store import Annotation, Label, Observation, Project, Store
from model_backend.demo.annotator import Answer, Shown, regions
from model_backend.demo.dataset import Dataset
from model_backend.stack.local_files import file_of
from tests.acceptance.conftest import Up, until

pytestmark = [pytest.mark.studio, pytest.mark.timeout(600)]


def tag_next(studio: Studio, project: int, scenes: Dataset, folder: str) -> bool:
    """Answer the next task with its first digit; False when Label Studio could not be reached."""
    try:
        task = studio.next_task(project)
        assert task is not None
        name = file_of(folder, task["data"]["image"])
        present = scenes.present([file.name for file in scenes.files].index(str(name)))
        studio.annotate(int(task["id"]), regions(Answer(present[0], ()), Shown(), "choices"))
    except OnetagError:
        return False
    return True


def said_in_label_studio(studio: Studio, project: int) -> dict[int, list[str]]:
    """Annotation -> the label chosen, of every annotation that is no skip."""
    given: list[dict[str, Any]] = [
        one for task in studio.annotated_tasks(project) for one in task["annotations"]
    ]
    return {int(one["id"]): ticked(one["result"], "label") for one in given if not one["was_cancelled"]}


def said_in_store(store: Store) -> dict[int, list[str]]:
    """The same, from the observations of the live annotations."""
    tags = (
        select(Annotation.studio_annotation, Label.name)
        .join(Observation, Observation.annotation_id == Annotation.id)
        .join(Label, Label.id == Observation.label_id)
        .where(Observation.source == "tag", Observation.retired_at.is_(None), Observation.value == 1)
    )
    with store.reading() as session:
        return {int(number or 0): [name] for number, name in session.execute(tags)}


@pytest.mark.parametrize("victim", ["ml-backend", "worker", "label-studio"])
def test_no_observation_is_lost(up: Up, scenes: Dataset, victim: str) -> None:
    studio, store = up.studio(), up.store()
    with store.reading() as session:
        row = session.scalars(select(Project)).one()
    project = int(row.studio_project or 0)
    before, said = len(said_in_label_studio(studio, project)), 0

    for number in range(6):
        if number == 3:
            said = len(up.lines)
            os.kill(up.child(victim), signal.SIGKILL)
        until(lambda: tag_next(studio, project, scenes, up.images.name), 90, "an answer is taken")

    up.await_line("starting it again", after=said)
    given = said_in_label_studio(studio, project)
    assert len(given) >= before + 6
    until(lambda: said_in_store(store) == given, 60, f"the store agrees after {victim} was killed")
    assert not reconcile(store, studio, row.id), "nothing is left to be found"
    store.close()
