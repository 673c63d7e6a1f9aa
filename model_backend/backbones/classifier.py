"""What a network's own classifier says of labels, from features that are pooled before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from model_backend.backbones.base import Floats
from model_backend.backbones.names import Names

ROWS = 4096  # images at a time: all classes of all of them would take much memory


@dataclass(frozen=True, eq=False)
class Classifier:
    """A linear classifier of ImageNet's classes: weight (C, W), bias (C,)."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def expected(self, features: Floats, labels: Sequence[str]) -> Floats:
        """The summed probability (N, L) of the classes that each label's name means; NaN for none.

        features (N, F): blocks of W side by side, each pooled from the same map in another way. The
        probabilities of the blocks are averaged: of the whole picture, and of its best window.
        """
        names = Names()
        classes = [list(names.classes(label)) for label in labels]
        result = np.full((len(features), len(labels)), np.nan, np.float32)
        for start in range(0, len(features), ROWS):
            probabilities = self._probabilities(features[start : start + ROWS])
            for label, meant in enumerate(classes):
                if meant:
                    result[start : start + ROWS, label] = probabilities[:, meant].sum(axis=1)
        return result

    def _probabilities(self, features: Floats) -> Floats:
        blocks = features.reshape(len(features), -1, self.weight.shape[1])
        mean: Floats = softmax(blocks @ self.weight.T + self.bias, axis=2).mean(axis=1)
        return mean
