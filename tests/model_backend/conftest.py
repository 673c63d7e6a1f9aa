"""A project to train on: small pictures whose colours are their labels, and a Label Studio that remembers."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Picture
from pydantic import SecretStr

from annotator.errors import OnetagError
from annotator.labelstudio.config import build_config
from annotator.labelstudio.errors import ImageUnavailable, LabelStudioUnreachable
from annotator.settings import Settings, load_settings
from annotator.store import (
    Image,
    Observed,
    Project,
    Source,
    Store,
    Submission,
    record_annotation,
    sync_labels,
)
from model_backend.backbones.base import Backbone
from model_backend.engine.resources import LearningResources

STUDIO_URL = "http://studio.test"
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220)}
LABELS = tuple(COLOURS)


@pytest.fixture
def engine_settings(tmp_path: Path) -> Settings:
    """Settings of an installation in a folder of its own; whatever the environment says."""
    return load_settings(
        data_dir=tmp_path,
        secret=SecretStr("a shared secret"),
        label_studio_url=STUDIO_URL,
        backbone="handcrafted",
        device="cpu",
        retrain_after=5,
        retrain_idle=30,
        window=20,
        clusters=2,
    )


def picture(number: int) -> bytes:
    """A PNG of two patches; which colours they have follows from the number, as `truth` says."""
    random = np.random.default_rng(number)
    pixels = random.integers(90, 120, (48, 48, 3), dtype=np.uint8)
    for patch, name in enumerate(truth(number)):
        pixels[:, 24 * patch : 24 * patch + 20] = COLOURS[name]
    stream = io.BytesIO()
    Picture.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def truth(number: int) -> list[str]:
    """The labels of a picture: two of the three."""
    return [name for index, name in enumerate(LABELS) if index != number % 3]


def read_picture(uri: str) -> bytes:
    """Stands for the image source: `/data/12.png` is picture 12; `/data/bad-...` is no picture."""
    name = uri.rpartition("/")[2].partition(".")[0]
    if name.startswith("gone"):
        raise ImageUnavailable(f"{uri} does not exist.", "Put it back.")
    if name.startswith("down"):
        raise LabelStudioUnreachable("Label Studio does not answer.", "Start it.")
    return picture(int(name)) if name.isdigit() else b"not a picture"


@pytest.fixture
def new_project() -> Callable[..., Project]:
    """A function that makes project `number` of Label Studio with tasks 1 to `images`."""

    def make(store: Store, images: int = 24, number: int = 7, labels: Sequence[str] = LABELS) -> Project:
        with store.session() as session:
            config = build_config(labels)
            made = Project(studio_url=STUDIO_URL, studio_project=number, title="Patches", label_config=config)
            session.add(made)
            session.flush()
            sync_labels(session, made, labels)
            session.add_all(
                Image(project_id=made.id, studio_task=100 * number + task, uri=f"/data/{task}.png")
                for task in range(1, images + 1)
            )
        return made

    return make


@pytest.fixture
def tag() -> Callable[..., None]:
    """A function that tags the first true label of some images of a project, as an annotator would."""

    def tag_images(store: Store, project: Project, numbers: Collection[int]) -> None:
        with store.session() as session:
            for number in numbers:
                uri = f"/data/{number}.png"
                image = session.query(Image).filter_by(project_id=project.id, uri=uri).one()
                record_annotation(
                    session,
                    session.get_one(Project, project.id),
                    image,
                    Submission(
                        studio_annotation=10_000 * project.id + number,
                        result=[],
                        skipped=False,
                        annotator="ann",
                        lead_time=1.0,
                        suggested_version=None,
                        suggested=None,
                        observed=[Observed(truth(number)[0], 1, Source.TAG)],
                        at=datetime.now(UTC),
                    ),
                )

    return tag_images


@dataclass
class RememberingStudio:
    """Label Studio as publishing sees it: predictions as they came, and the version of the queue."""

    url: str = STUDIO_URL
    predictions: list[dict[str, Any]] = field(default_factory=list)
    queue: str | None = None
    label_config: str = "<View/>"  # of the project
    titles: dict[str, str] = field(default_factory=dict)  # of the ML backends, by address
    calls: list[str] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)
    failure: OnetagError | None = None

    def whoami(self) -> dict[str, Any]:
        self._call("whoami")
        return {"email": "onetag@localhost.local"}

    def push_predictions(self, project: int, items: Sequence[dict[str, Any]]) -> int:
        self._call("push")
        self.predictions += items
        return len(items)

    def clear_version(self, project: int, version: str) -> int:
        self._call("clear")
        kept = [each for each in self.predictions if each["model_version"] != version]
        gone, self.predictions = len(self.predictions) - len(kept), kept
        return gone

    def clear_superseded(
        self, project: int, current: str, ours: Collection[str], *, older_than: timedelta
    ) -> list[str]:
        self._call("clear superseded")
        old = sorted({each["model_version"] for each in self.predictions} & set(ours) - {current})
        for name in old:
            self.clear_version(project, name)
        return old

    def project(self, project: int) -> dict[str, Any]:
        self._call("project")
        return {"id": project, "label_config": self.label_config, "expert_instruction": ""}

    def update_project(self, project: int, **fields: Any) -> dict[str, Any]:
        self._call("update project")
        self.label_config = fields.get("label_config", self.label_config)
        return self.project(project)

    def queue_version(self, project: int) -> str | None:
        return self.queue

    def set_queue(self, project: int, version: str) -> None:
        self._call("set queue")
        assert any(each["model_version"] == version for each in self.predictions), (
            "refused: no such predictions"
        )
        self.queue = version

    def backends(self, project: int) -> list[dict[str, Any]]:
        return [{"url": url, "title": title} for url, title in self.titles.items()]

    def upsert_backend(self, project: int, url: str, title: str, secret: SecretStr) -> int:
        self._call("title")
        self.titles[url] = title
        return 1

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.failing:
            raise self.failure or OnetagError(f"Label Studio is down ({name}).", "Start it.")


@pytest.fixture
def pretend_studio() -> RememberingStudio:
    """A Label Studio that remembers what it was sent, and fails at the calls named in `failing`."""
    return RememberingStudio()


class Colours(Backbone):
    """A backbone that sees how red, green and blue the two halves of a picture are."""

    name = "colours"
    fingerprint = "colours-1"
    blocks = (6,)

    def prepare(self, image: Picture.Image) -> Any:
        return np.asarray(image, dtype=np.float32) / 255

    def compute(self, prepared: Sequence[Any]) -> Any:
        halves = [[pixels[:, :24].mean((0, 1)), pixels[:, 24:].mean((0, 1))] for pixels in prepared]
        return np.array(halves, dtype=np.float32).reshape(len(prepared), 6)


@pytest.fixture
def resources(engine_settings: Settings) -> LearningResources:
    """A resources that reads the pictures and sees their colours."""
    return LearningResources(engine_settings, read_picture, Colours())


@pytest.fixture
def paint() -> Callable[[int], bytes]:
    """The function that paints picture `number`."""
    return picture


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request: pytest.FixtureRequest) -> str:
    """Each device that this machine has."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA GPU here")
    return str(request.param)
