"""Real pictures as the default backbone sees them: computed once a run, by whichever process asks first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from numpy.typing import NDArray

from model_backend.backbones import Backbone, load_backbone
from model_backend.demo.dataset import Dataset, read_dataset
from model_backend.features import FeatureCache, extract

REAL = Path(__file__).parents[2] / "shared" / "data"


@dataclass(frozen=True)
class RealPictures:
    """Some pictures of a set, in an order drawn by lot.

    features (N, F): what the backbone sees; cache: the file of a `FeatureCache` that holds it.
    """

    dataset: Dataset
    backbone: Backbone
    features: NDArray[np.float32]
    cache: Path


@pytest.fixture(scope="session")
def real_pictures(run_folder: Path) -> Callable[[str, int], RealPictures]:
    """Gives so many pictures of a set; fewer are the first of more: `real_pictures("coco18", 2000)`."""

    @cache
    def seen(name: str, count: int) -> RealPictures:
        if not REAL.exists():
            pytest.skip("there are no real pictures beside the checkout")
        whole = read_dataset(REAL / name)
        dataset = whole.subset(np.random.default_rng(0).permutation(len(whole.files))[:count])
        backbone, file = load_backbone("efficientnet_lite0"), run_folder / f"{name}.sqlite"
        with FileLock(file.with_suffix(".lock")):
            items = ((picture.name, picture.read_bytes) for picture in dataset.files)
            found = extract(items, backbone, FeatureCache(file))
        assert not found.problems
        return RealPictures(dataset, backbone, found.features, file)

    return seen
