"""Answering on the page: what is in marked images, or in one, and taking it back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import abort, g, jsonify, redirect, request

from annotator.dashboard.access import answering
from annotator.dashboard.answer_forms import images_in, said_in
from annotator.dashboard.answer_words import in_words, told_of_answer, told_of_undoing, told_to_studio
from annotator.dashboard.entrance import own_path
from annotator.dashboard.page import wants_json
from annotator.errors import OnetagError
from annotator.store import Project
from annotator.store.page_answers import Answered, AnswerRefused, newest_answer, record_answer, undo_answer
from annotator.store.said_at_once import said_at_once

if TYPE_CHECKING:
    from datetime import datetime

    from flask import Blueprint
    from sqlalchemy.orm import Session
    from werkzeug import Response

    from annotator.dashboard.page import Page

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Newest:
    """The answer that a person would take back now, in words."""

    words: str
    answered_at: datetime


@dataclass(frozen=True)
class _Told:
    """What became of an answer or an undoing: in words, and of which images.

    undo: whether the person has something to take back now; changed: whether Label Studio is to be told.
    """

    words: str
    images: Sequence[int]
    undo: bool
    changed: bool


class AnsweringView:
    """What is said on the grid and on the page of one image; the forms are those of `answer_forms`."""

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
        person, version = g.person.name, request.form.get("version") or None

        def work(session: Session) -> _Told:
            project = self._page.project(session, key)
            answers = said_in(session, project, person, request.form)
            done = record_answer(session, project, person, answers, version=version)
            return _told(session, project, person, done, told_of_answer(session, done))

        return self._done(self._write(work))

    @answering
    def undo(self, key: str) -> Response:
        """Take back one's own newest answer."""
        person, in_sight = g.person.name, images_in(request.form)

        def work(session: Session) -> _Told:
            project = self._page.project(session, key)
            done = undo_answer(session, project, person)
            words = told_of_undoing(session, done, in_sight)
            return _told(session, project, person, done or Answered(), words)

        return self._done(self._write(work))

    def _write(self, work: Callable[[Session], _Told]) -> _Told:
        try:
            told = self._page.store.write(work)
        except AnswerRefused as error:
            abort(400, str(error))
        if told.changed:
            try:
                self._page.tell()
            except OnetagError as error:  # the periodic check finds it in the store
                log.warning("What was said on the page waits for the periodic check: %s", error)
        return told

    def _done(self, told: _Told) -> Response:
        """To a script what happened; to a browser the page that it came from."""
        if wants_json():
            return jsonify(told=told.words, images=list(told.images), undo=told.undo)
        return redirect(own_path(request.form.get("back", "")), 303)

    def _newest(self, project: Project) -> Newest | None:
        """The newest answer of who asks, for the button that takes it back."""
        with self._page.store.reading() as session:
            answer = newest_answer(session, project.id, g.person.name)
            if answer is None:
                return None
            return Newest(in_words(said_at_once(session, answer.id)), answer.answered_at)


def _told(session: Session, project: Project, person: str, done: Answered, words: str) -> _Told:
    left = newest_answer(session, project.id, person) is not None
    return _Told(words, done.images, left, done.answer_id is not None)
