"""A small project with everything that is hard to export, and what every format has to say of it."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.exchange import EXPORTS, ExportChoices, ExportReport, export_project
from annotator.exchange.pictures import pictures_without_network
from annotator.labelstudio.config import build_config
from annotator.settings import Settings
from annotator.store import (
    Image,
    ModelVersion,
    Observed,
    Project,
    Source,
    Store,
    Submission,
    live_labels,
    record_annotation,
    store_vectors,
    sync_images,
    sync_labels,
)
from annotator.store.types import utc_now

CAT, FORMULA, JAPAN, YOUNG = LABELS = ("cat, tame", '=cmd|"x"!A1', "naïve 日本", "young")
THRESHOLDS = [
    0.8,
    0.6,
    1.01,
]  # of the first three: the version does not know the last, the third is not earned


@dataclass(frozen=True)
class Expected:
    """What a row of every format says; None where there is nothing to say."""

    image: str
    address: str
    task: int | None
    version: str | None
    observed: tuple[int, ...]
    probabilities: tuple[float | None, ...]
    decisions: tuple[int, ...]
    picture: bool

    @property
    def human(self) -> list[bool]:
        return [value != 0 for value in self.observed]

    @property
    def hard(self) -> list[float | None]:
        return [None if each == 0 else float(each > 0) for each in self.decisions]

    @property
    def said(self) -> list[float | None]:
        return [None if each == 0 else float(each > 0) for each in self.observed]


@dataclass(frozen=True)
class Pets:
    """The project in a store, with its pictures on disk."""

    store: Store
    project_id: int
    rows: list[Expected]
    labels: tuple[str, ...]
    root: Path

    def export(self, name: str, output: Path, **choices: Any) -> ExportReport:
        """Export it in one format."""
        settings = Settings(local_files_root=self.root)
        with self.store.reading() as session:
            project = session.get_one(Project, self.project_id)
            return export_project(
                session,
                project,
                EXPORTS[name],
                output,
                ExportChoices(**choices),
                read_picture=pictures_without_network(settings),
            )


def picture_bytes(color: int, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Picture.new("RGB", (8, 6), (color, 100, 200)).save(stream, kind)
    return stream.getvalue()


INLINE = "data:image/png;base64," + base64.b64encode(picture_bytes(4)).decode()
LOCAL = "/data/local-files/?d=photos/"


def expected_rows() -> list[Expected]:
    """Said by nobody and guessed; said and guessed; a tie; a picture that is gone; in the task; too new."""
    digest = "data:image/png;sha256="
    return [
        Expected(
            "a.png", f"{LOCAL}a.png", 101, "v0001",
            (0, 0, 0, 0), (0.875, 0.5, 0.25, None), (1, 0, 0, 0), True,
        ),
        Expected(
            "=cats/b c.jfif", f"{LOCAL}%3Dcats/b%20c.jfif", 102, "v0001",
            (-1, 0, 1, 0), (0, 0.375, 1, None), (-1, -1, 1, 0), True,
        ),
        Expected(
            "d.png", f"{LOCAL}d.png", 103, "v0001",
            (0, 0, 0, 1), (0.125, 0.625, 0.9999, 1), (-1, 1, 0, 1), True,
        ),
        Expected(
            "gone.png", f"{LOCAL}gone.png", 104, "v0001",
            (0, 0, 0, 0), (0.5, 0.5, 0.0001, None), (0, 0, 0, 0), False,
        ),
        Expected(digest, digest, 105, "v0001", (1, 0, 0, 0), (1, 0.25, 0.5, None), (1, -1, 0, 0), True),
        Expected(
            "new.png", f"{LOCAL}new.png", 106, None,
            (0, -1, 0, 0), (None, 0, None, None), (0, -1, 0, 0), True,
        ),
    ]  # fmt: skip


GUESSES = [
    [0.875, 0.5, 0.25],
    [0.99, 0.375, 0.25],
    [0.125, 0.625, 1],
    [0.5, 0.5, 0],
    [0.2, 0.25, 0.5],
]


@pytest.fixture
def pets(sqlite_store: Store, tmp_path: Path) -> Pets:
    """The project; its pictures lie below `tmp_path/root/photos`."""
    return make_pets(sqlite_store, tmp_path)


def make_pets(store: Store, folder: Path) -> Pets:
    photos = folder / "root" / "photos"
    (photos / "=cats").mkdir(parents=True)
    (photos / "a.png").write_bytes(picture_bytes(1))
    (photos / "=cats" / "b c.jfif").write_bytes(picture_bytes(2, "JPEG"))
    (photos / "d.png").write_bytes(picture_bytes(3))
    (photos / "new.png").write_bytes(picture_bytes(5))
    rows = expected_rows()
    with store.session() as session:
        project = Project(
            title="Pets", label_config=build_config(LABELS), studio_project=7, studio_url="http://x"
        )
        session.add(project)
        session.flush()
        sync_labels(session, project, LABELS[:3])
        uris = {int(row.task or 0): row.address for row in rows}
        sync_images(session, project.id, uris | {105: INLINE, 106: rows[5].address})
        learn(session, project)
        sync_labels(session, project, LABELS)
        say(session, project, 102, ann={JAPAN: 1, CAT: -1})
        say(session, project, 103, ann={CAT: 1, YOUNG: 1}, bob={CAT: -1})
        say(session, project, 105, bob={CAT: 1})
        say(session, project, 106, bob={FORMULA: -1})
    return Pets(store, project.id, rows, LABELS, folder / "root")


def learn(session: Session, project: Project) -> None:
    """A version that guesses the first five images."""
    labels = live_labels(session, project.id)
    version = ModelVersion(
        project_id=project.id,
        name="v0001",
        labels=[label.name for label in labels],
        label_ids=[label.id for label in labels],
        thresholds=THRESHOLDS,
        folder="v0001",
        backbone="handcrafted",
        metrics={
            "expected_positives": 1.5,
            "expected_positives_source": "tags",
            "answers": 40,
            "suggestions_right": 0.825,
        },
    )
    session.add(version)
    session.flush()
    first = select(Image.id).where(Image.project_id == project.id).order_by(Image.id).limit(len(GUESSES))
    store_vectors(session, version.id, list(session.scalars(first)), np.array(GUESSES))
    project.active_version_id = version.id


def say(session: Session, project: Project, task: int, **said: dict[str, int]) -> None:
    """What each annotator says of one image."""
    image = session.scalars(
        select(Image).where(Image.project_id == project.id, Image.studio_task == task)
    ).one()
    for number, (annotator, values) in enumerate(said.items(), task * 10):
        observed = [
            Observed(name, value, Source.TAG if value > 0 else Source.REJECTED)
            for name, value in values.items()
        ]
        record_annotation(
            session, project, image,
            Submission(
                studio_annotation=number, result=[], skipped=False, annotator=annotator, lead_time=None,
                suggested_version=None, suggested=None, observed=observed, at=utc_now(),
            ),
        )  # fmt: skip


@pytest.fixture
def same() -> Callable[[Any, Any], bool]:
    """Whether two lists of numbers are the same; None equals None and NaN."""

    def compare(found: Any, expected: Any) -> bool:
        def plain(values: Any) -> list[float | None]:
            return [None if value is None or math.isnan(value) else float(value) for value in values]

        return plain(found) == pytest.approx(plain(expected), abs=1e-3)

    return compare
