"""What learning needs at hand, loaded once a process and only when something is learned or predicted."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from annotator.errors import OnetagError
from annotator.labelstudio.client import Studio
from annotator.labelstudio.connection import open_studio
from annotator.labelstudio.errors import ImageUnavailable
from annotator.labelstudio.images import ImageSource
from annotator.private import FOLDER
from annotator.settings import Settings
from annotator.store import ModelVersion
from model_backend.acquisition import clusters, find_acquisition
from model_backend.backbones import Backbone, Network
from model_backend.engine.backbones import Backbones
from model_backend.engine.checksums import damaged_file
from model_backend.engine.runs import Stopped
from model_backend.engine.wanted import TooLate
from model_backend.errors import Damaged
from model_backend.features import Extracted, FeatureCache, extract
from model_backend.features.pixels import Pixels, on_disk
from model_backend.images import DecodingRoom
from model_backend.training import LabelModel

CACHE_FILE = "features.sqlite"
KEPT_MODELS = 2
KEPT_POOL_BYTES = 512 * 2**20


class LearningResources:
    """The backbones, the feature cache, and the models and pool features used last. Threads may share it.

    read: the bytes of an image's address (`ImageSource.read`). backbone: unless given, the settings' one.
    stamp: what changes when the file of an address does (`ImageSource.stamp`); unless given, none is known.
    stop: once it is set, no further image is read. room: the memory that it decodes in; unless
    given, its own.
    """

    def __init__(
        self,
        settings: Settings,
        read: Callable[[str], bytes],
        backbone: Backbone | None = None,
        stamp: Callable[[str], str | None] | None = None,
        stop: threading.Event | None = None,
        room: DecodingRoom | None = None,
    ) -> None:
        self.settings = settings
        self.stamp = stamp
        self._stop = stop or threading.Event()
        self._read = read
        self._room = room or DecodingRoom(settings.decoding_bytes)
        self._lock = threading.Lock()
        self.backbones = Backbones(settings, backbone)
        self._cache: FeatureCache | None = None
        self._models: OrderedDict[int, LabelModel] = OrderedDict()
        self._pool: tuple[tuple[str, ...], NDArray[np.float32]] | None = None
        self._clusters: tuple[NDArray[np.float32], NDArray[np.int64]] | None = None

    def warm(self) -> None:
        """Load what the first training would otherwise wait for. Raises LearningError as `backbone` does."""
        _ = self.backbone

    def extract(
        self,
        uris: Sequence[str],
        backbone: Backbone,
        progress: Callable[[float], None] | None = None,
        *,
        before: float = float("inf"),
    ) -> Extracted:
        """Features of the images at these addresses; one that cannot be had is a problem of its own.

        before: the `time.monotonic()` from which on no further image is read. Raises TooLate when it came to
        that, Stopped once `stop` is set, OnetagError when Label Studio as a whole cannot be read, and
        LearningError for backbone or disk.
        """
        fatal: list[Exception] = []
        items = ((uri, partial(self._read_unless, fatal, before, uri)) for uri in uris)
        pixels = self.settings.max_image_pixels
        found = extract(items, backbone, self.cache, progress, max_pixels=pixels, room=self._room)
        if fatal:
            raise fatal[0]
        return found

    @contextmanager
    def pixels(
        self, uris: Mapping[int, str], network: Network, progress: Callable[[float], None]
    ) -> Iterator[Pixels]:
        """The images at these addresses as the network sees them, in a file that is gone afterwards.

        Raises OnetagError when Label Studio as a whole cannot be read, LearningError when the disk is full.
        """
        fatal: list[Exception] = []
        items = {item: partial(self._read_unless, fatal, float("inf"), uri) for item, uri in uris.items()}
        self.settings.data_dir.mkdir(parents=True, exist_ok=True, mode=FOLDER)
        folder, most = self.settings.data_dir, self.settings.max_image_pixels
        prepared = on_disk(items, network.transform, folder, progress, max_pixels=most, room=self._room)
        with prepared as found:
            if fatal:
                raise fatal[0]
            yield found

    def _read_unless(self, fatal: list[Exception], before: float, uri: str) -> bytes:
        """Read an image; what concerns all images is noted, and ends the reading of the others."""
        if not fatal and self._stop.is_set():
            fatal.append(Stopped())
        if not fatal and time.monotonic() >= before:
            fatal.append(TooLate("The time for an answer is over."))
        if fatal:
            raise fatal[0]
        try:
            return self._read(uri)
        except ImageUnavailable:
            raise
        except OnetagError as error:
            fatal.append(error)
            raise

    @property
    def backbone(self) -> Backbone:
        """The feature extractor of the settings. Raises LearningError when its weights cannot be had."""
        return self.backbones.chosen

    @property
    def cache(self) -> FeatureCache:
        """The features on disk, shared by all processes."""
        with self._lock:
            if self._cache is None:
                self.settings.data_dir.mkdir(parents=True, exist_ok=True, mode=FOLDER)
                self._cache = FeatureCache(self.settings.data_dir / CACHE_FILE)
            return self._cache

    def known_features(
        self, digests: Sequence[str], backbone: Backbone
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Which images are in the cache (N,), and the features (N, F) of those that are, in order.

        The answer to the last question is kept: the pool of a project rarely changes between trainings.
        """
        key = (backbone.fingerprint, *digests)
        if self._pool is not None and self._pool[0] == key:
            return np.ones(len(digests), dtype=bool), self._pool[1]
        mask, features = self.cache.get(digests, backbone.fingerprint)
        if mask.all() and 0 < features.nbytes <= KEPT_POOL_BYTES:
            self._pool = (key, features)
        return mask, features

    @property
    def groups(self) -> int:
        """How many clusters take turns: one, where the acquisition spreads its order itself."""
        return 1 if find_acquisition(self.settings.acquisition).spread else self.settings.clusters

    def clusters(self, features: NDArray[np.float32]) -> NDArray[np.int64]:
        """Which of the `groups` each image (N,) is in; computed again only for another pool."""
        if self._clusters is None or self._clusters[0] is not features:
            self._clusters = (features, clusters(features, self.groups, self.settings.seed))
        return self._clusters[1]

    def model(self, version: ModelVersion) -> LabelModel:
        """The version's model. Raises Damaged when its folder is gone or not as it was written."""
        with self._lock:
            if version.id not in self._models:
                self._put(version.id, load_model(self.settings.data_dir, version))
            self._models.move_to_end(version.id)
            return self._models[version.id]

    def keep(self, version_id: int, model: LabelModel) -> None:
        """Remember a model that was just trained, so that the next training need not load it."""
        with self._lock:
            self._put(version_id, model)

    def _put(self, version_id: int, model: LabelModel) -> None:
        self._models[version_id] = model
        while len(self._models) > KEPT_MODELS:
            self._models.popitem(last=False)


def load_model(data_dir: Path, version: ModelVersion) -> LabelModel:
    """The version's model, from its folder. Raises Damaged when that is gone or not as it was written."""
    folder = data_dir / Path(version.folder)
    if damaged := damaged_file(folder):
        raise Damaged(
            f"Version {version.name} is damaged: {folder / damaged} is not as it was written.",
            "Train a new version.",
        )
    return LabelModel.load(folder)


def open_resources(
    settings: Settings,
    studio: Studio | None = None,
    stop: threading.Event | None = None,
    room: DecodingRoom | None = None,
) -> LearningResources:
    """Resources that read images as the settings allow, through `studio` or the settings' own client.

    Nothing is loaded yet. stop, room: see `LearningResources`.
    """
    source = ImageSource(studio or open_studio(settings), settings)
    return LearningResources(settings, source.read, stamp=source.stamp, stop=stop, room=room)
