"""The backbones in use: the settings' one, and those that were tuned from it."""

from __future__ import annotations

import threading
from collections import OrderedDict

from annotator.settings import Settings
from annotator.store import ModelVersion
from model_backend.backbones import Backbone, backbone_name, load_backbone
from model_backend.backbones.lite0 import LITE0
from model_backend.backbones.registry import AUTO
from model_backend.backbones.tuned import fingerprint_start, is_tuned, network_of, weights_file
from model_backend.errors import Damaged, LearningError

BACKBONES_FOLDER = "backbones"  # of the tuned ones, below the data folder
KEPT = 2  # loaded at once: the settings' one and one that was tuned from it


class Backbones:
    """Loads a backbone when it is asked for, and keeps the last few. Threads may share it.

    given: unless None, what stands for the settings' backbone.
    """

    def __init__(self, settings: Settings, given: Backbone | None = None) -> None:
        self._settings = settings
        self._given = given
        self._network = None if given is None else given.name
        self._lock = threading.Lock()
        self._loaded: OrderedDict[str, Backbone] = OrderedDict()

    @property
    def network(self) -> str:
        """The name of the settings' backbone, which may be tuned. Nothing is loaded."""
        with self._lock:
            if self._network is None:
                self._network = backbone_name(self._settings.backbone, self._settings.input_size)
            return self._network

    @property
    def chosen(self) -> Backbone:
        """The settings' backbone. Raises LearningError when its weights cannot be had."""
        return self._given if self._given is not None else self.named(self.network)

    def keeps(self, version: ModelVersion) -> bool:
        """Whether the version's network is still the one to use: `auto` stays with what a project has."""
        automatic = self._given is None and self._settings.backbone == AUTO
        return automatic or network_of(version.backbone) == self.network

    def of(self, version: ModelVersion) -> Backbone:
        """The version's own backbone: the settings' one, or one that was tuned from it.

        Raises LearningError when it is another one, or when its weights are gone.
        """
        if not self.keeps(version):
            raise LearningError(
                f"Version {version.name} was trained on {version.backbone}, now {self.network} is chosen.",
                f"Train again, or choose --backbone {network_of(version.backbone)}.",
            )
        return self.chosen if version.backbone == self.network else self.named(version.backbone)

    def published(self, version: ModelVersion) -> Backbone:
        """The network behind the version's backbone, with its published weights. Raises as `of`."""
        network = network_of(version.backbone)
        return self.chosen if network == self.network else self.named(network)

    def named(self, name: str) -> Backbone:
        """A backbone by its name, or a tuned one. Raises LearningError when it cannot be had."""
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self._load(name)
                while len(self._loaded) > KEPT:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(name)
            return self._loaded[name]

    def _load(self, name: str) -> Backbone:
        settings = self._settings
        if name == self._network:
            return load_backbone(
                settings.backbone,
                weights=settings.weights,
                input_size=settings.input_size,
                device=settings.device,
            )
        if not is_tuned(name):
            return _of_project(name, settings)
        file = weights_file(settings.data_dir / BACKBONES_FOLDER, name)
        if not file.is_file():
            raise _unusable(name, f"are gone: there is no {file}")
        try:
            backbone = load_backbone(network_of(name), weights=file, device=settings.device)
        except LearningError as error:
            raise _unusable(name, f"are damaged ({error.problem})") from None
        if not backbone.fingerprint.startswith(fingerprint_start(name)):
            raise _unusable(name, f"are damaged: {file} is not as it was written")
        backbone.name = name
        return backbone


def _unusable(name: str, reason: str) -> Damaged:
    return Damaged(
        f"The weights of {name} {reason}.",
        "Put the file back, or train again with --end-to-end for new ones or with --frozen for the "
        "published ones.",
    )


def _of_project(name: str, settings: Settings) -> Backbone:
    """A backbone that a project was trained with, while the settings name none."""
    try:
        return load_backbone(name, device=settings.device)
    except LearningError as error:
        raise LearningError(
            f"The backbone {name}, with which the project was trained, cannot be had: {error.problem}",
            f"{error.fix} Or train the project on another: `onetag train --backbone {LITE0}`.",
        ) from None
