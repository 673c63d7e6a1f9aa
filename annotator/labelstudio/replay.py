"""Deriving observations again from the raw results, by the rule of today; the older ones are retired.

The rule has a number (`RULE`), and each project the number of the one by which its observations were derived.
1: a change to the suggestions confirmed those that were left ticked. 2: it says nothing of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.labelstudio.annotations import record_studio_annotation
from annotator.labelstudio.errors import noting
from annotator.labelstudio.sync import as_sent
from annotator.store import Annotation, Image, Observation, Project, Store, live_labels
from annotator.store.bulk import chunked
from annotator.store.models import RULE
from annotator.store.turns import take_turn

UNKNOWN = "unknown"
BATCH = 200  # annotations a transaction
ReplayProgress = Callable[[int, int], None]  # done, of how many


@dataclass
class ReplayReport:
    """How many annotations were looked at and how many say something else now, and what became of what.

    changes: by what an observation was and is, such as `confirmed -> unknown`.
    """

    annotations: int = 0
    changed: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """In one line, for people."""
        told = ", ".join(f"{count} {change}" for change, count in sorted(self.changes.items()))
        return f"{self.changed} of {self.annotations} answers read anew ({told or 'nothing differs'})"


def replay(store: Store, *, everything: bool = False, progress: ReplayProgress | None = None) -> ReplayReport:
    """Bring the observations of every project to today's rule; `everything` derives those that have it too.

    In batches, each a transaction: stopped in the middle, it goes on when it is called again. A complete
    answer is believed of the labels alone that it was believed of before: others may have come after it.
    """
    report = ReplayReport()
    with store.reading() as session:
        wanted = select(Project.id).order_by(Project.id)
        projects = list(session.scalars(wanted if everything else wanted.where(Project.rule < RULE)))
        waiting = {project_id: _live(session, project_id) for project_id in projects}
    total = sum(map(len, waiting.values()))
    for project_id, answers in waiting.items():
        for start in range(0, len(answers), BATCH):
            with store.session() as session:
                take_turn(session, project_id)
                project = session.get_one(Project, project_id)
                names = [label.name for label in live_labels(session, project_id)]
                _replay(session, project, answers[start : start + BATCH], names, report)
            if progress:
                progress(report.annotations, total)
        with store.session() as session:
            session.get_one(Project, project_id).rule = RULE
    return report


def replay_project(session: Session, project: Project) -> ReplayReport:
    """Derive again what one project knows, in the session's transaction: its label config is read anew."""
    report = ReplayReport()
    _replay(session, project, _live(session, project.id), (), report)
    return report


def _live(session: Session, project_id: int) -> list[int]:
    live = select(Annotation.id).where(
        Annotation.project_id == project_id,
        Annotation.retired_at.is_(None),
        Annotation.studio_annotation.is_not(None),
    )
    return list(session.scalars(live.order_by(Annotation.id)))


def _replay(
    session: Session,
    project: Project,
    annotations: Sequence[int],
    doubtful: Collection[str],
    report: ReplayReport,
) -> None:
    for piece in chunked(annotations):
        chosen = (
            select(Annotation, Image)
            .join(Image, Image.id == Annotation.image_id)
            .where(Annotation.id.in_(piece), Annotation.retired_at.is_(None))
        )
        for annotation, image in session.execute(chosen.order_by(Annotation.id)).all():
            with noting(report.problems):
                _replay_one(session, project, annotation, image, doubtful, report)


def _replay_one(
    session: Session,
    project: Project,
    annotation: Annotation,
    image: Image,
    doubtful: Collection[str],
    report: ReplayReport,
) -> None:
    report.annotations += 1
    before = _known(session, annotation)
    sent, imported = as_sent(annotation, image), annotation.imported
    written = record_studio_annotation(session, project, image, sent, doubtful=doubtful, imported=imported)
    after = before if written is None else _known(session, written)
    report.changed += before != after
    for label in sorted(before.keys() | after.keys()):
        was, is_now = before.get(label, UNKNOWN), after.get(label, UNKNOWN)
        if was != is_now:
            report.changes[f"{was} -> {is_now}"] += 1


def _known(session: Session, annotation: Annotation) -> dict[int, str]:
    said = select(Observation.label_id, Observation.source).where(Observation.annotation_id == annotation.id)
    return {label: source.value for label, source in session.execute(said)}
