"""Real labelled images for benchmarks: features, truth, and which images are learned from or scored on."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks.planted_sets import PLANTED_SETS, PREFIX, planted_set
from model_backend.backbones import load_backbone
from model_backend.demo.dataset import read_dataset
from model_backend.features import FeatureCache, extract
from model_backend.training import mean_average_precision

ORDER_SEED = 0

Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Data:
    """features (N, F), blocks, truth (N, L) of 0 and 1; expected (N, L) by the labels' names, see `Pool`."""

    features: NDArray[np.float32]
    blocks: tuple[int, ...]
    truth: NDArray[np.int8]
    expected: NDArray[np.float32] | None = None

    def rows(self, rows: Rows) -> Data:
        """Some of the images."""
        expected = None if self.expected is None else self.expected[rows]
        return Data(self.features[rows], self.blocks, self.truth[rows], expected)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `load` and `splits`."""
    parser.add_argument(
        "data",
        type=Path,
        help="folder with images/ and labels.csv, an .npz of features, or a planted set: "
        + ", ".join(f"{PREFIX}{name}" for name in PLANTED_SETS),
    )
    parser.add_argument("--pool", type=int, default=1600)
    parser.add_argument("--test", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--backbone", default="auto")
    parser.add_argument("--cache", type=Path, default=Path("onetag-data/benchmark-features.db"))


def load(arguments: argparse.Namespace) -> Data:
    """The images that the arguments name. Exits when they are fewer than --pool and --test together."""
    data = _data(arguments)
    if arguments.pool + arguments.test > len(data.truth):
        raise SystemExit(f"{len(data.truth)} images are too few for this --pool and --test")
    return data


def _data(arguments: argparse.Namespace) -> Data:
    if str(arguments.data).startswith(PREFIX):
        features, truth = planted_set(str(arguments.data))
        return Data(features, (), truth)
    if arguments.data.suffix == ".npz":
        return read_arrays(arguments.data)
    return read(arguments.data, arguments.backbone, arguments.cache)


def read(folder: Path, backbone: str, cache: Path) -> Data:
    """A folder with `images/` and `labels.csv`; features are kept in the cache for the next time."""
    dataset, loaded = read_dataset(folder), load_backbone(backbone)
    cache.parent.mkdir(parents=True, exist_ok=True)
    items = ((file.name, file.read_bytes) for file in dataset.files)
    extracted = extract(items, loaded, FeatureCache(cache))
    expected = loaded.expected(extracted.features, dataset.labels)
    return Data(extracted.features, tuple(loaded.blocks), dataset.truth.astype(np.int8), expected)


def read_arrays(file: Path) -> Data:
    """The same from an .npz file of `features`, `blocks` and `truth`; `expected` where it is there."""
    arrays = np.load(file)
    expected = arrays.get("expected")
    blocks = tuple(arrays["blocks"].tolist())
    return Data(arrays["features"], blocks, (arrays["truth"] > 0).astype(np.int8), expected)


def splits(
    data: Data, pool: int, test: int, seeds: int, *, validation: bool
) -> Iterator[tuple[int, Data, Data]]:
    """For each seed: the seed, the images to learn from, those to score on."""
    for seed in range(seeds):
        if validation:
            learn, score = validation_rows(len(data.truth), pool, seed)
        else:
            order = _order(len(data.truth))
            learn, score = order[:pool], order[-test:]
        yield seed, data.rows(learn), data.rows(score)


def validation_rows(images: int, pool: int, seed: int) -> tuple[Rows, Rows]:
    """Four fifths of the pool to learn from and one to score on; test images are in neither."""
    rows = _order(images)[:pool]
    inner = np.random.default_rng(seed + 1).permutation(len(rows))
    cut = len(rows) // 5
    return rows[inner[cut:]], rows[inner[:cut]]


def percent_map(scores: ArrayLike, truth: ArrayLike) -> float:
    """Mean average precision, in percent, of scores (N, L) against a truth (N, L) of 1 present."""
    return 100 * mean_average_precision(np.asarray(scores), np.asarray(truth)).mean


def _order(images: int) -> Rows:
    """The pool is its beginning, the test set its end."""
    return np.random.default_rng(ORDER_SEED).permutation(images)
