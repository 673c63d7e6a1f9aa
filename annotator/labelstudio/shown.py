"""What an annotator saw ticked when answering, ours or another model's prediction.

Beside an answer on our own page, which its marks tell, the labels that it names count as shown. Else it is
found in this order, for an old suggestion may be replaced at any moment:

1. what was found for an earlier revision of the same annotation: an edit does not change what was shown;
2. `parent_prediction`, the id that the page sends along, among the predictions that came with the annotation
   (measured: a webhook's own `prediction` is the one current at Submit, so it counts only with that id);
3. the regions that tell which question was asked: they come with our predictions and cannot be changed;
4. the id of a region of suggestions, which our predictions give it and which stays when it is changed;
5. regions without an `origin`: no page has made them, so the result is the prediction, accepted in bulk
   (measured: such an annotation comes with the parent's id and without the prediction itself);
6. our own suggestions: the last one that had been pushed for this image when the page was opened, unless
   another model's predictions came along.

Without `parent_prediction` and such a region nothing was shown: the annotation was made by hand or imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.labelstudio.answers import CHANGED, UNTOUCHED, question_in, reading
from annotator.labelstudio.candidates import ASIDE
from annotator.labelstudio.config import LabelConfig
from annotator.labelstudio.pages import revisions_of
from annotator.labelstudio.payloads import SentPrediction, StudioAnnotation
from annotator.labelstudio.predictions import regions, version_of_region
from annotator.labelstudio.questions import comes_ticked
from annotator.labelstudio.told import key_in, shown_beside
from annotator.store.labels import current_names
from annotator.store.models import Annotation, Image, ModelVersion, Project, Suggestion
from annotator.store.states import Question


@dataclass(frozen=True)
class Shown:
    """A prediction as it was on the page: regions, labels ticked, and its version where it is ours."""

    version: str | None
    labels: tuple[str, ...]
    result: list[Any]


def what_was_shown(
    session: Session, project: Project, config: LabelConfig, image: Image, annotation: StudioAnnotation
) -> Shown | None:
    """The prediction shown with an annotation, as the head of this module tells; None when there was none."""
    if key_in(annotation.result):
        beside = shown_beside(annotation.result, config)
        return Shown(None, _ticked(beside, config), beside) if beside else None
    known = _shown_before(session, project, config, annotation)
    if known:
        return known
    parent = annotation.parent_prediction
    for each in annotation.predictions:
        if parent is not None and each.id == parent:
            return _shown(session, project, config, each)
    return _shown_at_submit(session, project, config, image, annotation)


def _shown_at_submit(
    session: Session, project: Project, config: LabelConfig, image: Image, annotation: StudioAnnotation
) -> Shown | None:
    """What the annotation itself tells, without the prediction."""
    asked = _with_question(config, annotation.result)
    if asked is not None:
        return asked
    version = _version_in(annotation.result, config)
    if version is not None:
        labels = _suggestion(session, project, config, image, version)
        return _ours(config, version, labels or _ticked(annotation.result, config))
    if annotation.parent_prediction is None:
        return None
    if any(isinstance(each, dict) and each.get("origin") is None for each in annotation.result):
        return Shown(None, _ticked(annotation.result, config), list(annotation.result))
    if any(each.model_version and not _is_ours(session, project, each) for each in annotation.predictions):
        return None
    return _shown_by_time(session, config, image, annotation.opened_at)


def _with_question(config: LabelConfig, result: Sequence[Any]) -> Shown | None:
    """What was ticked, as the question on the page tells; None where none came with the prediction."""
    asides = [each for each in result if isinstance(each, dict) and each.get("from_name") in ASIDE]
    version = next(filter(None, map(version_of_region, asides)), None)
    question = question_in(asides)
    if config.about is None or version is None or question is None:
        return None
    about = reading(asides, config.about)[-1:]
    ticked = comes_ticked(config, question) or (question is Question.CHECK and _predicted(config, result))
    shown = _ours(config, version, about[0].labels if about and ticked else ())
    return replace(shown, result=[*shown.result, *asides])


def _predicted(config: LabelConfig, result: Sequence[Any]) -> bool:
    """Whether ticks came with the prediction: labels to check had them once, in every label config."""
    found = reading(result, config.suggested) if config.suggested is not None else []
    return any(each.origin in (UNTOUCHED, CHANGED) for each in found)


def _shown_before(
    session: Session, project: Project, config: LabelConfig, annotation: StudioAnnotation
) -> Shown | None:
    revisions = select(Annotation).where(
        *revisions_of(project, annotation), Annotation.suggested.is_not(None)
    )
    found = session.scalars(revisions.order_by(Annotation.revision.desc()).limit(1)).first()
    if found is None:
        return None
    labels = tuple(found.suggested or ())
    if found.shown is None:  # recorded before what was shown was kept
        return _ours(config, found.suggested_version, _called_now(session, project.id, labels))
    return Shown(found.suggested_version, labels, found.shown)


def _shown(session: Session, project: Project, config: LabelConfig, sent: SentPrediction) -> Shown:
    result = sent.result if isinstance(sent.result, list) else []
    version = sent.model_version if _is_ours(session, project, sent) else None
    return Shown(version, _ticked(result, config), result)


def _is_ours(session: Session, project: Project, sent: SentPrediction) -> bool:
    """Whether a prediction is one that we pushed: by our mark, or empty and called by one of our versions."""
    result = sent.result if isinstance(sent.result, list) else []
    if any(version_of_region(each) is not None for each in result):
        return True
    named = select(ModelVersion.id).where(
        ModelVersion.project_id == project.id, ModelVersion.name == sent.model_version
    )
    return not result and session.scalars(named).first() is not None


def _ours(config: LabelConfig, version: str | None, labels: Sequence[str]) -> Shown:
    control = config.ticks or config.suggested or config.control
    return Shown(version, tuple(labels), regions(labels, version or "", control))


def _ticked(result: Sequence[Any], config: LabelConfig) -> tuple[str, ...]:
    control = config.suggested or config.control
    found = reading(list(result), control)
    return found[-1].labels if found else ()


def _version_in(result: Sequence[Any], config: LabelConfig) -> str | None:
    names = {control.name for control in config.holders}
    found = [each for each in result if isinstance(each, dict) and each.get("from_name") in names]
    return next(filter(None, map(version_of_region, found)), None)


def _suggestion(
    session: Session, project: Project, config: LabelConfig, image: Image, version: str
) -> tuple[str, ...]:
    chosen = (
        select(Suggestion)
        .join(ModelVersion, ModelVersion.id == Suggestion.version_id)
        .where(
            Suggestion.image_id == image.id,
            ModelVersion.project_id == project.id,
            ModelVersion.name == version,
        )
    )
    found = session.scalars(chosen).first()
    return _ticked_of(session, project.id, config, found) if found else ()


def _ticked_of(
    session: Session, project_id: int, config: LabelConfig, suggestion: Suggestion
) -> tuple[str, ...]:
    """The labels of a suggestion that came ticked, as they are called today."""
    ticked = comes_ticked(config, suggestion.question)
    return _called_now(session, project_id, suggestion.labels) if ticked else ()


def _called_now(session: Session, project_id: int, labels: Sequence[str]) -> tuple[str, ...]:
    """Labels that were suggested, as they are called today; one that is none any more keeps its name."""
    names = current_names(session, project_id)
    return tuple(names.get(label, label) for label in labels)


def _shown_by_time(session: Session, config: LabelConfig, image: Image, opened_at: datetime) -> Shown | None:
    chosen = (
        select(Suggestion, ModelVersion.name)
        .join(ModelVersion, ModelVersion.id == Suggestion.version_id)
        .where(Suggestion.image_id == image.id, Suggestion.pushed_at <= opened_at)
    )
    found = session.execute(chosen.order_by(Suggestion.pushed_at.desc()).limit(1)).first()
    if found is None:
        return None
    suggestion, version = found
    told = config.ticks is not None
    ticked = _ticked_of(session, image.project_id, config, suggestion) if told else ()
    return _ours(config, version, ticked)
