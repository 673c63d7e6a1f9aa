"""A project of any size in a store, made of few statements that both engines take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Text, case, cast, insert, literal, select
from sqlalchemy.orm import Session

from annotator.labelstudio.config import build_config
from annotator.settings import Settings
from annotator.store import (
    Annotation,
    Image,
    Label,
    LabelVector,
    ModelVersion,
    Observation,
    Project,
    Source,
    Store,
    Suggestion,
    live_labels,
    sync_labels,
)
from annotator.store.types import utc_now
from annotator.store.vectors import PACKED
from benchmarks.load.studio import LABELS, MADE_AT, PROJECT, address
from model_backend.backbones import load_backbone
from model_backend.engine.resources import CACHE_FILE
from model_backend.features import FeatureCache

PIECE = 10_000
BACKBONE = "handcrafted"
ANNOTATORS = 8


@dataclass(frozen=True)
class Size:
    """So many images and observations; written 100000x1000000.

    known: of how many of the labels an answer says something.
    """

    images: int
    observations: int
    labels: int = len(LABELS)
    known: int = len(LABELS)

    @classmethod
    def read(cls, text: str) -> Size:
        """The size that a command line names."""
        images, _, observations = text.partition("x")
        return cls(int(images), int(observations))

    @property
    def names(self) -> tuple[str, ...]:
        """The labels."""
        return tuple(f"label {number:02d}" for number in range(self.labels))

    def __str__(self) -> str:
        return f"{self.images:,} images, {self.observations:,} observations"


def fill(store: Store, size: Size) -> None:
    """A project of this size, its images answered evenly; one label of an answer is a tag."""
    with store.session() as session:
        project = Project(
            title="Load", label_config=build_config(list(size.names)), studio_url="http://studio.test",
            studio_project=PROJECT, studio_created_at=MADE_AT,
        )  # fmt: skip
        session.add(project)
        session.flush()
        sync_labels(session, project, size.names)
        for first in range(1, size.images + 1, PIECE):
            numbers = range(first, min(first + PIECE, size.images + 1))
            session.execute(insert(Image), [_image(project.id, number) for number in numbers])
        _answer(session, project.id, size)
    _analyse(store)


def _image(project_id: int, number: int) -> dict[str, Any]:
    return {
        "project_id": project_id, "studio_task": number, "uri": address(number), "digest": _digest(number),
        "width": 640, "height": 480,
    }  # fmt: skip


def _digest(number: int) -> str:
    return f"{number:064x}"


def _answer(session: Session, project_id: int, size: Size) -> None:
    """Answer every so many-th image."""
    step = max(1, size.images * size.known // size.observations)
    now = literal(utc_now(), Annotation.created_at.type)
    answers = {
        Annotation.project_id: Image.project_id,
        Annotation.image_id: Image.id,
        Annotation.studio_annotation: Image.studio_task,
        Annotation.revision: literal(1),
        Annotation.result: literal([], Annotation.result.type),
        Annotation.skipped: literal(value=False),
        Annotation.annotator: cast(Image.studio_task % ANNOTATORS, Text),
        Annotation.created_at: now,
        Annotation.updated_at: now,
        Annotation.unmatched: literal([], Annotation.unmatched.type),
        Annotation.ground_truth: literal(value=False),
        Annotation.imported: literal(value=False),
    }
    answered = Image.project_id == project_id, Image.studio_task % step == 0
    session.execute(
        insert(Annotation).from_select(
            list(answers), select(*answers.values()).where(*answered), include_defaults=False
        )
    )
    shown = (Image.studio_task * 7 + Label.position * 3) % 5 == 0  # as in `truth`
    tagged = Image.studio_task % size.labels == Label.position
    told = (Label.position - Image.studio_task % size.labels + size.labels) % size.labels < size.known
    said = {
        Observation.annotation_id: Annotation.id,
        Observation.image_id: Annotation.image_id,
        Observation.label_id: Label.id,
        Observation.value: case((shown, 1), else_=-1),
        Observation.source: case((tagged, Source.TAG.value), else_=Source.COMPLETE.value),
        Observation.annotator: Annotation.annotator,
        Observation.created_at: Annotation.created_at,
        Observation.ground_truth: literal(value=False),
    }
    cells = (
        select(*said.values())
        .join(Image, Image.id == Annotation.image_id)
        .join(Label, Label.project_id == Annotation.project_id)
        .where(Annotation.project_id == project_id, told)
    )
    session.execute(insert(Observation).from_select(list(said), cells, include_defaults=False))


def truth(numbers: range) -> NDArray[np.bool_]:
    """Which labels the images of these tasks show (n, L)."""
    tasks, labels = np.arange(numbers.start, numbers.stop), np.arange(len(LABELS))
    shown: NDArray[np.bool_] = (tasks[:, None] * 7 + labels * 3) % 5 == 0
    return shown


def add_version(store: Store, size: Size, number: int = 1) -> None:
    """An active version with a label vector and a suggestion for every image."""
    random, name = np.random.default_rng(number - 1), f"v{number:04d}"
    with store.session() as session:
        project = session.query(Project).one()
        labels = [label.id for label in live_labels(session, project.id)]
        version = ModelVersion(
            project_id=project.id, name=name, labels=list(size.names), label_ids=labels, folder=name,
            backbone="none", thresholds=[0.8] * len(labels),
        )  # fmt: skip
        session.add(version)
        session.flush()
        project.active_version_id = version.id
        images = session.scalars(select(Image.id).order_by(Image.id)).all()
        for first in range(0, size.images, PIECE):
            piece = images[first : first + PIECE]
            vectors = random.beta(0.3, 3, size=(len(piece), len(labels))).astype(PACKED)
            session.execute(
                insert(LabelVector),
                [
                    {"version_id": version.id, "image_id": image, "probabilities": vector.tobytes()}
                    for image, vector in zip(piece, vectors, strict=True)
                ],
            )
            session.execute(
                insert(Suggestion),
                [
                    {
                        "version_id": version.id, "image_id": image, "score": image / size.images,
                        "labels": [size.names[image % size.labels]], "cluster": image % 8,
                    }
                    for image in piece
                ],
            )  # fmt: skip
    _analyse(store)


def add_features(settings: Settings, images: int) -> None:
    """Features of all images in the cache, from which what they show can be learned."""
    backbone = load_backbone(BACKBONE)
    cache = FeatureCache(settings.data_dir / CACHE_FILE)
    random = np.random.default_rng(0)
    mixing = random.normal(size=(len(LABELS), backbone.feature_dim)).astype(np.float32)
    for first in range(1, images + 1, PIECE):
        numbers = range(first, min(first + PIECE, images + 1))
        noise = random.normal(size=(len(numbers), backbone.feature_dim)).astype(np.float32)
        features = truth(numbers) @ mixing + 3 * noise
        cache.put(
            [_digest(each) for each in numbers], backbone.fingerprint, features, [(640, 480)] * len(numbers)
        )


def _analyse(store: Store) -> None:
    """Let PostgreSQL look at what has come at once, as its own minder does within a minute."""
    if store.file is None:
        with store.session() as session:
            session.connection().exec_driver_sql("ANALYZE")
