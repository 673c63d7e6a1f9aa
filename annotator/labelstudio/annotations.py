"""From an annotation, as a webhook or the API gives it, to records: the one way that both go."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy.orm import Session

from annotator.labelstudio.observations import Said, observe
from annotator.labelstudio.pages import labels_unseen, opened_at, told_absent_before
from annotator.labelstudio.payloads import StudioAnnotation
from annotator.labelstudio.reading import project_config
from annotator.labelstudio.shown import what_was_shown
from annotator.store.models import Annotation, Image, Project
from annotator.store.records import Before, Observed, Submission, record_annotation
from annotator.store.states import Source
from annotator.store.turns import take_turn


def record_studio_annotation(
    session: Session,
    project: Project,
    image: Image,
    annotation: StudioAnnotation,
    *,
    doubtful: Collection[str] = (),
    before: Before | None = None,
    imported: bool = False,
) -> Annotation | None:
    """Record an annotation with what it makes known; None when that adds nothing.

    What its page cannot have shown for certain it does not tell to be absent; `doubtful` are labels of which
    the same holds, whatever their times say.
    `before` is what was on record when Label Studio was asked for it, see `record_annotation`. `imported`
    tells that it was there before the project was connected.
    """
    take_turn(session, project.id)
    config = project_config(project)
    shown = what_was_shown(session, project, config, image, annotation)
    said = observe(annotation.result, config, shown.result if shown else None, skipped=annotation.skipped)
    opened = opened_at(session, project, annotation)
    unseen = {*doubtful, *labels_unseen(session, project.id, opened)}
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
            observed=_believed(session, project, annotation, said, unseen, imported=imported),
            at=annotation.updated_at,
            shown=shown.result if shown else None,
            unmatched=said.unmatched,
            review=said.review,
            question=said.question,
            unused=said.unused,
            ground_truth=annotation.ground_truth,
            imported=imported,
            made_at=annotation.created_at,
            opened_at=opened,
        ),
        before,
    )


def _believed(
    session: Session,
    project: Project,
    annotation: StudioAnnotation,
    said: Said,
    unseen: Collection[str],
    *,
    imported: bool,
) -> list[Observed]:
    """Without what a complete answer cannot have meant: labels that its page may not have shown."""
    if unseen:
        unseen = set(unseen) - told_absent_before(session, project, annotation)
    kept = [each for each in said.observed if not (each.source is Source.COMPLETE and each.label in unseen)]
    if not imported:
        return kept
    # What answers to a suggestion, or tells all there is, stays known as such.
    plain = Source.TAG, Source.ADDED
    return [replace(each, source=Source.IMPORTED) if each.source in plain else each for each in kept]
