"""What the page of one label shows besides its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy.orm import Session

from annotator.dashboard.charts import Reliable
from annotator.dashboard.measures import Step, reliability_points, threshold_steps
from annotator.store import live_labels, suggestion_feedback
from annotator.store.label_cells import complete_reviews, unknown_estimates
from annotator.store.versions import active_version

if TYPE_CHECKING:
    import numpy.typing as npt

PERCENTS = range(1, 101)
"""The thresholds that can be chosen, in percent."""


@dataclass(frozen=True)
class LabelDetail:
    """steps: what each threshold would do, by `PERCENTS`. reliable: what was said against how often it was
    right; of so many answered suggestions, and so many images that were marked completely.
    """

    steps: Sequence[Step]
    reliable: Sequence[Reliable]
    suggestions: int
    reviews: int


def label_detail(session: Session, project_id: int, label_id: int, complete_share: float) -> LabelDetail:
    """Look at one live label. complete_share: see `label_figures`."""
    label = next(each for each in live_labels(session, project_id) if each.id == label_id)
    reviews = complete_reviews(session, project_id, [label], complete_share)
    told = (reviews.values[:, 0] != 0) & ~np.isnan(reviews.said[:, 0])
    feedback = suggestion_feedback(session, project_id)
    # What was suggested on an image that was marked completely is counted there.
    fresh = (feedback.label_ids == label_id) & ~np.isin(feedback.image_ids, reviews.image_ids[told])
    said = np.concatenate([reviews.said[told, 0], feedback.probabilities[fresh]])
    right: npt.NDArray[np.bool_] = np.concatenate([reviews.values[told, 0] > 0, feedback.values[fresh] > 0])
    estimates = unknown_estimates(session, label, active_version(session, project_id))
    return LabelDetail(
        steps=threshold_steps(estimates, said, right, [percent / 100 for percent in PERCENTS]),
        reliable=reliability_points(said, right),
        suggestions=int(fresh.sum()),
        reviews=int(told.sum()),
    )
