"""Bringing what a file says into the store, or counting what that would change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
from sqlalchemy.orm import Session

from annotator.exchange.importing.entry import ImportFormat, Progress, ReadOptions
from annotator.exchange.importing.pictures import looks_like_a_picture
from annotator.exchange.importing.report import SAMPLE, ImportReport
from annotator.exchange.importing.staging import Said, Staging
from annotator.exchange.importing.target import AddLabels, Target, known_ids, make
from annotator.store import (
    CellChanges,
    Claim,
    Store,
    finish_import,
    follow_file,
    forget_images,
    imports_of,
    open_import,
)
from annotator.store.labels import labels_by_name
from annotator.store.paths import stored_path

IMAGES_AT_ONCE = 1_000  # in one transaction
CELLS_AT_ONCE = 2_000_000  # image x label, where labels are many


@dataclass(frozen=True)
class LabelFile:
    """A file or folder of labels, how it is read, and what it claims."""

    path: Path
    form: ImportFormat
    claim: Claim = Claim.POSITIVE
    options: ReadOptions = field(default_factory=ReadOptions)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file; of a folder that of its names, and of what is in all files but pictures."""
    found = hashlib.sha256()
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    for file in sorted(each for each in path.rglob("*") if each.is_file()):
        found.update(file.relative_to(path).as_posix().encode("utf-8", "surrogateescape") + b"\0")
        if not looks_like_a_picture(file.name):
            with file.open("rb") as stream:
                found.update(hashlib.file_digest(stream, "sha256").digest())
    return found.hexdigest()


@dataclass
class Writer:
    """Bringing what is staged into the store, or counting what that would change."""

    store: Store
    file: LabelFile
    target: Target
    staged: Staging
    numbers: Sequence[int]
    report: ImportReport

    def count(self, progress: Progress) -> None:
        """Compare only."""
        with self.store.reading() as session:
            ids = known_ids(session, self.target)
            project_id = self.target.project_id or 0
            imports = [
                each.id for each in imports_of(session, project_id, self._name(), digest_of(self.file.path))
            ]
            by_name, kept = self._known_labels(session, project_id)
            # A label or image that is still to be made has no id: it gets one that nothing has.
            label_ids = [by_name.get(self.staged.labels[number], -number - 1) for number in self.numbers]
            for batch in self._batches(progress):
                image_ids = [ids[said.image] or -said.image - 1 for said in batch]
                values = np.stack([said.values for said in batch])
                found = follow_file(session, imports, image_ids, label_ids, values, kept=kept, write=False)
                self._count(found)
            named = {ids[place] for place in self.staged.images()}
            self.report.retired += forget_images(session, project_id, imports, named, write=False)

    def write(self, labels: list[str], in_studio: AddLabels | None, progress: Progress) -> None:
        """Make the project what it has to be, then write batch by batch, each in a short transaction."""
        name = self._name()
        project_id, changes = make(self.store, self.target, labels, in_studio)
        self.report.images_added = changes.added + changes.restored
        self.report.images_removed = changes.removed
        target = replace(self.target, project_id=project_id)
        digest = digest_of(self.file.path)
        with self.store.session() as session:
            current = open_import(
                session,
                project_id,
                name=name,
                form=self.file.form.name,
                claim=self.file.claim,
                digest=digest,
            )
            imports = [each.id for each in imports_of(session, project_id, current.name, digest)]
            ids = known_ids(session, target)
            by_name, kept = self._known_labels(session, project_id)
        label_ids = [by_name[self.staged.labels[number]] for number in self.numbers]
        for batch in self._batches(progress):
            image_ids = [ids[said.image] for said in batch]
            values = np.stack([said.values for said in batch])
            with self.store.session() as session:
                self._count(follow_file(session, imports, image_ids, label_ids, values, kept=kept))
        named = {ids[place] for place in self.staged.images()}
        with self.store.session() as session:
            self.report.retired += forget_images(session, project_id, imports, named)
            finish_import(session, imports[-1])

    def _known_labels(self, session: Session, project_id: int) -> tuple[dict[str, int], set[int]]:
        """The ids of all labels by every name that they have had, as one may have been renamed since the file
        was read; and those of archived ones that are left out: what the file said of them is kept.
        """
        by_name = {name: label.id for name, label in labels_by_name(session, project_id).items()}
        names = self.staged.labels
        left_out = set(names) - {names[number] for number in self.numbers}
        return by_name, {by_name[name] for name in left_out if name in by_name}

    def _batches(self, progress: Progress) -> Iterator[list[Said]]:
        size = max(1, min(IMAGES_AT_ONCE, CELLS_AT_ONCE // max(1, len(self.numbers))))
        said = self.staged.said(self.file.claim, self.numbers)
        done = 0
        while batch := list(islice(said, size)):
            for each in batch:
                self._note_contradictions(each)
            yield batch
            done += len(batch)
            progress(done, self.report.matched)

    def _note_contradictions(self, said: Said) -> None:
        for column in said.contradicted.nonzero()[0].tolist():
            self.report.contradictions += 1
            if len(self.report.contradicted) < SAMPLE:
                label = self.staged.labels[self.numbers[column]]
                self.report.contradicted.append(f"{self.target.addresses[said.image]}: {label}")

    def _count(self, changes: CellChanges) -> None:
        self.report.present += changes.present
        self.report.absent += changes.absent
        self.report.standing += changes.standing
        self.report.retired += changes.retired

    def _name(self) -> str:
        return stored_path(self.file.path)
