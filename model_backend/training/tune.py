"""Training of backbone and head from pixels, begun by linear training on frozen features (linear-init).

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
from model_backend.training.endtoend import LinearInit, Read, fit_end_to_end
from model_backend.training.feedback import Feedback
from model_backend.training.finish import Fit, finish, require_tags, uncalibrated
from model_backend.training.linear import estimate_pool, fit_linear
from model_backend.training.model import Head
from model_backend.training.pool import Pool
from model_backend.training.positives import ExpectedPositives
from model_backend.training.positives import expected_positives as estimate_positives
from model_backend.training.preference import tag_preference
from model_backend.training.propensity import checked_propensity
from model_backend.training.recipe import Recipe
from model_backend.training.soft_labels import soft_labels_for
from model_backend.training.supervision import Supervision


@dataclass(frozen=True, eq=False)
class Tuned:
    """module: the tuned backbone, on the CPU and in evaluation mode; head: its head, on raw features (M, F).

    estimated (N, L): the estimator's probabilities of the pool, None without one.
    losses: each epoch's mean; images_per_second: of the training from pixels.
    """

    module: nn.Module
    head: Head
    estimated: Tensor | None
    positives: ExpectedPositives
    losses: tuple[float, ...]
    images_per_second: float

    def at(self, rows: NDArray[np.int64]) -> Tuned:
        """The same for some rows of the pool alone."""
        estimated = None if self.estimated is None else self.estimated[torch.from_numpy(rows)]
        return replace(self, estimated=estimated)


def tune(
    module: nn.Module,
    read: Read,
    pool: Pool,
    recipe: Recipe,
    *,
    readable: NDArray[np.bool_] | None = None,
    expected_positives: float | None = None,
    propensity: NDArray[np.floating] | None = None,
    progress: Progress | None = None,
) -> Tuned:
    """Train a copy of `module`, which gave the pool's features, with a head for the recipe's loss.

    read: see `fit_end_to_end`; it is called for rows with an observation alone, and where `readable` (N,) is
    True. expected_positives, propensity: see `fit`. progress: called with a stage and its share; what it
    raises ends the training. The feature map is the linear one, whatever the recipe has: a head on it is one
    on the backbone's own features too.
    Raises LearningError when nothing is tagged yet, or a loss is not finite. The same arguments give the
    same result.

    >>> module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 4, 2)).eval()
    >>> images = torch.rand(12, 3, 4, 4)
    >>> observed = np.eye(2, dtype=np.int8)[np.arange(12) % 2]
    >>> pool = Pool(module(images).detach().numpy(), (), observed)
    >>> recipe = Recipe(end_to_end=True, end_to_end_options={"epochs": 1, "bf16": False})
    >>> tuned = tune(module, lambda rows: images[rows], pool, recipe)
    >>> features = tuned.module(images).detach().numpy()
    >>> fit_tuned(Pool(features, (), observed), tuned, recipe).probabilities.shape
    (12, 2)
    """
    report = progress or silent
    require_tags(pool)
    meant = resolved(replace(recipe, end_to_end=True))
    feature_map = FeatureMap.fit(pool.features, pool.blocks, seed=recipe.seed, kind="linear")
    mapped = torch.from_numpy(feature_map.transform(pool.features))
    observed = torch.from_numpy(pool.observed)
    soft_labels = soft_labels_for(
        meant, mapped, observed, expected_positives, report, covered=pool.covered, asked=pool.asked
    )
    shares = soft_labels.shares if soft_labels else None
    positives = estimate_positives(
        pool.observed, expected_positives, shares, pool.covered, pool.asked, pool.drawn
    )
    supervision = Supervision(observed, positives.value, checked_propensity(propensity, pool.labels))
    linear = fit_linear(mapped, supervision, meant, progress=_staged("head", report))
    (head,) = linear.heads
    weight, bias = head.layers[0]
    if readable is not None:
        supervision = replace(supervision, observed=observed * torch.from_numpy(readable)[:, None])
    fitted = fit_end_to_end(
        copy.deepcopy(module),
        read,
        supervision,
        meant,
        start=LinearInit(weight, bias, feature_map, linear.estimator, mapped),
        progress=_staged("end to end", report),
    )
    head = replace(head, layers=((fitted.weight, fitted.bias),))
    estimated = estimate_pool(linear.estimator, mapped)
    return Tuned(fitted.backbone, head, estimated, positives, fitted.losses, fitted.images_per_second)


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

    pool: the images that `tuned` was trained on, in their order, with features (N, F) of the tuned backbone.
    The other arguments: see `fit`. Raises LearningError when nothing is tagged. Example: see `tune`.
    """
    require_tags(pool)
    unchanged = FeatureMap.identity(pool.features.shape[1])
    model = uncalibrated(pool, recipe, unchanged, (tuned.head,), tuned.positives.value)
    finished = finish(
        model,
        pool,
        torch.from_numpy(pool.features),
        estimated=tuned.estimated,
        feedback=feedback,
        precision=precision,
        positives=tuned.positives,
        progress=progress or silent,
    )
    took = {"epoch_losses": list(tuned.losses), "images_per_second": round(tuned.images_per_second, 2)}
    return replace(finished, metrics=finished.metrics | took, preference=tag_preference(pool))


def _staged(name: str, report: Progress) -> Progress:
    return lambda stage, done: report(f"{name}, {stage}", done)
