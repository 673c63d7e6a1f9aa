"""The page over real photographs: 2,000 of coco18, the default backbone, answers in a real Label Studio."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from model_backend.demo.annotator import Habits, answer, regions
from model_backend.demo.dataset import Dataset, read_dataset
from model_backend.demo.loop import as_shown, settled, shown_prediction
from model_backend.stack.local_files import file_of
from tests.acceptance.conftest import Up, required, until

if TYPE_CHECKING:
    from annotator.store import Store

REAL = Path(__file__).parents[4] / "shared" / "data" / "coco18"
PHOTOGRAPHS = 2000
ROUNDS = ((40, Habits()), (30, Habits(reviews=0.6, completes=0.2)), (30, Habits(reviews=0.6, completes=0.2)))
"""Answers of a round, and how closely the annotator looks; each round ends with a training."""


class Photographs(Up):
    """An `onetag up` over photographs whose truth is known."""

    backbone = "auto"
    precision = "0.8"

    def __init__(self, dataset: Dataset, data_dir: Path) -> None:
        super().__init__(dataset.files[0].parent, data_dir)
        self.label_names = dataset.labels
        self.dataset = dataset
        self._rows = {file.name: row for row, file in enumerate(dataset.files)}
        self._rng = np.random.default_rng(12)

    def answer(self, count: int, habits: Habits) -> None:
        """Answer the next tasks of the queue in Label Studio, as an honest annotator would."""
        studio = self.studio()
        project = next(iter(studio.projects()))["id"]
        for _ in range(count):
            task = studio.next_task(project)
            assert task is not None
            name = file_of(self.images.name, task["data"]["image"])
            assert name is not None
            prediction = shown_prediction(task)
            shown = as_shown(prediction)
            given = answer(self.dataset.present(self._rows[name]), shown.labels, habits, self._rng)
            studio.annotate(
                int(task["id"]),
                [] if given is None else regions(given, shown, "choices"),
                lead_time=float(self._rng.lognormal(1.2, 0.4)),
                parent_prediction=int(prediction["id"]) if prediction else None,
                skipped=given is None,
            )

    def settle(self) -> None:
        """Wait until every answer is learned, and the version is in Label Studio's queue."""
        store = self.store()
        try:
            until(lambda: settled(store, 1), 900, "a version that knows every answer")
        finally:
            store.close()


@pytest.fixture(scope="package")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Photographs]:
    """Photographs of which 100 are answered, in three rounds."""
    required(find_spec("label_studio") is not None, "label-studio is not installed: the extra `studio`")
    required(REAL.is_dir(), f"there is no {REAL}")
    made = Photographs(
        copied(tmp_path_factory.mktemp("photographs")), tmp_path_factory.mktemp("page") / "data"
    )
    try:
        made.start()
        made.await_ready()
        for count, habits in ROUNDS:
            made.answer(count, habits)
            made.settle()
        yield made
    finally:
        made.clean()


def copied(folder: Path) -> Dataset:
    """The first photographs with their truth, in a folder of their own."""
    whole = read_dataset(REAL)
    chosen = whole.subset(np.arange(PHOTOGRAPHS))
    images = folder / "photographs"
    images.mkdir()
    files = tuple(Path(shutil.copy(file, images / file.name)) for file in chosen.files)
    return Dataset(chosen.labels, files, chosen.truth)


@pytest.fixture
def store(photographs: Photographs) -> Iterator[Store]:
    """What is on record."""
    opened = photographs.store()
    yield opened
    opened.close()
