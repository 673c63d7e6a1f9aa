"""The backbone learns too: from pixels, warm-started by linear training on its frozen features (linear-init).

Cole et al., CVPR 2021, arXiv 2106.09708, section 5.1: a head trained on frozen features, and the estimator
trained beside it, are where the training of everything begins.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model_backend.features.mapping import FeatureMap
from model_backend.progress import Progress, silent
from model_backend.training.choices import resolved
from model_backend.training.endtoend import EndToEndSettings, Read, fit_end_to_end
from model_backend.training.feedback import Feedback
from model_backend.training.finish import Fit, finish, require_tags, uncalibrated
from model_backend.training.linear import fit_linear, pool_belief
from model_backend.training.model import Head
from model_backend.training.pool import Pool
from model_backend.training.positives import ExpectedPositives
from model_backend.training.positives import expected_positives as estimate_positives
from model_backend.training.recipe import Recipe
from model_backend.training.soft_labels import soft_labels_for


@dataclass(frozen=True, eq=False)
class Tuned:
    """module: the tuned backbone, on the CPU and in evaluation mode; part: its head, on raw features (M, F).

    belief (N, L): the estimator's probabilities for the pool, where there was one.
    losses: each epoch's mean; images_per_second: of the training from pixels.
    """

    module: nn.Module
    part: Head
    belief: Tensor | None
    positives: ExpectedPositives
    losses: tuple[float, ...]
    images_per_second: float

    def at(self, rows: NDArray[np.int64]) -> Tuned:
        """The same for some rows of the pool alone."""
        return replace(self, belief=None if self.belief is None else self.belief[torch.from_numpy(rows)])


def tune(
    module: nn.Module,
    read: Read,
    pool: Pool,
    recipe: Recipe,
    *,
    readable: NDArray[np.bool_] | None = None,
    expected_positives: float | None = None,
    progress: Progress | None = None,
) -> Tuned:
    """Train a copy of `module`, which gave the pool's features, with a head for the recipe's loss.

    read: see `fit_end_to_end`; asked for rows with an observation alone, and where `readable` (N,) says so.
    expected_positives: labels an image, when the user knows. progress: called with a stage and its share;
    what it raises ends the training. The feature map is the linear one, whatever the recipe says: a head on
    it is one on the backbone's own features too.
    Raises LearningError when nothing is tagged yet, or a loss is not finite. The same arguments give the
    same result.
    """
    report = progress or silent
    require_tags(pool)
    meant = resolved(replace(recipe, end_to_end=True))
    feature_map = FeatureMap.fit(pool.features, pool.blocks, seed=recipe.seed, kind="linear")
    mapped = torch.from_numpy(feature_map.transform(pool.features))
    seen = torch.from_numpy(pool.observed)
    told = soft_labels_for(meant, mapped, seen, expected_positives, report)
    positives = estimate_positives(pool.observed, expected_positives, told.shares if told else None)
    linear = fit_linear(mapped, seen, meant, positives.value, progress=_staged("head", report))
    (head,) = linear.parts[0].layers
    fitted = fit_end_to_end(
        copy.deepcopy(module),
        read,
        seen if readable is None else seen * torch.from_numpy(readable)[:, None],
        meant,
        positives.value,
        start=feature_map.fold(*head),
        estimator=linear.estimator,
        estimator_features=mapped,
        settings=EndToEndSettings.of(recipe.end_to_end_options),
        progress=_staged("end to end", report),
    )
    part = replace(linear.parts[0], layers=((fitted.weight, fitted.bias),))
    belief = pool_belief(linear.estimator, mapped)
    return Tuned(fitted.backbone, part, belief, positives, fitted.losses, fitted.images_per_second)


def fit_tuned(
    pool: Pool,
    tuned: Tuned,
    recipe: Recipe,
    *,
    precision: float = 0.8,
    feedback: Feedback | None = None,
    progress: Progress | None = None,
) -> Fit:
    """The finished version of a tuned backbone and head: as `fit` gives it, without training.

    pool: the images that `tuned` was made of, in their order, with features (N, F) of the tuned backbone.
    The other arguments: see `fit`. Raises LearningError when nothing is tagged.
    """
    require_tags(pool)
    unchanged = FeatureMap.identity(pool.features.shape[1])
    model = uncalibrated(pool, recipe, unchanged, (tuned.part,), tuned.positives.value)
    finished = finish(
        model,
        pool,
        torch.from_numpy(pool.features),
        belief=tuned.belief,
        feedback=feedback,
        precision=precision,
        positives=tuned.positives,
        progress=progress or silent,
    )
    took = {"epoch_losses": list(tuned.losses), "images_per_second": round(tuned.images_per_second, 2)}
    return replace(finished, metrics=finished.metrics | took)


def _staged(name: str, report: Progress) -> Progress:
    return lambda stage, done: report(f"{name}, {stage}", done)
