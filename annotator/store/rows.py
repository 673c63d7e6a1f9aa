"""The rows of an export: every image, what people said of it, and what the model thinks of the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.store.labels import live_labels
from annotator.store.matrix import cell_votes
from annotator.store.models import Image, Label, LabelVector, ModelVersion
from annotator.store.vectors import unpack

IMAGES_AT_ONCE = 1_000
SURE = 0.9999  # a guess comes no nearer to 0 or 1: those two are for people alone


@dataclass(frozen=True)
class ExportRow:
    """One image. `probabilities` follows the labels of the export: a person's 0.0 or 1.0, or a guess between.

    `human` says which of them are a person's. What is neither observed nor guessed is unknown: None.
    """

    image: str
    task: int | None
    positives: tuple[str, ...]
    negatives: tuple[str, ...]
    probabilities: tuple[float | None, ...]
    human: tuple[bool, ...]
    version: str | None


def label_vectors_for_export(
    session: Session, project_id: int, version: ModelVersion | None
) -> Iterator[ExportRow]:
    """One row for each live image, by ascending id, over the live labels in their order.

    Without a version only observations are known. A label younger than the version, or an image without a
    vector, has no guess. Use a `store.reading()` session: some thousand rows at a time are read from it.
    """
    labels = live_labels(session, project_id)
    last = 0
    while images := _next_images(session, project_id, last):
        last = images[-1][0]
        said = _said(session, project_id, images[0][0], last)
        guessed = _guessed(session, version, labels, images[0][0], last)
        for image_id, uri, task in images:
            yield _row(uri, task, labels, said.get(image_id, {}), guessed.get(image_id, {}), version)


def _row(
    uri: str,
    task: int | None,
    labels: Sequence[Label],
    said: dict[int, int],
    guessed: dict[int, float],
    version: ModelVersion | None,
) -> ExportRow:
    return ExportRow(
        image=uri,
        task=task,
        positives=tuple(label.name for label in labels if said.get(label.id) == 1),
        negatives=tuple(label.name for label in labels if said.get(label.id) == -1),
        probabilities=tuple(
            float(said[label.id] > 0) if label.id in said else guessed.get(label.id) for label in labels
        ),
        human=tuple(label.id in said for label in labels),
        version=version.name if version and guessed else None,
    )


def _next_images(session: Session, project_id: int, last: int) -> Sequence[Any]:
    live = select(Image.id, Image.uri, Image.studio_task).where(
        Image.project_id == project_id, Image.removed_at.is_(None), Image.id > last
    )
    return session.execute(live.order_by(Image.id).limit(IMAGES_AT_ONCE)).all()


def _said(session: Session, project_id: int, first: int, last: int) -> dict[int, dict[int, int]]:
    """Image id -> label id -> +1 or -1; a tie of annotators is unknown."""
    said: dict[int, dict[int, int]] = {}
    for image_id, label_id, total, _ in session.execute(cell_votes(project_id, first, last)):
        if total:
            said.setdefault(image_id, {})[label_id] = 1 if total > 0 else -1
    return said


def _guessed(
    session: Session, version: ModelVersion | None, labels: Sequence[Label], first: int, last: int
) -> dict[int, dict[int, float]]:
    """Image id -> label id -> probability, strictly between 0 and 1."""
    if version is None:
        return {}
    vectors = session.execute(
        select(LabelVector.image_id, LabelVector.probabilities).where(
            LabelVector.version_id == version.id, LabelVector.image_id.between(first, last)
        )
    ).all()
    live = {label.id for label in labels}
    columns = [(column, key) for column, key in enumerate(version.label_ids) if key in live]
    values = unpack([row[1] for row in vectors], len(version.label_ids)).clip(1 - SURE, SURE).tolist()
    return {
        row[0]: {key: vector[column] for column, key in columns}
        for row, vector in zip(vectors, values, strict=True)
    }
