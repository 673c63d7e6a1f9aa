"""Answering on the page: what is in marked images, or in one, and taking it back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from flask import abort, g, jsonify, redirect, request
from sqlalchemy import func, select

from annotator.dashboard.access import answering
from annotator.dashboard.catalog import thresholds_of
from annotator.dashboard.entrance import own_path
from annotator.dashboard.page import wants_json
from annotator.errors import OnetagError
from annotator.labelstudio.reading import project_config
from annotator.labelstudio.to_tell import can_say
from annotator.store import Annotation, ModelVersion, Project, live_labels, load_vectors
from annotator.store.page_answers import (
    Answered,
    AnswerRefused,
    ImageAnswer,
    newest_answer,
    record_answer,
    undo_answer,
)
from annotator.store.said import said
from annotator.store.vectors import reaches

if TYPE_CHECKING:
    from datetime import datetime

    from flask import Blueprint
    from sqlalchemy.orm import Session
    from werkzeug import Response

    from annotator.dashboard.page import Page

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Newest:
    """The answer that a person would take back now."""

    images: int
    answered_at: datetime


class AnsweringView:
    """What is said on the grid and on the page of one image.

    A form names the images (`image`), and either labels that are there and not there (`present`, `absent`),
    or one `label` and what to `say` of it; `say=suggested` accepts what is suggested of each image.
    """

    def __init__(self, page: Page) -> None:
        self._page = page

    def add_to(self, blueprint: Blueprint) -> None:
        """Add its addresses, and what templates ask: `newest_answer` and `told_to_studio`."""
        blueprint.add_url_rule("/<key>/answer", "answer", self.answer, methods=["POST"])
        blueprint.add_url_rule("/<key>/undo", "undo", self.undo, methods=["POST"])
        blueprint.context_processor(lambda: {"newest_answer": self._newest, "told_to_studio": told_to_studio})

    @answering
    def answer(self, key: str) -> Response:
        """Record what the form says, and ask for Label Studio to be told."""
        person = g.person.name

        def work(session: Session) -> tuple[Answered, str]:
            project = self._page.project(session, key)
            said_of = _said_of(session, project)
            version = request.form.get("version") or None
            done = record_answer(session, project, person, said_of, version=version)
            return done, _told(session, project, said_of, done)

        return self._done(*self._write(work))

    @answering
    def undo(self, key: str) -> Response:
        """Take back one's own newest answer."""
        person = g.person.name

        def work(session: Session) -> tuple[Answered, str]:
            done = undo_answer(session, self._page.project(session, key), person)
            if done is None:
                return Answered(), "There is nothing of yours to take back."
            left = f"; {done.changed} were changed in Label Studio since and stay" if done.changed else ""
            return done, f"Taken back: {_images(len(done.images))}{left}."

        return self._done(*self._write(work))

    def _write(self, work: Callable[[Session], tuple[Answered, str]]) -> tuple[Answered, str]:
        try:
            done, told = self._page.store.write(work)
        except AnswerRefused as error:
            abort(400, str(error))
        if done.answer_id is not None:
            try:
                self._page.tell()
            except OnetagError as error:  # the periodic check finds it in the store
                log.warning("What was said on the page waits for the periodic check: %s", error)
        return done, told

    def _done(self, done: Answered, told: str) -> Response:
        """To a script what happened; to a browser the page that it came from."""
        if wants_json():
            return jsonify(told=told, images=list(done.images))
        return redirect(own_path(request.form.get("back", "")), 303)

    def _newest(self, project: Project) -> Newest | None:
        """The newest answer of who asks, for the button that takes it back."""
        with self._page.store.reading() as session:
            answer = newest_answer(session, project.id, g.person.name)
            if answer is None:
                return None
            made = select(func.count(Annotation.image_id.distinct()))
            images = session.scalar(made.where(Annotation.page_answer_id == answer.id))
            return Newest(images or 0, answer.answered_at)


def told_to_studio(project: Project, label: str) -> str:
    """What Label Studio is not told of an answer to this label, a sentence; empty where it is told all."""
    if project.studio_project is None:
        return "This project has no Label Studio: answers are kept here alone."
    try:
        config = project_config(project)
    except OnetagError:
        return "The label config cannot be read: answers are kept here alone."
    can = can_say(config, {label: 1}), can_say(config, {label: -1})
    if all(can):
        return ""
    lacking = "that labels are not there" if can[0] else "that a label is there or not"
    kept = "such answers are kept here alone, and count the same"
    return f"The project's label config cannot say {lacking}: {kept}."


def _said_of(session: Session, project: Project) -> list[ImageAnswer]:
    """What the form says of each image."""
    images = [_number(text) for text in dict.fromkeys(request.form.getlist("image"))]
    if request.form.get("say") == "suggested":
        return _accepted(session, project, images)
    ids = {label.name: label.id for label in live_labels(session, project.id)}
    named = {
        side: [_label(ids, name) for name in request.form.getlist(side)] for side in ("present", "absent")
    }
    say = request.form.get("say")
    if say in named:
        named[say].append(_label(ids, request.form.get("label", "")))
    return [ImageAnswer(image, named["present"], named["absent"]) for image in images]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        abort(400, "An image is named by its number. Load the page again.")
    return int(text)


def _label(ids: dict[str, int], name: str) -> int:
    if name not in ids:
        abort(400, f"The project does not have the label {name[:80]!r} (any more). Load the page again.")
    return ids[name]


def _accepted(session: Session, project: Project, images: Sequence[int]) -> list[ImageAnswer]:
    """What the version in sight suggests of each image, and nobody has said anything of."""
    chosen = select(ModelVersion).where(
        ModelVersion.project_id == project.id, ModelVersion.name == request.form.get("version", "")
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


def _told(session: Session, project: Project, said_of: Sequence[ImageAnswer], done: Answered) -> str:
    """What was recorded, in words: `12 images: boat absent.`"""
    images = set(done.images)
    changed = [each for each in said_of if each.image_id in images]
    if not changed:
        return "That was known already." if done.known else "These images are not in the project any more."
    values = {tuple(sorted(each.values.items())) for each in changed}
    names = {label.id: label.name for label in live_labels(session, project.id)}
    what = "what was suggested"
    if len(values) == 1:
        words = [f"{names[label]} {'present' if value > 0 else 'absent'}" for label, value in values.pop()]
        what = ", ".join(words)
    notes = [f"{done.known} said that already"] if done.known else []
    notes += [f"{done.gone} are not in the project any more"] if done.gone else []
    return f"{_images(len(changed))}: {what}.{' ' + '; '.join(notes).capitalize() + '.' if notes else ''}"


def _images(count: int) -> str:
    """So many images, in words.

    >>> _images(1), _images(1200)
    ('1 image', '1,200 images')
    """
    return f"{count:,} image" + ("" if count == 1 else "s")
