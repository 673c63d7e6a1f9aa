"""No memory an image: a small network that reads the cached features."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import gelu

from model_backend.errors import LearningError
from model_backend.estimators.base import LIKELY, Estimator
from model_backend.estimators.observations import SparseObservations
from model_backend.estimators.rows import RowTable

START = 0.25  # standard deviation of an unknown cell's first logit
SAMPLE = 10_000  # images that the scale of the features is measured on


class NetworkEstimator(Estimator):
    """logits = W2 gelu(W1 x + b1) + b2 + s on standardised features x, s = 2 or -2 where observed.

    Cole et al. 2021, section 6, name a smaller network in the place of the matrix. Its size does not depend
    on N.

    Args:
        hidden: width of the hidden layer.
    """

    def __init__(
        self,
        observed: SparseObservations,
        features: Tensor | None = None,
        *,
        seed: int = 0,
        device: torch.device | str = "cpu",
        hidden: int = 256,
    ) -> None:
        super().__init__(observed, seed, torch.device(device))
        if features is None:
            raise LearningError("The estimator network reads features.", "Pass the pool's features (N, F).")
        if hidden < 1:
            raise LearningError(f"hidden must be at least 1, not {hidden}.", "Choose 1 or more.")
        self.center, self.scale = (part.to(self.device) for part in center_and_scale(features))
        width = features.shape[1]
        self.inner = RowTable(self._normal(width + 1, hidden, width**-0.5))
        self.outer = RowTable(self._normal(observed.shape[1], hidden + 1, START * hidden**-0.5))

    def logits(self, indices: Tensor, features: Tensor | None = None) -> Tensor:
        """(B, L) from the images' features (B, F)."""
        if features is None or features.shape[1:] != self.center.shape:
            raise LearningError(
                f"The estimator network reads the batch's features (B, {self.center.numel()}).",
                "Call logits(indices, features[indices]).",
            )
        inputs = (features.to(self.center) - self.center) * self.scale
        inner, outer = self.inner.all(), self.outer.all()
        hidden = gelu(torch.addmm(inner[-1], inputs, inner[:-1]))
        return torch.addmm(outer[:, -1], hidden, outer[:, :-1].T) + LIKELY * self.observed.rows(indices)

    def tables(self) -> dict[str, RowTable]:
        """Both layers, their biases as last row and last column."""
        return {"inner": self.inner, "outer": self.outer}

    def tensors(self) -> dict[str, Tensor]:
        """The layers and the scale of the features."""
        return super().tensors() | {"center": self.center, "scale": self.scale}

    def _normal(self, rows: int, columns: int, deviation: float) -> Tensor:
        """Random weights, the biases among them."""
        start = torch.empty(rows, columns).normal_(0, deviation, generator=self._generator())
        return start.to(self.device)


def center_and_scale(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and 1 / standard deviation of each feature, over a regular sample; 0 for one that never varies."""
    stride = max(features.shape[0] // SAMPLE, 1)
    sample = features[::stride].float()
    deviation = sample.std(0, correction=0)
    return sample.mean(0), torch.where(deviation > 1e-8, 1 / deviation, 0.0)
