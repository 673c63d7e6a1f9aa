"""Training end to end on a project: pixels of what was observed, the tuned backbone kept, its features."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from annotator.files import atomic_file
from annotator.store import Store
from model_backend.backbones import Backbone, Network
from model_backend.backbones.tuned import TunedWeights, tuned_weights, weights_file
from model_backend.engine.backbones import BACKBONES_FOLDER
from model_backend.engine.pool import PoolFeatures, pool_features
from model_backend.engine.reading import image_rows
from model_backend.engine.resources import LearningResources
from model_backend.errors import LearningError
from model_backend.features.pixels import Pixels
from model_backend.progress import Progress
from model_backend.training import Pool, Recipe, Tuned, tune

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TuningInput:
    """What is trained: a backbone, its features of the images, what was observed of them, and how.

    expected_positives: k as the user gave it. propensity (L,): see `tagging_propensity`.
    """

    backbone: Backbone
    images: PoolFeatures
    pool: Pool
    recipe: Recipe
    expected_positives: float | None
    propensity: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class TuningOutput:
    """A tuned head, its backbone as it was saved, and what that makes of the images, in the same order."""

    tuned: Tuned
    backbone: Backbone
    pool: PoolFeatures


def trainable(backbone: Backbone) -> Network:
    """The backbone as one that can be trained. Raises LearningError when it has no weights."""
    if not isinstance(backbone, Network):
        raise LearningError(
            f"The backbone {backbone.name} has nothing to train end to end.",
            "Choose a network, as in --backbone efficientnet_lite0, or train with --frozen.",
        )
    return backbone


def tune_pool(
    store: Store, resources: LearningResources, tuning_input: TuningInput, report: Progress
) -> TuningOutput:
    """Train a copy of the backbone and a head on the pool's observed images, save it, and use it on all.

    An image that can no longer be read is left out. Raises LearningError or OnetagError with what to do, and
    whatever `report` raises.
    """
    network, images = trainable(tuning_input.backbone), tuning_input.images
    uris = _observed_uris(store, images, tuning_input.pool.observed)
    with resources.pixels(uris, network, lambda done: report("pixels", done)) as pixels:
        tuned = tune(
            network.module,
            pixels.read,
            tuning_input.pool,
            tuning_input.recipe,
            readable=_readable(pixels, images, uris),
            expected_positives=tuning_input.expected_positives,
            propensity=tuning_input.propensity,
            progress=report,
        )
    report("saving the backbone", 0.0)
    weights = tuned_weights(network.name, network.weights(tuned.module))
    _write(resources.settings.data_dir / BACKBONES_FOLDER, weights)
    saved = resources.backbones.named(weights.name)
    features = pool_features(store, resources, saved, images.image_ids, report, again=True)
    rows = np.searchsorted(np.array(images.image_ids), np.array(features.image_ids, dtype=np.int64))
    return TuningOutput(tuned.at(rows), saved, features)


def _write(folder: Path, weights: TunedWeights) -> None:
    """Write the weights of a tuned network, whole or not at all.

    Raises LearningError when the disk is full or may not be written.
    """
    try:
        with atomic_file(weights_file(folder, weights.name)) as stream:
            stream.write(weights.content)
    except OSError as error:
        raise LearningError(
            f"The tuned weights cannot be written to {folder} ({error.strerror or type(error).__name__}).",
            "Free some space or make the folder writable, then train again.",
        ) from error


def _observed_uris(store: Store, pool: PoolFeatures, observed: NDArray[np.int8]) -> dict[int, str]:
    """Addresses of the images with observations, by their row in the pool."""
    with store.reading() as session:
        rows = image_rows(session, pool.image_ids, again=True)
    return {int(row): rows[row].uri for row in np.flatnonzero(observed.any(axis=1))}


def _readable(pixels: Pixels, pool: PoolFeatures, uris: dict[int, str]) -> NDArray[np.bool_]:
    """Which rows of the pool can be trained on (N,)."""
    for row, problem in pixels.problems.items():
        log.warning("Image %d is left out of the training: %s", pool.image_ids[row], problem)
    if uris and not pixels.places:
        raise LearningError(
            "None of the images with labels can be read.", "`onetag doctor` says what is wrong with them."
        )
    readable = np.zeros(len(pool.image_ids), dtype=bool)
    readable[list(pixels.places)] = True
    return readable
