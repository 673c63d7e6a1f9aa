"""From an annotation, as a webhook or the API gives it, to records: the one way that both go."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.labelstudio.observations import Said, observe
from annotator.labelstudio.payloads import StudioAnnotation
from annotator.labelstudio.reading import project_config
from annotator.labelstudio.shown import what_was_shown
from annotator.store.models import Annotation, Image, Label, Observation, Project
from annotator.store.records import Before, Observed, Submission, record_annotation
from annotator.store.states import Source


def record_studio_annotation(
    session: Session,
    project: Project,
    image: Image,
    annotation: StudioAnnotation,
    *,
    new_labels: Collection[str] = (),
    before: Before | None = None,
    imported: bool = False,
) -> Annotation | None:
    """Record an annotation with what it makes known; None when that adds nothing.

    `new_labels` may have come after the annotation: it makes nothing known of them unless it names them.
    `before` is what was on record when Label Studio was asked for it, see `record_annotation`. `imported`
    tells that it was there before the project was connected.
    """
    config = project_config(project)
    shown = what_was_shown(session, project, config, image, annotation)
    said = observe(annotation.result, config, shown.result if shown else None, skipped=annotation.skipped)
    later = {*new_labels, *_labels_added_later(session, project, annotation)}
    return record_annotation(
        session,
        project,
        image,
        Submission(
            studio_annotation=annotation.id,
            result=annotation.result,
            skipped=annotation.skipped,
            annotator=annotation.annotator,
            lead_time=annotation.lead_time,
            suggested_version=shown.version if shown else None,
            suggested=list(shown.labels) if shown else None,
            observed=_believed(session, project, annotation, said, later, imported=imported),
            at=annotation.updated_at,
            shown=shown.result if shown else None,
            unmatched=said.unmatched,
            review=said.review,
            unused=said.unused,
            ground_truth=annotation.ground_truth,
            imported=imported,
        ),
        before,
    )


def _believed(
    session: Session,
    project: Project,
    annotation: StudioAnnotation,
    said: Said,
    later: Collection[str],
    *,
    imported: bool,
) -> list[Observed]:
    """Without what a complete answer cannot have meant: labels that joined the project after it."""
    unseen = set(later) - _told_absent_before(session, project, annotation) if later else set()
    kept = [each for each in said.observed if not (each.source is Source.COMPLETE and each.label in unseen)]
    if not imported:
        return kept
    # What answers to a suggestion, or tells all there is, stays known as such.
    plain = Source.TAG, Source.ADDED
    return [replace(each, source=Source.IMPORTED) if each.source in plain else each for each in kept]


def _labels_added_later(session: Session, project: Project, annotation: StudioAnnotation) -> list[str]:
    later = select(Label.name).where(Label.project_id == project.id, Label.created_at > annotation.updated_at)
    return list(session.scalars(later))


def _told_absent_before(session: Session, project: Project, annotation: StudioAnnotation) -> set[str]:
    """The labels that an earlier revision's complete answer told of: they were there already."""
    told = (
        select(Label.name)
        .join(Observation, Observation.label_id == Label.id)
        .join(Annotation, Annotation.id == Observation.annotation_id)
        .where(
            Annotation.project_id == project.id,
            Annotation.studio_annotation == annotation.id,
            Observation.source == Source.COMPLETE,
        )
    )
    return set(session.scalars(told))
