"""What a form of the page says of which images.

It names the images (`image`), and either labels that are there and not there (`present`, `absent`), or one
`label` and what to `say` of it. `say=suggested` accepts what is suggested of each image, `say=rest` says that
nothing else is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from flask import abort
from sqlalchemy import select

from annotator.dashboard.catalog import thresholds_of
from annotator.store import ModelVersion, Observation, Project, Source, live_labels, load_vectors
from annotator.store.page_answers import ImageAnswer
from annotator.store.said import said
from annotator.store.vectors import reaches

if TYPE_CHECKING:
    from sqlalchemy.orm import Session
    from werkzeug.datastructures import MultiDict

    Form = MultiDict[str, str]


def images_in(form: Form) -> list[int]:
    """The images that a form names, each once; the browser gets 400 for what is no number."""
    return [_number(text) for text in dict.fromkeys(form.getlist("image"))]


def said_in(session: Session, project: Project, person: str, form: Form) -> list[ImageAnswer]:
    """What a form says of each image; the browser gets 400 for what cannot be meant."""
    images, say = images_in(form), form.get("say")
    if say == "suggested":
        return _accepted(session, project, images, form.get("version", ""))
    if say == "rest":
        return _nothing_else(session, project, images, person)
    ids = {label.name: label.id for label in live_labels(session, project.id)}
    named = {side: [_label(ids, name) for name in form.getlist(side)] for side in ("present", "absent")}
    if say in named:
        named[say].append(_label(ids, form.get("label", "")))
    return [ImageAnswer(image, named["present"], named["absent"]) for image in images]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        abort(400, "An image is named by its number. Load the page again.")
    return int(text)


def _label(ids: dict[str, int], name: str) -> int:
    if name not in ids:
        abort(400, f"The project does not have the label {name[:80]!r} (any more). Load the page again.")
    return ids[name]


def _accepted(
    session: Session, project: Project, images: Sequence[int], version_name: str
) -> list[ImageAnswer]:
    """What the version in sight suggests of each image, and nobody has said anything of."""
    chosen = select(ModelVersion).where(
        ModelVersion.project_id == project.id, ModelVersion.name == version_name
    )
    version = session.scalars(chosen).first()
    if version is None:
        abort(400, "That version is not there any more. Load the page again.")
    live = {label.id for label in live_labels(session, project.id)}
    thresholds = thresholds_of(version)
    labels = [label for label in version.label_ids if label in live and label in thresholds]
    columns = [version.label_ids.index(label) for label in labels]
    limits = [thresholds[label] for label in labels]
    ids, vectors = load_vectors(session, version.id, sorted(images))
    known = said(session, labels, np.array(ids, dtype=np.int64))
    suggested = reaches(vectors[:, columns], limits) & (known.values == 0) & ~known.tied
    accepted = [
        ImageAnswer(image, [labels[column] for column in np.flatnonzero(row)])
        for image, row in zip(ids, suggested, strict=True)
        if row.any()
    ]
    if not accepted:
        abort(400, "Nothing is suggested for these images that nobody has answered yet.")
    return accepted


def _nothing_else(
    session: Session, project: Project, images: Sequence[int], person: str
) -> list[ImageAnswer]:
    """Every label is absent that neither people nor the person say to be there."""
    labels = [label.id for label in live_labels(session, project.id)]
    ids = sorted(images)
    known = said(session, labels, np.array(ids, dtype=np.int64))
    own = select(Observation.image_id, Observation.label_id).where(
        Observation.image_id.in_(ids),
        Observation.annotator == person,
        Observation.source == Source.PAGE,
        Observation.value > 0,
        Observation.retired_at.is_(None),
    )
    there = set(session.execute(own).all())
    answers = [
        ImageAnswer(
            image,
            absent=[
                label
                for label, value in zip(labels, row, strict=True)
                if value <= 0 and (image, label) not in there
            ],
        )
        for image, row in zip(ids, known.values.tolist(), strict=True)
    ]
    said_of = [each for each in answers if each.absent]
    if images and not said_of:
        abort(400, "All labels are there: there is nothing else.")
    return said_of
