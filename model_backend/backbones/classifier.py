"""What a network's own classifier says of labels, from features that are pooled before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

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
        count, (classes, width) = len(features), self.weight.shape
        blocks = torch.from_numpy(features.reshape(-1, width))
        scores = torch.addmm(torch.from_numpy(self.bias), blocks, torch.from_numpy(self.weight).T)
        mean: Floats = scores.softmax(dim=1).reshape(count, -1, classes).mean(dim=1).numpy()
        return mean
