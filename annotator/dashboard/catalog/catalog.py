"""Finding images in a project of any size: estimates stay in memory, and what people say is asked anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annotator.dashboard.catalog.estimates import Estimates, count_vectors, read_estimates
from annotator.dashboard.catalog.judging import Judged, judge
from annotator.dashboard.catalog.kept import Kept, Same
from annotator.dashboard.catalog.said_so_far import SaidSoFar, changes, read, read_again
from annotator.dashboard.catalog.search import Find, Order, Search, SearchError
from annotator.dashboard.catalog.whole_images import (
    Pool,
    duplicate_groups,
    image_filters,
    live_ids,
    newest_answers,
    open_images,
)
from annotator.store import Image, Label, ModelVersion, Project, live_labels
from annotator.store.said import Said, said
from annotator.store.versions import active_version

if TYPE_CHECKING:
    import numpy.typing as npt

    Ids = npt.NDArray[np.int64]

MOST_BYTES = 512 * 2**20
"""Estimates of a version that would be larger are not looked through."""
VERSIONS_KEPT = 3
"""In memory, and so three times MOST_BYTES at most: the one in use, and two that are compared."""
ORDERS_KEPT = 12
"""Orders by estimate without a filter of labels, 4 bytes an image and one a label of it."""
POOLS_KEPT = 8
"""Ids of images, 8 bytes each."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found: K of the N live images of a project, as their ids in the order asked for, (K,).

    rows: int64 (K,), their places among all. images: N. labels: the live ones. judged: what holds of the A
    labels that were `asked`; None where nothing is asked of labels. notices: what a reader must know of it.
    """

    image_ids: Ids
    rows: Ids
    images: int
    labels: Sequence[Label]
    asked: Sequence[Label]
    judged: Judged | None
    version: ModelVersion | None
    estimates: Estimates | None
    notices: Sequence[str]

    def met(self, first: int, count: int) -> npt.NDArray[np.bool_] | None:
        """Where all that is asked of a label holds, of so many images from place `first` on, (A, n)."""
        return None if self.judged is None else self.judged.met[:, self.rows[first : first + count]]


class Catalog:
    """Looks for images; the threads of a server share one."""

    def __init__(self) -> None:
        self._estimates: Kept[int, Estimates] = Kept(VERSIONS_KEPT)
        self._over: Kept[int, Estimates] = Kept(VERSIONS_KEPT)
        self._nearest: Kept[tuple[int, Order, str | None], Judged] = Kept(ORDERS_KEPT)
        self._said: Kept[int, SaidSoFar] = Kept(1)
        self._pools: Kept[int, Ids] = Kept(POOLS_KEPT)

    def find(self, session: Session, project: Project, search: Search) -> Found:
        """The images that a search is for. Raises SearchError for a label or version that is not there."""
        labels = live_labels(session, project.id)
        asked = [label for label in labels if search.label in (None, label.name)]
        if search.label is not None and not asked:
            raise SearchError(f"The project has no label {search.label!r}.")
        version = version_of(session, project.id, search.version)
        pool = self.pool(session, project.id)
        estimates = self._estimates_over(pool, version) if version is not None else None
        chosen = np.ones(len(pool.image_ids), dtype=np.bool_)
        for mask in image_filters(pool, search):
            chosen &= mask
        groups = duplicate_groups(pool, search.alike) if search.alike is not None else None
        if groups is not None:
            chosen &= groups >= 0
        judged = self._judge(pool, search, asked, version, estimates)
        if judged is not None:
            chosen &= judged.met.any(axis=0)
        rows = np.flatnonzero(chosen)
        rows = rows[np.lexsort([key[rows] for key in _keys(pool, search, judged, estimates, groups)])]
        return Found(
            image_ids=pool.image_ids[rows],
            rows=rows,
            images=len(pool.image_ids),
            labels=labels,
            asked=asked,
            judged=judged if search.about_labels else None,
            version=version,
            estimates=estimates,
            notices=list(_notices(search, version, estimates)),
        )

    def estimates(self, session: Session, version: ModelVersion) -> Estimates | None:
        """What a version estimates, from memory where it is there; None where that would be too large."""
        count = count_vectors(session, version.id)
        if 2 * count * len(version.label_ids) > MOST_BYTES:
            return None
        return self._estimates.get(version.id, count, lambda: read_estimates(session, version))

    def _estimates_over(self, pool: Pool, version: ModelVersion) -> Estimates | None:
        """What a version estimates of the images of a pool."""
        estimates = self.estimates(pool.session, version)
        if estimates is None:
            return None
        stamp = Same(estimates, pool.image_ids)
        return self._over.get(version.id, stamp, lambda: estimates.over(pool.image_ids))

    def said_of(self, pool: Pool, label_ids: Sequence[int]) -> Said:
        """What people say: of one label from the store, of all from memory unless something changed."""
        if len(label_ids) == 1:
            return said(pool.session, label_ids, pool.image_ids)
        now = changes(pool)
        return self._said.get(
            pool.project_id,
            (now, tuple(label_ids), len(pool.image_ids), int(pool.image_ids.sum())),
            partial(read, pool, label_ids, now),
            partial(read_again, pool, label_ids, now),
        ).said

    def pool(self, session: Session, project_id: int) -> Pool:
        """The live images of a project: from memory, unless one came or went."""
        live = Image.project_id == project_id, Image.removed_at.is_(None)
        counted = select(func.count(), func.max(Image.id), func.sum(Image.id)).where(*live)
        stamp = tuple(session.execute(counted).one())
        return Pool(
            session, project_id, self._pools.get(project_id, stamp, lambda: live_ids(session, project_id))
        )

    def _judge(
        self,
        pool: Pool,
        search: Search,
        asked: Sequence[Label],
        version: ModelVersion | None,
        estimates: Estimates | None,
    ) -> Judged | None:
        """What is asked of labels; None where nothing is, by filters nor by the order."""
        by_people = search.state is not None or search.find is not None
        if not search.about_labels and not search.by_estimate:
            return None
        ids = [label.id for label in asked]
        told = self.said_of(pool, ids) if by_people else None
        judged = partial(judge, search, ids, pool.image_ids, told, estimates, thresholds_of(version))
        if search.about_labels or version is None or estimates is None:
            return judged()
        stamp = tuple(ids), Same(estimates)
        return self._nearest.get((version.id, search.order, search.label), stamp, judged)


def thresholds_of(version: ModelVersion | None) -> dict[int, float]:
    """From which probability on a version suggests each label, by its id; above 1 for those it never does."""
    return dict(zip(version.label_ids, version.thresholds, strict=False)) if version is not None else {}


def version_of(session: Session, project_id: int, name: str | None) -> ModelVersion | None:
    """The version with a name, or the one in use. Raises SearchError where there is none."""
    if name is None:
        return active_version(session, project_id)
    named = select(ModelVersion).where(ModelVersion.project_id == project_id, ModelVersion.name == name)
    found = session.scalars(named).first()
    if found is None:
        raise SearchError(f"The project has no version {name!r}.")
    return found


def _keys(
    pool: Pool, search: Search, judged: Judged | None, estimates: Estimates | None, groups: Ids | None
) -> Iterator[npt.NDArray[np.number]]:
    """By what the images are put in order, the last key first (N,): their number, the order, duplicates."""
    yield pool.image_ids
    if judged is not None and judged.nearest is not None:
        yield judged.nearest
    elif search.order is Order.NEWEST:
        yield -newest_answers(pool)
    elif search.order is Order.NEXT and estimates is not None:
        yield np.where(open_images(pool), estimates.turns_of(pool.image_ids), np.iinfo(np.int64).max)
    if groups is not None:
        yield groups


def _notices(search: Search, version: ModelVersion | None, estimates: Estimates | None) -> Iterator[str]:
    """What a reader must know of what was found."""
    if search.estimating and version is None:
        yield "There is no model version yet: nothing is estimated, and filters by estimate find nothing."
    elif version is not None and estimates is None:
        yield (
            f"What {version.name} estimates would take more than {MOST_BYTES // 2**20} MiB of memory: "
            "filters and orders by estimate find nothing, and the images are in the order of their numbers."
        )
    elif search.find is Find.WRONG and version is not None:
        yield (
            f"Likely wrong is told by {version.name}, which has learned from these answers itself, but for "
            "those that came after it: it tends to believe what it was taught, so there may be more."
        )
