"""What files of labels say: each file's statements stand until the same file says something else.

The imports of one file share its name. What they said last is compared with what the file says now, image by
image, so that an import can be repeated, or killed and repeated, and only what differs is written.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import ColumnElement, bindparam, insert, literal, literal_column, select, update
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from annotator.store.bulk import chunked, rowcount
from annotator.store.models import Image, Import, Observation
from annotator.store.states import Claim, Source
from annotator.store.turns import take_turn
from annotator.store.types import Id, UtcDateTime, utc_now

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass
class CellChanges:
    """How many observations an import added (present, absent), left as they were, and retired."""

    present: int = 0
    absent: int = 0
    standing: int = 0
    retired: int = 0

    def add(self, other: CellChanges) -> None:
        """Count the other's changes too."""
        self.present += other.present
        self.absent += other.absent
        self.standing += other.standing
        self.retired += other.retired


def imports_of(session: Session, project_id: int, name: str, digest: str) -> list[Import]:
    """The imports of a file so far, oldest first.

    A file that was moved or copied is known by its content, where no file of its name was imported.
    """
    of_project = select(Import).where(Import.project_id == project_id).order_by(Import.id)
    named = list(session.scalars(of_project.where(Import.name == name)))
    if named:
        return named
    alike = session.scalars(of_project.where(Import.digest == digest)).all()
    for each in reversed(alike):
        found = list(session.scalars(of_project.where(Import.name == each.name)))
        if found[-1].digest == digest:
            return found
    return []


def open_import(
    session: Session, project_id: int, *, name: str, form: str, claim: Claim, digest: str
) -> Import:
    """The import to write under: the file's last one where that said the same, else a new one."""
    take_turn(session, project_id)
    known = imports_of(session, project_id, name, digest)
    for each in known:
        each.name = name
    if known and (known[-1].digest, known[-1].claim, known[-1].format) == (digest, claim, form):
        return known[-1]
    fresh = Import(project_id=project_id, name=name, format=form, claim=claim, digest=digest)
    session.add(fresh)
    session.flush()
    return fresh


def finish_import(session: Session, import_id: int) -> None:
    """Note that all of the file has been written."""
    session.get_one(Import, import_id).finished_at = utc_now()


def follow_file(
    session: Session,
    imports: Sequence[int],
    image_ids: Sequence[int],
    label_ids: Sequence[int],
    values: npt.NDArray[np.int8],
    *,
    kept: Collection[int] = (),
    write: bool = True,
) -> CellChanges:
    """Make what a file says of these images what is known from it; the newest of its imports is last.

    values: int8 (B, L), +1 present, -1 absent, 0 not stated. What it does not say any more is retired, but of
    labels that are `kept`, which it names and which are not live. Without `write` changes are only counted.
    """
    project = session.scalar(select(Image.project_id).where(Image.id.in_(image_ids[:1]))) if write else None
    if project is not None:
        take_turn(session, project)
    gone, standing = _compare(session, imports, image_ids, label_ids, values, kept)
    fresh = values * ~standing
    changes = CellChanges(
        present=int((fresh > 0).sum()),
        absent=int((fresh < 0).sum()),
        standing=int(standing.sum()),
        retired=len(gone),
    )
    if write:
        _retire(session, gone)
        _insert(session, imports[-1], image_ids, label_ids, fresh)
    return changes


def forget_images(
    session: Session, project_id: int, imports: Sequence[int], named: set[int], *, write: bool = True
) -> int:
    """Retire what a file said of live images that it no longer names; returns how many observations."""
    if not imports:
        return 0
    if write:
        take_turn(session, project_id)
    said = (
        select(Observation.image_id)
        .join(Image, Image.id == Observation.image_id)
        .where(
            Observation.import_id.in_(imports),
            Observation.retired_at.is_(None),
            Image.project_id == project_id,
            Image.removed_at.is_(None),
        )
    )
    retired = 0
    for piece in chunked(sorted(set(session.scalars(said.distinct())) - named)):
        live = (
            Observation.import_id.in_(imports),
            Observation.image_id.in_(piece),
            Observation.retired_at.is_(None),
        )
        found = list(session.scalars(select(Observation.id).where(*live)))
        retired += len(found)
        if write:
            _retire(session, found)
    return retired


def _compare(
    session: Session,
    imports: Sequence[int],
    image_ids: Sequence[int],
    label_ids: Sequence[int],
    values: npt.NDArray[np.int8],
    kept: Collection[int],
) -> tuple[list[int], npt.NDArray[np.bool_]]:
    """The observations to retire, and which cells (B, L) stand already."""
    rows = {image_id: row for row, image_id in enumerate(image_ids)}
    columns = {label_id: column for column, label_id in enumerate(label_ids)}
    standing = np.zeros(values.shape, dtype=np.bool_)
    gone: list[int] = []
    live = select(Observation.id, Observation.image_id, Observation.label_id, Observation.value).where(
        Observation.import_id.in_(imports),
        Observation.image_id.in_(image_ids),
        Observation.retired_at.is_(None),
    )
    for key, image_id, label_id, value in session.execute(live):
        row, column = rows[image_id], columns.get(label_id)
        if column is not None and values[row, column] == value and not standing[row, column]:
            standing[row, column] = True
        elif label_id not in kept:
            gone.append(key)
    return gone, standing


def _retire(session: Session, observations: Sequence[int]) -> None:
    now = utc_now()
    for piece in chunked(observations):
        live = (Observation.id.in_(piece), Observation.retired_at.is_(None))
        rowcount(session, update(Observation).where(*live).values(retired_at=now))


def _insert(
    session: Session,
    import_id: int,
    image_ids: Sequence[int],
    label_ids: Sequence[int],
    fresh: npt.NDArray[np.int8],
) -> None:
    at_rows, at_columns = (found.tolist() for found in fresh.nonzero())
    cells = [
        {"image": image_ids[row], "label": label_ids[column], "said": value}
        for row, column, value in zip(at_rows, at_columns, fresh[fresh != 0].tolist(), strict=True)
    ]
    # What all rows share is written into the statement: millions of rows are sent as three numbers each.
    statement = insert(Observation).values(
        import_id=_constant(session, import_id, Id),
        source=_constant(session, Source.IMPORTED, Observation.source.type),
        created_at=_constant(session, utc_now(), UtcDateTime()),
        image_id=bindparam("image"),
        label_id=bindparam("label"),
        value=bindparam("said"),
    )
    connection = session.connection()  # as plain rows: nothing of them is an object of the session
    for piece in chunked(cells):
        connection.execute(statement, piece)


def _constant(session: Session, value: Any, kind: TypeEngine[Any]) -> ColumnElement[Any]:
    """A value of our own as a part of a statement's text."""
    dialect = session.get_bind().dialect
    return literal_column(
        str(literal(value, kind).compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    )
