"""From an annotation, as a webhook or the API gives it, to records: the one way that both go.

What was shown to the annotator is found in this order, for an old suggestion may be replaced at any moment:

1. what was found for an earlier revision of the same annotation: an edit does not change what was shown;
2. `parent_prediction`, the id that the page sends along, among the predictions that came with the annotation
   (measured: a webhook's own `prediction` is the one current at Submit, so it counts only with that id);
3. the id of the `suggested` region, which our predictions give it and which stays when it is left or changed;
4. our own suggestions: the last one that had been pushed for this image when the page was opened.

Without `parent_prediction` and such a region nothing was shown: the annotation was made by hand or imported.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.labelstudio.config import LABEL, SUGGESTED
from annotator.labelstudio.observations import observe, ticked
from annotator.labelstudio.payloads import StudioAnnotation
from annotator.labelstudio.predictions import version_of_region
from annotator.store.labels import live_labels
from annotator.store.models import Annotation, Image, ModelVersion, Project, Suggestion
from annotator.store.records import Before, Submission, record_annotation
from annotator.store.states import Source


@dataclass(frozen=True)
class Shown:
    """The suggestion that the annotator saw ticked."""

    version: str | None
    labels: tuple[str, ...]


def record_studio_annotation(
    session: Session,
    project: Project,
    image: Image,
    annotation: StudioAnnotation,
    *,
    new_labels: Collection[str] = (),
    before: Before | None = None,
) -> Annotation | None:
    """Record an annotation with what it makes known; None when that adds nothing.

    `new_labels` may have come after the annotation: it makes nothing known of them unless it names them.
    `before` is what was on record when Label Studio was asked for it, see `record_annotation`.
    """
    shown = what_was_shown(session, project, image, annotation)
    labels = [label.name for label in live_labels(session, project.id)]
    observed = observe(annotation.result, labels, shown.labels if shown else None, skipped=annotation.skipped)
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
            observed=[
                each for each in observed if not (each.source is Source.COMPLETE and each.label in new_labels)
            ],
            at=annotation.updated_at,
        ),
        before,
    )


def what_was_shown(
    session: Session, project: Project, image: Image, annotation: StudioAnnotation
) -> Shown | None:
    """The suggestion shown with an annotation, as the head of this module tells; None when there was none."""
    known = _shown_before(session, project, annotation)
    if known:
        return known
    parent = annotation.parent_prediction
    for each in annotation.predictions:
        if parent is not None and each.id == parent:
            return Shown(each.model_version, tuple(ticked(each.result)))
    version = _version_in(annotation.result)
    if version is not None:
        return Shown(
            version, _suggestion(session, project, image, version) or tuple(ticked(annotation.result))
        )
    return _shown_by_time(session, image, annotation.opened_at) if parent is not None else None


def _shown_before(session: Session, project: Project, annotation: StudioAnnotation) -> Shown | None:
    revisions = select(Annotation).where(
        Annotation.project_id == project.id,
        Annotation.studio_annotation == annotation.id,
        Annotation.suggested.is_not(None),
    )
    found = session.scalars(revisions.order_by(Annotation.revision.desc()).limit(1)).first()
    return Shown(found.suggested_version, tuple(found.suggested or ())) if found else None


def _version_in(result: Sequence[Any]) -> str | None:
    regions = [each for each in result if isinstance(each, dict) and each.get("from_name") == SUGGESTED]
    return next(filter(None, map(version_of_region, regions)), None)


def _suggestion(session: Session, project: Project, image: Image, version: str) -> tuple[str, ...]:
    chosen = (
        select(Suggestion.labels)
        .join(ModelVersion, ModelVersion.id == Suggestion.version_id)
        .where(
            Suggestion.image_id == image.id,
            ModelVersion.project_id == project.id,
            ModelVersion.name == version,
        )
    )
    return tuple(session.scalars(chosen).first() or ())


def _shown_by_time(session: Session, image: Image, opened_at: datetime) -> Shown | None:
    chosen = (
        select(Suggestion.labels, ModelVersion.name)
        .join(ModelVersion, ModelVersion.id == Suggestion.version_id)
        .where(Suggestion.image_id == image.id, Suggestion.pushed_at <= opened_at)
    )
    found = session.execute(chosen.order_by(Suggestion.pushed_at.desc()).limit(1)).first()
    return Shown(found.name, tuple(found.labels)) if found else None


def named_labels(result: Sequence[Any]) -> set[str]:
    """The names of labels that a result holds, chosen or ticked."""
    return {*ticked(result, LABEL), *ticked(result, SUGGESTED)}
