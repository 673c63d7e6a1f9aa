"""From an annotation, as a webhook or the API gives it, to records: the one way that both go."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.labelstudio.answers import labels_in
from annotator.labelstudio.observations import Said, observe
from annotator.labelstudio.pages import labels_unseen, opened_at, told_absent_before
from annotator.labelstudio.payloads import StudioAnnotation
from annotator.labelstudio.reading import answers_config
from annotator.labelstudio.shown import what_was_shown
from annotator.labelstudio.told import key_in, said_on_the_page
from annotator.store.merged_labels import counted, merged_labels
from annotator.store.models import Annotation, Image, Label, Observation, PageAnnotation, Project
from annotator.store.page_annotations import told_as, told_revision
from annotator.store.records import Before, Observed, Submission, record_annotation
from annotator.store.states import Source, Telling
from annotator.store.turns import take_turn
from annotator.store.types import as_stored


def record_studio_annotation(
    session: Session,
    project: Project,
    image: Image,
    annotation: StudioAnnotation,
    *,
    doubtful: Collection[str] = (),
    before: Before | None = None,
    imported: bool = False,
    telling: bool = False,
) -> Annotation | None:
    """Record an annotation with what it makes known; None when that adds nothing.

    One that was made on the page stays its person's, whoever Label Studio says it is by. While Label Studio
    is still to be told of it, nothing that comes from there is recorded: `telling` asks what was done to it.

    What its page cannot have shown for certain it does not tell to be absent; `doubtful` are labels of which
    the same holds, whatever their times say.
    `before` is what was on record when Label Studio was asked for it, see `record_annotation`. `imported`
    tells that it was there before the project was connected.
    """
    take_turn(session, project.id)
    own = told_as(session, project.id, annotation.id, key_in(annotation.result))
    if own is not None:
        if own.telling is Telling.WAITING and not telling:
            return None
        annotation = annotation.model_copy(update={"annotator": own.annotator})
    merged = merged_labels(session, project.id)
    config = answers_config(project, merged)
    shown = what_was_shown(session, project, config, image, annotation)
    said = observe(annotation.result, config, shown.result if shown else None, skipped=annotation.skipped)
    named = {*labels_in(annotation.result, config), *said_on_the_page(annotation.result, config)}
    if own is not None and not annotation.skipped and named.isdisjoint(each.name for each in merged):
        said = _as_answered(session, own, annotation.result) or said
    into = {each.name: each.into for each in merged if each.into}
    said = replace(said, observed=tuple(counted(said.observed, into))) if into else said
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
            page_annotation=own.id if own is not None else None,
        ),
        before,
    )


def _as_answered(session: Session, own: PageAnnotation, result: list[Any]) -> Said | None:
    """What a person said on the page, where Label Studio has it just as it was told, whatever the label
    config has become since. None for what was changed there.
    """
    told = told_revision(session, own)
    if told is None or told.page_answer_id is None or told.result != as_stored(result):
        return None
    chosen = select(Label.name, Observation).join(Label, Label.id == Observation.label_id)
    rows = session.execute(chosen.where(Observation.annotation_id == told.id).order_by(Label.position))
    return Said(tuple(Observed(name, each.value, each.source, each.area) for name, each in rows))


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
