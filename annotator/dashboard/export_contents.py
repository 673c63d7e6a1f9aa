"""What an export will hold, counted before it is written: people's word and guesses never as one number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annotator.dashboard.catalog import Catalog, thresholds_of
from annotator.exchange.decisions import Values, decide_estimates
from annotator.exchange.rows import SURE
from annotator.store import Image, Label, ModelVersion, live_labels

if TYPE_CHECKING:
    import numpy.typing as npt

    from annotator.dashboard.catalog.estimates import Estimates
    from annotator.store.said import Said


@dataclass(frozen=True)
class LabelContents:
    """One label on all images. present, absent: by people. likely_present, likely_absent: decided by the
    estimates; undecided: estimated, and not decided. unknown: neither said nor estimated. ties: of these,
    on which as many people say yes as no; they may be estimated too.
    """

    name: str
    threshold: float | None
    present: int
    absent: int
    likely_present: int
    likely_absent: int
    undecided: int
    unknown: int
    ties: int


@dataclass(frozen=True)
class Contents:
    """The images and labels of an export, and what is left out of it.

    version: whose estimates it has; None for none. without_estimate: images that version has no vector of;
    unusable: those that could not be read. removed: images that are left out; archived: labels that are.
    """

    images: int
    labels: Sequence[LabelContents]
    version: ModelVersion | None
    without_estimate: int
    unusable: int
    removed: int
    archived: Sequence[str]

    def sum(self, *names: str) -> int:
        """Pairs of image and label that are one of these, as `LabelContents` names them."""
        return sum(getattr(label, name) for label in self.labels for name in names)

    def guessed(self, values: Values) -> int:
        """Values that are estimates, in an export of these."""
        match values:
            case Values.HUMAN:
                return 0
            case Values.HARD:
                return self.sum("likely_present", "likely_absent")
            case Values.PROBABILITIES:
                return self.sum("likely_present", "likely_absent", "undecided")

    @property
    def cells(self) -> int:
        """Pairs of image and label."""
        return self.images * len(self.labels)


def export_contents(
    session: Session, catalog: Catalog, project_id: int, version: ModelVersion | None
) -> Contents | None:
    """Count what an export with this version's estimates holds; None where these take too much memory."""
    labels, pool = live_labels(session, project_id), catalog.pool(session, project_id)
    estimates = catalog.estimates(session, version) if version is not None else None
    if version is not None and estimates is None:
        return None
    said = catalog.said_of(pool, [label.id for label in labels])
    thresholds = thresholds_of(version)
    counted = [
        _label(label, column, said, estimates, thresholds, pool.image_ids)
        for column, label in enumerate(labels)
    ]
    lacking = len(pool.image_ids)
    if estimates is not None:
        lacking -= int(np.isin(pool.image_ids, estimates.image_ids, assume_unique=True).sum())
    archived = select(Label.name).where(Label.project_id == project_id, Label.archived_at.is_not(None))
    removed, unusable = session.execute(
        select(
            func.count().filter(Image.removed_at.is_not(None)),
            func.count().filter(Image.removed_at.is_(None), Image.unusable.is_not(None)),
        ).where(Image.project_id == project_id)
    ).one()
    return Contents(
        images=len(pool.image_ids),
        labels=counted,
        version=version,
        without_estimate=lacking,
        unusable=unusable,
        removed=removed,
        archived=session.scalars(archived.order_by(Label.position, Label.id)).all(),
    )


def _label(
    label: Label,
    column: int,
    said: Said,
    estimates: Estimates | None,
    thresholds: Mapping[int, float],
    image_ids: npt.NDArray[np.int64],
) -> LabelContents:
    """Counted by the rule of `annotator.exchange.rows`."""
    value, threshold = said.values[:, column], thresholds.get(label.id, np.nan)
    if estimates is not None:
        chances = estimates.of_label(label.id, image_ids).clip(1 - SURE, SURE).astype(np.float32)
    else:
        chances = np.full(len(image_ids), np.nan, dtype=np.float32)
    decided = decide_estimates(chances, np.float32(threshold))
    open_cells = value == 0
    estimated = open_cells & ~np.isnan(chances)
    return LabelContents(
        name=label.name,
        threshold=threshold if threshold <= 1 else None,
        present=int((value > 0).sum()),
        absent=int((value < 0).sum()),
        likely_present=int((estimated & (decided > 0)).sum()),
        likely_absent=int((estimated & (decided < 0)).sum()),
        undecided=int((estimated & (decided == 0)).sum()),
        unknown=int((open_cells & ~estimated).sum()),
        ties=int(said.tied[:, column].sum()),
    )
