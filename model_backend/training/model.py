"""A trained version: from features to a probability for every label; loads again to the bit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from model_backend.errors import Damaged, LearningError
from model_backend.features.mapping import FeatureMap
from model_backend.training.calibration import calibrated
from model_backend.training.pool import Floats, as_features
from model_backend.training.recipe import Recipe

FORMAT = 1  # its files call a head "part": another word there would be another format
WEIGHTS_FILE = "model.safetensors"
SETTINGS_FILE = "model.json"
ROWS = 4096  # images scored at once
Link = Literal["sigmoid", "softmax", "shared"]
BELIEVED = 0.25  # the power of how many labels an image shows by a `shared` head


@dataclass(frozen=True, eq=False)
class Head:
    """One head on mapped features: its layers, (weight, bias) each with ReLU between, and its link.

    sigmoid: one probability a label. softmax: the chance that a label is the one tagged, times `positives`
    (expected labels an image), at most 1. shared: the sigmoids over their sum are that chance, and the sum
    tells how many labels are shown: times `positives` and a power of the sum over `positives`, at most 1.
    share: the head's weight in the mean over all heads.
    """

    layers: tuple[tuple[Tensor, Tensor], ...]
    link: Link = "sigmoid"
    share: float = 1.0
    positives: float = 1.0

    def __call__(self, mapped: Tensor) -> Tensor:
        """Probabilities (M, L) of mapped features (M, D)."""
        scores = self.scores(mapped)
        if self.link == "softmax":
            return (self.positives * scores.softmax(dim=1)).clamp(max=1.0)
        if self.link == "shared":
            present = scores.sigmoid()
            ratio = self.positives / present.sum(dim=1, keepdim=True).clamp(min=1e-6)
            return (present * ratio ** (1 - BELIEVED)).clamp(max=1.0)
        return scores.sigmoid()

    def scores(self, mapped: Tensor) -> Tensor:
        """Logits (M, L), before the link."""
        *before, (weight, bias) = self.layers
        for hidden_weight, hidden_bias in before:
            mapped = torch.addmm(hidden_bias, mapped, hidden_weight).relu()
        return torch.addmm(bias, mapped, weight)


@dataclass(frozen=True, eq=False)
class MappedPool:
    """The mapped features of the pool a version was fitted on; the next training uses them again.

    digests: `Pool.digests()`; mapped (N, D); fitted: rows of the pool that the map itself was fitted on.
    """

    digests: list[bytes]
    mapped: Tensor
    fitted: int


@dataclass(frozen=True, eq=False)
class LabelModel:
    """All that is needed to predict the label vector of any image.

    blocks: widths of the feature blocks it expects; scale, offset (L,): the calibration, applied to the logit
    of the heads' mean; thresholds (L,): a probability from which a label is worth suggesting.
    """

    recipe: Recipe
    blocks: tuple[int, ...]
    feature_map: FeatureMap
    heads: tuple[Head, ...]
    expected_positives: float
    thresholds: NDArray[np.float32]
    scale: Tensor
    offset: Tensor
    pool: MappedPool | None = field(default=None, repr=False)

    @property
    def labels(self) -> int:
        """L, the number of labels in a vector."""
        return len(self.thresholds)

    def predict(self, features: Floats) -> Floats:
        """Label vectors (M, L) float32 in 0..1 of raw features (M, F) of its backbone.

        Raises LearningError for features of another width, and for numbers that are not finite.

        >>> from model_backend.training import Pool, fit
        >>> features = np.eye(4, dtype=np.float32)
        >>> model = fit(Pool(features, (), np.eye(4, 3, dtype=np.int8))).model
        >>> model.predict(features[:2]).argmax(axis=1).tolist()
        [0, 1]
        """
        features = as_features(features)
        if features.shape[1] != sum(self.blocks):
            raise LearningError(
                f"This version was trained on {sum(self.blocks)} features an image, not {features.shape[1]}: "
                "the backbone has changed.",
                "Train again with the present one.",
            )
        chunks = (features[start : start + ROWS] for start in range(0, len(features), ROWS))
        return np.concatenate([self.predict_mapped(self._map(chunk)) for chunk in chunks])

    def predict_mapped(self, mapped: Tensor) -> Floats:
        """The same for features (M, D) that went through `feature_map` already."""
        return calibrated(self.raw(mapped), self.scale, self.offset).numpy()

    def raw(self, mapped: Tensor) -> Tensor:
        """The heads' weighted mean (M, L), before calibration."""
        total = sum(head.share for head in self.heads)
        return torch.stack([head.share / total * head(mapped) for head in self.heads]).sum(dim=0)

    def calibrated(self, scale: Tensor, offset: Tensor) -> LabelModel:
        """The same model with another calibration (L,), (L,)."""
        return replace(self, scale=scale, offset=offset)

    def with_thresholds(self, thresholds: NDArray[np.floating]) -> LabelModel:
        """The same model with other suggestion thresholds (L,)."""
        return replace(self, thresholds=np.asarray(thresholds, dtype=np.float32))

    def _map(self, features: Floats) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(self.feature_map.transform(features), dtype=np.float32))

    def save(self, folder: Path) -> None:
        """Write weights (safetensors) and settings (JSON, last, so that half a version never loads).

        >>> from tempfile import TemporaryDirectory
        >>> from model_backend.training import Pool, fit
        >>> features = np.eye(4, dtype=np.float32)
        >>> model = fit(Pool(features, (), np.eye(4, 3, dtype=np.int8))).model
        >>> with TemporaryDirectory() as folder:
        ...     model.save(Path(folder))
        ...     sorted(file.name for file in Path(folder).iterdir())
        ['model.json', 'model.safetensors']
        """
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"map.{name}": _tensor(value) for name, value in self.feature_map.tensors().items()}
        for index, head in enumerate(self.heads):
            for depth, (weight, bias) in enumerate(head.layers):
                name = f"part.{index}.{depth}"
                tensors |= {f"{name}.weight": weight, f"{name}.bias": bias}
        tensors |= {
            "thresholds": torch.from_numpy(self.thresholds),
            "scale": self.scale,
            "offset": self.offset,
        }
        if self.pool is not None:
            codes = np.frombuffer(b"".join(self.pool.digests), dtype=np.int64)
            tensors |= {"pool.mapped": self.pool.mapped, "pool.digests": torch.from_numpy(codes.copy())}
        save_file(
            {name: value.contiguous().clone() for name, value in tensors.items()}, folder / WEIGHTS_FILE
        )
        (folder / SETTINGS_FILE).write_text(json.dumps(self._settings(), indent=2), encoding="utf-8")

    def _settings(self) -> dict[str, Any]:
        heads = [{"link": h.link, "share": h.share, "positives": h.positives} for h in self.heads]
        return {
            "format": FORMAT,
            "recipe": self.recipe.to_dict(),
            "blocks": list(self.blocks),
            "expected_positives": self.expected_positives,
            "parts": heads,
            "fitted": self.pool.fitted if self.pool is not None else None,
        }

    @classmethod
    def load(cls, folder: Path) -> LabelModel:
        """The model that `save` wrote. Raises Damaged for a folder that holds none that can predict.

        >>> from tempfile import TemporaryDirectory
        >>> from model_backend.training import Pool, fit
        >>> features = np.eye(4, dtype=np.float32)
        >>> model = fit(Pool(features, (), np.eye(4, 3, dtype=np.int8))).model
        >>> with TemporaryDirectory() as folder:
        ...     model.save(Path(folder))
        ...     loaded = LabelModel.load(Path(folder))
        >>> bool((loaded.predict(features) == model.predict(features)).all())
        True
        """
        try:
            settings = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
            found = settings["format"]
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise _incomplete(folder, error) from error
        if found != FORMAT:
            raise LearningError(
                f"{folder} is of format {found}, this program reads {FORMAT}.",
                "Update the program, or train a new version.",
            )
        try:
            model = cls._of(settings, load_file(folder / WEIGHTS_FILE))
            _require_sound(model)
        except Exception as error:  # files that are not as they were written raise nearly anything
            raise _incomplete(folder, error) from error
        return model

    @classmethod
    def _of(cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> LabelModel:
        return cls(
            recipe=Recipe.from_dict(settings["recipe"]),
            blocks=tuple(settings["blocks"]),
            feature_map=FeatureMap.from_tensors(_under("map.", tensors)),
            heads=tuple(_head(index, item, tensors) for index, item in enumerate(settings["parts"])),
            expected_positives=settings["expected_positives"],
            thresholds=tensors["thresholds"].numpy(),
            scale=tensors["scale"],
            offset=tensors["offset"],
            pool=_pool(tensors, settings["fitted"]),
        )


def _require_sound(model: LabelModel) -> None:
    """Raises nearly anything unless the parts fit together."""
    given = model.predict(np.zeros((1, sum(model.blocks)), dtype=np.float32))
    if given.shape != (1, model.labels) or not np.isfinite(given).all():
        raise LearningError("it predicts no probabilities")
    if model.pool is not None and len(model.pool.digests) != len(model.pool.mapped):
        raise LearningError("its pool is not whole")


def _incomplete(folder: Path, error: Exception) -> Damaged:
    reason = str(error) if isinstance(error, OSError | LearningError) else repr(error)
    return Damaged(f"{folder} holds no complete model ({reason}).", "Train a new version.")


def _tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else torch.from_numpy(np.asarray(value))


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _head(index: int, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Head:
    layers: list[tuple[Tensor, Tensor]] = []
    while f"part.{index}.{len(layers)}.weight" in tensors:
        name = f"part.{index}.{len(layers)}"
        layers.append((tensors[f"{name}.weight"], tensors[f"{name}.bias"]))
    return Head(tuple(layers), **settings)


def _pool(tensors: Mapping[str, Tensor], fitted: int | None) -> MappedPool | None:
    if fitted is None:
        return None
    codes = tensors["pool.digests"].numpy().tobytes()
    digests = [codes[start : start + 8] for start in range(0, len(codes), 8)]
    return MappedPool(digests, tensors["pool.mapped"], fitted)
