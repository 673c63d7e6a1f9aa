"""Which images are to be read, and what became of it, in the store: the bytes' digest, or the problem."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from annotator.labelstudio.errors import ImageUnavailable
from annotator.labelstudio.images import GONE, image_address
from annotator.store import Image, Project, Store, Unusable
from annotator.store.problems import USABLE, problem_columns
from annotator.store.states import TRIED_AGAIN
from model_backend.backbones import Backbone
from model_backend.engine.resources import LearningResources
from model_backend.features import Extracted
from model_backend.images import ImageProblem, ImageTooLarge

Stamp = Callable[[str], str | None]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageRow:
    """What is read of an image: its id, its address, and the SHA-256 of its bytes where it is known.

    stamp: of its file as it is now. readable: whether it is worth reading where its features are not at hand.
    tries: how often it was read in vain.
    """

    id: int
    uri: str
    digest: str | None
    stamp: str | None = None
    readable: bool = True
    tries: int = 0


def image_rows(
    session: Session, image_ids: Sequence[int], *, again: bool, stamp: Stamp | None = None
) -> list[ImageRow]:
    """The rows of these images in their order; without `again`, those with a problem are not read.

    Of one whose trouble may pass, the features that are at hand still count. A file that was written anew has
    no digest and no problem; one that is gone keeps both what was learned from it and its place.
    """
    wanted = set(image_ids)
    columns = Image.id, Image.uri, Image.digest, Image.stamp, Image.unusable, Image.tries
    chosen = (
        select(*columns, Project.image_folder)
        .join(Project, Project.id == Image.project_id)
        .where(Image.id.between(min(wanted, default=0), max(wanted, default=0)))
    )
    by_id = {row.id: row for row in session.execute(chosen) if row.id in wanted and row.uri}
    rows = []
    for image_id in image_ids:
        row = by_id.get(image_id)
        if row is None:
            continue
        address = image_address(row.uri, row.image_folder)
        now = stamp(address) if stamp is not None else row.stamp
        renewed = now not in (None, GONE, row.stamp)
        readable = again or renewed or (row.unusable is None and now != GONE)
        digest = None if renewed else row.digest
        passing = row.unusable is None or row.unusable in TRIED_AGAIN
        if readable or (digest is not None and passing):
            rows.append(ImageRow(row.id, address, digest, now, readable, row.tries))
    return rows


def note_gone(store: Store, rows: Sequence[ImageRow]) -> None:
    """Record which files are gone that were there before; what was learned from them stays."""
    gone = [row for row in rows if row.stamp == GONE and not row.readable and row.tries == 0]
    if not gone:
        return
    log.warning("%d files of images are gone, the first of them %s.", len(gone), gone[0].uri)
    words = "The file is gone. Put it back, or delete the task."
    with store.session() as session:
        facts = [{"id": row.id, **problem_columns(Unusable.MISSING, words, 1)} for row in gone]
        session.execute(update(Image), facts)


def extract_rows(
    store: Store,
    resources: LearningResources,
    backbone: Backbone,
    rows: Sequence[ImageRow],
    progress: Callable[[float], None] | None = None,
) -> Extracted:
    """The features of these images, each outcome kept in the store. Raises as `LearningResources.extract`."""
    found = resources.extract([row.uri for row in rows], backbone, progress)
    for index, problem in found.problems.items():
        log.warning("Image %d is left out: %s", rows[index].id, problem)
    _remember(store, rows, found)
    return found


def reason_of(error: Exception) -> Unusable:
    """Of what kind a problem is; what nobody foresaw is tried again."""
    if isinstance(error, ImageUnavailable):
        return error.reason
    if isinstance(error, ImageTooLarge):
        return Unusable.TOO_LARGE
    return Unusable.NO_IMAGE if isinstance(error, ImageProblem) else Unusable.UNREACHED


def _remember(store: Store, rows: Sequence[ImageRow], found: Extracted) -> None:
    good, bad = [], []
    for index, row in enumerate(rows):
        facts: dict[str, Any] = {
            "id": row.id,
            "digest": found.digests[index] or row.digest,
            "stamp": row.stamp,
        }
        problem = found.problems.get(index)
        if problem is None:
            width, height = found.sizes[index] or (None, None)
            good.append({**facts, "width": width, "height": height, **USABLE})
        else:
            words = str(problem) or type(problem).__name__
            bad.append({**facts, **problem_columns(reason_of(problem), words, row.tries + 1)})
    with store.session() as session:
        for columns in (good, bad):
            if columns:
                session.execute(update(Image), columns)
