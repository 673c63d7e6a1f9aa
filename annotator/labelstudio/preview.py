"""What a project's answers would make known, read without writing anything anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import Chosen
from annotator.labelstudio.health import Check
from annotator.labelstudio.projects import Identity, get_or_create_project
from annotator.labelstudio.reconcile import ReconcileProgress, reconcile
from annotator.store import Annotation, Image, Label, Observation, open_store, upgrade
from annotator.store.unused import answered, unused_answers

FIRST = 20  # labels that are listed


@dataclass
class Known:
    """What the live answers of a project make known: counts by source and by label."""

    images: int = 0
    answers: int = 0
    images_answered: int = 0
    skips: int = 0
    sources: Counter[str] = field(default_factory=Counter)
    present: Counter[str] = field(default_factory=Counter)
    absent: Counter[str] = field(default_factory=Counter)
    unused: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def checks(self) -> Iterator[Check]:
        """The counts as lines to show."""
        yield Check.good("images", str(self.images))
        yield Check.good(
            "answers",
            f"{self.answers} of {self.images_answered} images, {self.skips} skips; they say "
            f"{self.present.total()} times present and {self.absent.total()} times absent"
            + (f" ({', '.join(f'{count} {name}' for name, count in self.sources.most_common())})"),
        )
        named = [name for name, _ in (self.present + self.absent).most_common()]
        for name in named[:FIRST]:
            yield Check.good(f"  {name}", f"{self.present[name]} present, {self.absent[name]} absent")
        if len(named) > FIRST:
            yield Check.good("  ...", f"{len(named) - FIRST} more labels")
        for text in self.unused:
            yield Check.good("not used", text)
        for text in self.problems[:FIRST]:
            yield Check.good("not read", text)


def preview(
    studio: Studio,
    number: int,
    label_config: str,
    chosen: Chosen,
    progress: ReconcileProgress | None = None,
) -> Known:
    """What connecting a project would take in, found by taking it into a database that is thrown away.

    Raises OnetagError when Label Studio cannot be read, or its label config not in the way chosen.
    """
    with TemporaryDirectory(prefix="onetag-") as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'preview.db'}")
        try:
            upgrade(store)
            with store.session() as session:
                row = get_or_create_project(
                    session, studio.url, Identity(number), label_config, chosen=chosen
                )
                project_id = row.id
            report = reconcile(store, studio, project_id, progress, imported=True)
            with store.reading() as session:
                known = what_is_known(session, project_id)
        finally:
            store.close()
    known.problems = report.problems
    return known


def what_is_known(session: Session, project_id: int) -> Known:
    """The counts of a project in the store."""
    live = Annotation.project_id == project_id, Annotation.retired_at.is_(None), Image.removed_at.is_(None)
    counted = (
        select(func.count(), func.count(func.distinct(Annotation.image_id)))
        .join(Image, Image.id == Annotation.image_id)
        .where(*live)
    )
    answers, images_answered = session.execute(counted.where(answered())).one()
    skips, _ = session.execute(counted.where(Annotation.skipped)).one()
    images = select(func.count(Image.id)).where(Image.project_id == project_id, Image.removed_at.is_(None))
    known = Known(session.scalar(images) or 0, answers, images_answered, skips)
    said = (
        select(Label.name, Observation.source, Observation.value, func.count())
        .join(Label, Label.id == Observation.label_id)
        .join(Image, Image.id == Observation.image_id)
        .where(Label.project_id == project_id, Observation.retired_at.is_(None), Image.removed_at.is_(None))
        .group_by(Label.name, Observation.source, Observation.value)
    )
    for name, source, value, count in session.execute(said):
        known.sources[source.value] += count
        (known.present if value > 0 else known.absent)[name] += count
    known.unused = [each.detail for each in unused_answers(session, project_id)]
    return known
