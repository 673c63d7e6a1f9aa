"""What one version decides otherwise than another: by their estimates alone, each at its own thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.dashboard.catalog.estimates import Estimates
from annotator.exchange.decisions import decide_estimates
from annotator.store import Label

if TYPE_CHECKING:
    import numpy.typing as npt

    Ids = npt.NDArray[np.int64]

ABSENT, UNDECIDED, PRESENT = 0, 1, 2
"""Places of the decisions in a table of counts."""


@dataclass(frozen=True, eq=False)
class Side:
    """One of two versions: what it estimates, and its thresholds by the ids of the labels it knows."""

    estimates: Estimates
    thresholds: Mapping[int, float]

    def decisions(
        self, label_id: int, image_ids: Ids
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int8]]:
        """Estimates and decisions about a label (N,)."""
        chances = self.estimates.of_label(label_id, image_ids)
        return chances, decide_estimates(chances, np.float32(self.thresholds[label_id]))


@dataclass(frozen=True, eq=False)
class LabelFlips:
    """Decisions about one label before and after. counts: int64 (3, 3), images by both, see `PRESENT`."""

    label: Label
    before: float
    after: float
    counts: npt.NDArray[np.int64]

    @property
    def newly_present(self) -> int:
        """Images on which it is decided present now, and was not."""
        return int(self.counts[:PRESENT, PRESENT].sum())

    @property
    def no_longer_present(self) -> int:
        """The other way."""
        return int(self.counts[PRESENT, :PRESENT].sum())

    @property
    def newly_absent(self) -> int:
        """Images on which it is decided absent now, and was not."""
        return int(self.counts[UNDECIDED:, ABSENT].sum())

    @property
    def no_longer_absent(self) -> int:
        """The other way."""
        return int(self.counts[ABSENT, UNDECIDED:].sum())

    @property
    def turned(self) -> int:
        """Images on which the one turned into the other."""
        return int(self.counts[PRESENT, ABSENT] + self.counts[ABSENT, PRESENT])

    @property
    def flipped(self) -> int:
        """Images on which the decision is another one in any way."""
        return int(self.counts.sum() - np.trace(self.counts))


@dataclass(frozen=True)
class Flip:
    """A decision (+1 present, -1 absent, 0 none) about a label of an image that changed, and estimates."""

    label: Label
    was: int
    now: int
    before: float
    after: float

    @property
    def change(self) -> float:
        """How far the estimate moved."""
        return abs(self.after - self.before)


@dataclass(frozen=True, eq=False)
class Flips:
    """images: how many both versions estimated; flipped: on how many of these a decision changed.

    largest: the images on which an estimate moved the furthest with its decision, by id, the furthest first.
    """

    images: int
    flipped: int
    labels: Sequence[LabelFlips]
    largest: Mapping[int, Sequence[Flip]]


def compare(
    before: Side, after: Side, labels: Sequence[Label], *, most: int, without: Ids | None = None
) -> Flips:
    """What changed, of the labels that both know. most: images to name; without: ids to leave out (R,)."""
    both: Ids = np.intersect1d(before.estimates.image_ids, after.estimates.image_ids, assume_unique=True)
    if without is not None and len(without):
        both = both[~np.isin(both, without)]
    common = [label for label in labels if label.id in before.thresholds and label.id in after.thresholds]
    moved = np.full(len(both), -1, dtype=np.float32)  # of the flips of an image, the furthest
    found = []
    for label in common:
        chances, was = before.decisions(label.id, both)
        others, now = after.decisions(label.id, both)
        counts = np.bincount((was + 1).astype(np.intp) * 3 + (now + 1), minlength=9).reshape(3, 3)
        rows = np.flatnonzero(was != now)
        moved[rows] = np.maximum(moved[rows], np.abs(others[rows] - chances[rows]))
        found.append(LabelFlips(label, before.thresholds[label.id], after.thresholds[label.id], counts))
    furthest = np.argsort(-moved, kind="stable")[:most]
    largest = both[furthest[moved[furthest] >= 0]]
    return Flips(
        images=len(both),
        flipped=int((moved >= 0).sum()),
        labels=found,
        largest=_of_images(before, after, common, largest),
    )


def _of_images(
    before: Side, after: Side, labels: Sequence[Label], image_ids: Ids
) -> dict[int, Sequence[Flip]]:
    """The flips of each of these images, those whose estimates moved the furthest first."""
    found: dict[int, list[Flip]] = {int(image): [] for image in image_ids}
    order = np.argsort(image_ids)
    ids = image_ids[order]
    for label in labels:
        chances, was = before.decisions(label.id, ids)
        others, now = after.decisions(label.id, ids)
        for row in np.flatnonzero(was != now):
            flip = Flip(label, int(was[row]), int(now[row]), float(chances[row]), float(others[row]))
            found[int(ids[row])].append(flip)
    return {image: sorted(flips, key=lambda flip: -flip.change) for image, flips in found.items()}
