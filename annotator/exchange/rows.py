"""The rows of an export: every image, what people said of it, and what the model thinks of the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.store.labels import live_labels
from annotator.store.matrix import cell_votes
from annotator.store.models import Image, Label, LabelVector, ModelVersion
from annotator.store.vectors import unpack

if TYPE_CHECKING:
    import numpy.typing as npt

IMAGES_AT_ONCE = 1_000
SURE = 0.9999  # a guess comes no nearer to 0 or 1: those two are for people alone


@dataclass(frozen=True, eq=False)
class ExportRow:
    """One image, over the L live labels in their order.

    `probabilities` is float32 (L,): 0 or 1 where a person said so, a guess between them, NaN where nothing is
    known or guessed. `human` is bool (L,) and says which are a person's. `version` is the one that guessed.
    """

    image: str
    task: int | None
    positives: tuple[str, ...]
    negatives: tuple[str, ...]
    probabilities: npt.NDArray[np.float32]
    human: npt.NDArray[np.bool_]
    version: str | None


def label_vectors_for_export(
    session: Session, project_id: int, version: ModelVersion | None
) -> Iterator[ExportRow]:
    """One row for each live image, by ascending id.

    Without a version only observations are known. A label younger than the version, or an image without a
    vector, has no guess. Use a `store.reading()` session: the images are read from it by the thousand.
    """
    labels = live_labels(session, project_id)
    last = 0
    while images := _next_images(session, project_id, last):
        last = images[-1][0]
        yield from _rows(session, project_id, version, labels, images)


def _rows(
    session: Session,
    project_id: int,
    version: ModelVersion | None,
    labels: Sequence[Label],
    images: Sequence[tuple[int, str, int | None]],
) -> Iterator[ExportRow]:
    image_ids = [image_id for image_id, _, _ in images]
    observed = _observed(session, project_id, image_ids, labels)
    guessed, has_guess = _guessed(session, version, image_ids, labels)
    probabilities = np.where(observed == 0, guessed, observed > 0).astype(np.float32)
    names = [label.name for label in labels]
    for row, (_, uri, task) in enumerate(images):
        yield ExportRow(
            image=uri,
            task=task,
            positives=tuple(names[column] for column in np.flatnonzero(observed[row] > 0)),
            negatives=tuple(names[column] for column in np.flatnonzero(observed[row] < 0)),
            probabilities=probabilities[row],
            human=observed[row] != 0,
            version=version.name if version is not None and has_guess[row] else None,
        )


def _next_images(session: Session, project_id: int, last: int) -> list[tuple[int, str, int | None]]:
    live = select(Image.id, Image.uri, Image.studio_task).where(
        Image.project_id == project_id, Image.removed_at.is_(None), Image.id > last
    )
    rows = session.execute(live.order_by(Image.id).limit(IMAGES_AT_ONCE))
    return [(row.id, row.uri, row.studio_task) for row in rows]


def _observed(
    session: Session, project_id: int, image_ids: Sequence[int], labels: Sequence[Label]
) -> npt.NDArray[np.int8]:
    """What is observed, int8 (B, L): +1, -1, or 0 for unknown; a tie between annotators is unknown."""
    rows = {image_id: row for row, image_id in enumerate(image_ids)}
    columns = {label.id: column for column, label in enumerate(labels)}
    observed = np.zeros((len(rows), len(columns)), dtype=np.int8)
    for image_id, label_id, total, _ in session.execute(cell_votes(project_id, image_ids[0], image_ids[-1])):
        observed[rows[image_id], columns[label_id]] = (total > 0) - (total < 0)
    return observed


def _guessed(
    session: Session, version: ModelVersion | None, image_ids: Sequence[int], labels: Sequence[Label]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """What the version thinks, float32 (B, L) strictly between 0 and 1 or NaN; and which images it knows."""
    guessed = np.full((len(image_ids), len(labels)), np.nan, dtype=np.float32)
    known = np.zeros(len(image_ids), dtype=np.bool_)
    if version is None:
        return guessed, known
    stored = select(LabelVector.image_id, LabelVector.probabilities).where(
        LabelVector.version_id == version.id, LabelVector.image_id.between(image_ids[0], image_ids[-1])
    )
    packed = {row.image_id: row.probabilities for row in session.execute(stored)}
    known[:] = [image_id in packed for image_id in image_ids]
    vectors = unpack([packed[image_id] for image_id in image_ids if image_id in packed], len(version.labels))
    of_version = {label_id: column for column, label_id in enumerate(version.label_ids)}
    for column, label in enumerate(labels):
        if label.id in of_version:
            guessed[known, column] = vectors[:, of_version[label.id]].clip(1 - SURE, SURE)
    return guessed, known
