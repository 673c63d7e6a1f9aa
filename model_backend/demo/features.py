"""Features of a demo's images, computed in the background while Label Studio starts."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from annotator.errors import OnetagError
from model_backend.demo.dataset import Dataset

if TYPE_CHECKING:
    from annotator.settings import Settings
    from annotator.store import ModelVersion
    from model_backend.features import Extracted


class Scorer:
    """Gives label vectors of the held-out images by any version; they never leave this process.

    The images to label are computed along with them, into the cache that the worker reads.
    """

    def __init__(self, settings: Settings, train: Dataset, test: Dataset) -> None:
        self._data_dir = settings.data_dir
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="features")
        self._files = test.files
        self._test: Future[Extracted] = self._pool.submit(_features, settings, test.files)
        self._train = self._pool.submit(_features, settings, train.files)

    def wait(self) -> None:
        """Wait until all features are there. Raises OnetagError naming a held-out image that has none."""
        problems = self._test.result().problems
        for index, reason in problems.items():
            raise OnetagError(f"{self._files[index]} cannot be used: {reason}", "Take it out of labels.csv.")
        self._train.result()

    def __call__(self, version: ModelVersion) -> NDArray[np.float32]:
        """Label vectors (M, L) of the held-out images."""
        from model_backend.training import LabelModel  # noqa: PLC0415 (torch is slow to import)

        return LabelModel.load(self._data_dir / version.folder).predict(self._test.result().features)

    def close(self) -> None:
        """Drop what has not begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _features(settings: Settings, files: Sequence[Path]) -> Extracted:
    from model_backend.engine.resources import LearningResources  # noqa: PLC0415 (torch is slow to import)
    from model_backend.features import extract  # noqa: PLC0415 (torch is slow to import)

    resources = LearningResources(settings, lambda uri: Path(uri).read_bytes())

    return extract(((str(file), file.read_bytes) for file in files), resources.backbone, resources.cache)
