"""Thresholds that people set: in what trainings make, and in a version that is in use already.

The latter becomes a version of its own: the same model with other thresholds, published like any other. Its
suggestions are in Label Studio before those of the one before go, so no open page loses its prediction; and
each version still tells by which thresholds it suggested.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert, literal, select
from sqlalchemy.orm import Session

from annotator.store import (
    LabelVector,
    ModelVersion,
    Project,
    Store,
    Suggested,
    Suggestion,
    store_suggestions,
)
from annotator.store.drawn import drawn
from annotator.store.said import said
from annotator.store.states import Question
from annotator.store.thresholds import are_in_force, held_thresholds, thresholds_in_force
from annotator.store.vectors import load_column, reaches
from annotator.store.versions import active_version, next_name
from model_backend.engine.resources import LearningResources
from model_backend.engine.versions import save_version
from model_backend.training import Fit

Thresholds = NDArray[np.float32]

log = logging.getLogger(__name__)


def with_held(
    fit: Fit, label_ids: Sequence[int], held: Mapping[int, float]
) -> tuple[Fit, list[float] | None]:
    """The fit with people's thresholds (`held`, by label) in place of its own, and those that it had chosen.

    The latter are None where no label of the fit has one.
    """
    places = [place for place, label_id in enumerate(label_ids) if label_id in held]
    if not places:
        return fit, None
    learned = fit.model.thresholds
    wanted = learned.copy()
    wanted[places] = [held[label_ids[place]] for place in places]
    return replace(fit, model=fit.model.with_thresholds(wanted)), learned.tolist()


def adjust_thresholds(store: Store, resources: LearningResources, project_id: int) -> ModelVersion | None:
    """Bring people's thresholds into use: a version with the model of the one in use, and these.

    None where they are in use already, there is no version, or another one was taken into use meanwhile: then
    it is looked at again. Raises LearningError when the version's files are gone or damaged, OnetagError when
    the disk is full.
    """
    with store.reading() as session:
        version = active_version(session, project_id)
        held = held_thresholds(session, project_id)
    if version is None or not version.folder or are_in_force(version, held):
        return None
    wanted = np.array(thresholds_in_force(version, held), dtype=np.float32)
    model = resources.model(version).with_thresholds(wanted)
    with store.reading() as session:
        suggestions = list(_suggestions(session, version, wanted, resources.settings.complete_share))
        name = f"{next_name(session, project_id)}-thresholds"
    data_dir = resources.settings.data_dir
    folder = save_version(data_dir, project_id, name, model)
    try:
        with store.session() as session:
            made = _stored(session, version, name, folder, wanted.tolist())
            if made is not None:
                store_suggestions(session, made.id, suggestions)
    except BaseException:
        shutil.rmtree(data_dir / folder, ignore_errors=True)
        raise
    if made is None:
        shutil.rmtree(data_dir / folder, ignore_errors=True)
        return None
    log.info("Version %s has the model of %s, and the thresholds that people set.", name, version.name)
    resources.keep(made.id, model)
    return made


def _suggestions(
    session: Session, version: ModelVersion, thresholds: Thresholds, complete_share: float
) -> Iterator[Suggested]:
    """What the version suggests by these: other ticks, with the questions and the order that it had.

    Labels that a question names, and images that chance drew to be marked without suggestions, stay as they
    are.
    """
    others = np.flatnonzero(np.array(version.thresholds, dtype=np.float32) != thresholds).tolist()
    names = [version.labels[place] for place in others]
    hits = _reaching(session, version, thresholds, others)
    chosen = select(Suggestion).where(Suggestion.version_id == version.id).order_by(Suggestion.image_id)
    rows = session.scalars(chosen).all()
    by_chance = drawn(version.project_id, [row.image_id for row in rows], complete_share)
    places = {name: place for place, name in enumerate(version.labels)}
    for row, is_drawn in zip(rows, by_chance.tolist(), strict=True):
        labels = row.labels
        if row.question is Question.TAG or (row.question is Question.COMPLETE and not is_drawn):
            kept = [name for name in row.labels if name not in names]
            fresh = [names[place] for place in hits.get(row.image_id, ())]
            labels = sorted([*kept, *fresh], key=places.__getitem__)
        yield Suggested(row.image_id, labels, row.score, row.cluster, row.question)


def _reaching(
    session: Session, version: ModelVersion, thresholds: Thresholds, others: Sequence[int]
) -> dict[int, list[int]]:
    """By image, which of the labels at these places reach their threshold and are unknown."""
    found: dict[int, list[int]] = {}
    for number, place in enumerate(others):
        image_ids, probabilities = load_column(session, version.id, place)
        unknown = said(session, [version.label_ids[place]], image_ids).values[:, 0] == 0
        reaching = reaches(probabilities, thresholds[place])
        for image_id in image_ids[reaching & unknown].tolist():
            found.setdefault(image_id, []).append(number)
    return found


def _stored(
    session: Session, before: ModelVersion, name: str, folder: str, thresholds: list[float]
) -> ModelVersion | None:
    """A version with model and vectors of another, in its place; None where that is not in use now."""
    project = session.get_one(Project, before.project_id, populate_existing=True, with_for_update=True)
    if project.active_version_id != before.id:
        return None
    made = ModelVersion(
        project_id=project.id,
        name=name,
        labels=before.labels,
        label_ids=before.label_ids,
        folder=folder,
        backbone=before.backbone,
        recipe=before.recipe,
        metrics=before.metrics,
        thresholds=thresholds,
        learned_thresholds=before.learned_thresholds or before.thresholds,
        calibration_scale=before.calibration_scale,
        calibration_offset=before.calibration_offset,
        derived_from_id=before.derived_from_id or before.id,
    )
    session.add(made)
    session.flush()
    _copy_vectors(session, before.id, made.id)
    project.active_version_id = made.id
    return made


def _copy_vectors(session: Session, before: int, now: int) -> None:
    vectors = select(literal(now), LabelVector.image_id, LabelVector.probabilities).where(
        LabelVector.version_id == before
    )
    columns = ["version_id", "image_id", "probabilities"]
    session.execute(insert(LabelVector).from_select(columns, vectors, include_defaults=False))
