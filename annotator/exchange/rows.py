"""The rows of an export: every image, what people said of it, and what the model thinks of the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from annotator.exchange.decisions import Values, chosen_values, decide
from annotator.exchange.places import folder_of_images, place_of, without_secrets
from annotator.exchange.splits import Split
from annotator.store.acceptance import LIMIT
from annotator.store.labels import live_labels
from annotator.store.matrix import cell_votes
from annotator.store.models import Image, Label, LabelVector, ModelVersion, Project
from annotator.store.vectors import unpack

if TYPE_CHECKING:
    import numpy.typing as npt

IMAGES_AT_ONCE = 1_000
_ImageRow: TypeAlias = Row[int, str, int | None, int | None, int | None]

SURE = 0.9999  # an estimate comes no nearer to 0 or 1: those two are for people alone


@dataclass(frozen=True)
class RowChoices:
    """What the rows are made of: a version (None: observations alone), which values, and which split.

    acceptance_limit: the share of absent suggestions above which the data card flags who confirms them.
    """

    version: ModelVersion | None = None
    values: Values = Values.PROBABILITIES
    split: Split | None = None
    acceptance_limit: float = LIMIT


@dataclass(frozen=True, eq=False)
class ExportRow:
    """One image, over the L live labels in their order.

    image_id: its number in the store. image: where the picture is, see `place_of`. address: what Label Studio
    calls it, empty for a project without (`uri`: in full). task: its number there. version: the one that
    estimated. split: `train`, `validation` or None.
    observed: int8 (L,), what people said: +1, -1, 0 for unknown. values: float32 (L,) as `Values` tells, 0 or
    1 where a person said so, NaN for unknown. decisions: int8 (L,), +1 present, -1 absent, 0 not decided.
    ties: on how many labels as many people say yes as no, which makes them unknown.
    """

    image_id: int
    image: str
    address: str
    uri: str
    task: int | None
    version: str | None
    split: str | None
    observed: npt.NDArray[np.int8]
    values: npt.NDArray[np.float32]
    decisions: npt.NDArray[np.int8]
    width: int | None = None
    height: int | None = None
    ties: int = 0

    @property
    def human(self) -> npt.NDArray[np.bool_]:
        """Which labels a person said something of, bool (L,)."""
        said: npt.NDArray[np.bool_] = self.observed != 0
        return said


def label_vectors_for_export(
    session: Session, project_id: int, choices: RowChoices | None = None, *, at_once: int | None = None
) -> Iterator[ExportRow]:
    """One row for each live image, by ascending id.

    Without a version only observations are known. A label younger than the version, or an image without a
    vector, has no estimate. Use a `store.reading()` session: the images are read from it by the thousand, or
    so many `at_once` for who wants no more than the first.
    """
    labels = live_labels(session, project_id)
    folder = folder_of_images(session, project_id)
    last = 0
    while images := _next_images(session, project_id, last, at_once or IMAGES_AT_ONCE):
        last = images[-1].id
        yield from _rows(session, project_id, choices or RowChoices(), labels, folder, images)


def label_thresholds(version: ModelVersion | None, labels: Sequence[Label]) -> npt.NDArray[np.float32]:
    """The version's threshold of each label, float32 (L,); NaN for a label that it does not know."""
    known = {}
    if version is not None:
        known = dict(zip(version.label_ids, version.thresholds, strict=False))
    return np.array([known.get(label.id, np.nan) for label in labels], dtype=np.float32)


def _rows(
    session: Session,
    project_id: int,
    choices: RowChoices,
    labels: Sequence[Label],
    folder: str,
    images: Sequence[_ImageRow],
) -> Iterator[ExportRow]:
    version, split = choices.version, choices.split
    alone = session.get_one(Project, project_id).image_folder is not None
    image_ids = [image.id for image in images]
    observed, ties = _observed(session, project_id, image_ids, labels)
    estimated, has_estimate = _estimated(session, version, image_ids, labels)
    probabilities = np.where(observed == 0, estimated, observed > 0).astype(np.float32)
    decisions = decide(observed, probabilities, label_thresholds(version, labels))
    values = chosen_values(choices.values, observed, probabilities, decisions)
    for row, image in enumerate(images):
        yield ExportRow(
            image_id=image.id,
            image=image.uri if alone else place_of(image.uri, folder),
            address="" if alone else without_secrets(image.uri),
            uri=image.uri,
            task=image.studio_task,
            version=version.name if version is not None and has_estimate[row] else None,
            split=split.of(image.id) if split else None,
            observed=observed[row],
            values=values[row],
            decisions=decisions[row],
            width=image.width,
            height=image.height,
            ties=int(ties[row]),
        )


def _next_images(session: Session, project_id: int, last: int, most: int) -> Sequence[_ImageRow]:
    columns = Image.id, Image.uri, Image.studio_task, Image.width, Image.height
    live = select(*columns).where(Image.project_id == project_id, Image.removed_at.is_(None), Image.id > last)
    return session.execute(live.order_by(Image.id).limit(most)).all()


def _observed(
    session: Session, project_id: int, image_ids: Sequence[int], labels: Sequence[Label]
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int64]]:
    """What is observed, int8 (B, L): +1, -1, 0 for unknown; and the labels tied on each image (B,)."""
    observed = np.zeros((len(image_ids), len(labels)), dtype=np.int8)
    ties = np.zeros(len(image_ids), dtype=np.int64)
    for votes in cell_votes(session, project_id, labels, np.array(image_ids, dtype=np.int64)):
        observed[votes.rows, votes.columns] = votes.values
        np.add.at(ties, votes.rows[votes.values == 0], 1)
    return observed, ties


def _estimated(
    session: Session, version: ModelVersion | None, image_ids: Sequence[int], labels: Sequence[Label]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """What the version thinks, float32 (B, L) strictly between 0 and 1 or NaN; and which images it knows."""
    estimated = np.full((len(image_ids), len(labels)), np.nan, dtype=np.float32)
    known = np.zeros(len(image_ids), dtype=np.bool_)
    if version is None:
        return estimated, known
    stored = select(LabelVector.image_id, LabelVector.probabilities).where(
        LabelVector.version_id == version.id, LabelVector.image_id.between(image_ids[0], image_ids[-1])
    )
    packed = {row.image_id: row.probabilities for row in session.execute(stored)}
    known[:] = [image_id in packed for image_id in image_ids]
    vectors = unpack([packed[image_id] for image_id in image_ids if image_id in packed], len(version.labels))
    of_version = {label_id: column for column, label_id in enumerate(version.label_ids)}
    for column, label in enumerate(labels):
        if label.id in of_version:
            estimated[known, column] = vectors[:, of_version[label.id]].clip(1 - SURE, SURE)
    return estimated, known
