"""Label vectors: the probability of every label on every image, packed small and moved in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import LargeBinary, func, select
from sqlalchemy.orm import Session

from annotator.store.bulk import chunked, upsert
from annotator.store.models import Image, LabelVector, ModelVersion

if TYPE_CHECKING:
    import numpy.typing as npt

    Mask = npt.NDArray[np.bool_]

PACKED = "<f2"  # little-endian float16: three digits, which is more than a probability means


def reaches(chances: npt.ArrayLike, least: npt.ArrayLike) -> Mask:
    """Which probabilities are at or above what they are held against; NaN neither reaches nor is reached.

    The one rule of all that is suggested, shown, found and exported: both sides are rounded to the digits
    that are stored. So 0.8 reaches 0.8, whichever of them has been in the store.

    >>> reaches(np.array([0.8, 0.79, np.nan], np.float32), 0.8).tolist()
    [True, False, False]
    """
    reached: Mask = stored_digits(chances) >= stored_digits(least)
    return reached


def stored_digits(values: npt.ArrayLike) -> npt.NDArray[np.float16]:
    """Probabilities, or what they are held against, with the digits that are stored."""
    return np.asarray(values, dtype=np.float16)


def store_vectors(
    session: Session, version_id: int, image_ids: Sequence[int], probabilities: npt.NDArray[np.floating]
) -> None:
    """Store the label vectors of N images, replacing those that this version has for them already.

    `probabilities` is (N, L), in 0..1, its columns in the order of the version's labels.
    Raises ValueError when the shape or a value is not that.
    """
    expected = (len(image_ids), len(session.get_one(ModelVersion, version_id).labels))
    if probabilities.shape != expected:
        raise ValueError(f"probabilities are {probabilities.shape}, but images and labels are {expected}.")
    if not bool(np.all((probabilities >= 0) & (probabilities <= 1))):  # also false for NaN
        raise ValueError("probabilities must lie between 0 and 1.")
    packed = np.ascontiguousarray(probabilities, dtype=PACKED)
    rows = [
        {"version_id": version_id, "image_id": image_id, "probabilities": vector.tobytes()}
        for image_id, vector in zip(image_ids, packed, strict=True)
    ]
    upsert(session, LabelVector, rows)


def load_vectors(
    session: Session, version_id: int, image_ids: Sequence[int] | None = None
) -> tuple[list[int], npt.NDArray[np.float32]]:
    """The label vectors of a version: image ids and float32 (N, L).

    All of them by ascending image id, or those of `image_ids` in that order; images without one are left out.
    """
    vectors = select(LabelVector.image_id, LabelVector.probabilities).where(
        LabelVector.version_id == version_id
    )
    width = len(session.get_one(ModelVersion, version_id).labels)
    if image_ids is None:
        found = [(row[0], row[1]) for row in session.execute(vectors.order_by(LabelVector.image_id))]
    else:
        packed: dict[int, bytes] = {}
        for piece in chunked(image_ids):
            packed |= {
                row[0]: row[1] for row in session.execute(vectors.where(LabelVector.image_id.in_(piece)))
            }
        found = [(image_id, packed[image_id]) for image_id in image_ids if image_id in packed]
    return [image_id for image_id, _ in found], unpack([vector for _, vector in found], width)


def load_column(
    session: Session, version_id: int, column: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """What a version gives the label at a place: ids of live images, ascending, int64 (N,); float32 (N,)."""
    width = np.dtype(PACKED).itemsize
    place = func.substr(LabelVector.probabilities, 1 + width * column, width, type_=LargeBinary)
    chosen = (
        select(LabelVector.image_id, place)
        .join(Image, Image.id == LabelVector.image_id)
        .where(LabelVector.version_id == version_id, Image.removed_at.is_(None))
    )
    rows = session.connection().execute(chosen).all()
    image_ids = np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))
    order = np.argsort(image_ids)
    return image_ids[order], unpack([row[1] for row in rows], 1)[order, 0]


def unpack(vectors: Sequence[bytes], width: int) -> npt.NDArray[np.float32]:
    """Packed vectors of `width` labels as float32 (N, width)."""
    return np.frombuffer(b"".join(vectors), dtype=PACKED).reshape(len(vectors), width).astype(np.float32)
