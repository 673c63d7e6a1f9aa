"""What one answer on the page said, whatever its images' annotations say besides."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select

from annotator.store import Image, Project, Store, live_labels
from annotator.store.page_answers import ImageAnswer, record_answer, undo_answer
from annotator.store.said_at_once import SaidAtOnce, said_at_once


def test_an_answer_said_what_it_added(store: Store, make_project: Callable[..., Project]) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog, tree", images=3)
        images = session.scalars(select(Image.id).order_by(Image.id)).all()
        cat, dog, tree = (label.id for label in live_labels(session, project.id))

        def say(present: list[int], absent: list[int], *places: int) -> int:
            answers = [ImageAnswer(images[place], present, absent) for place in places]
            done = record_answer(session, project, "ann", answers)
            assert done.answer_id is not None
            return done.answer_id

        first = say([cat], [], 0)
        second = say([cat, tree], [dog], 0, 1)
        assert said_at_once(session, first) == SaidAtOnce(1, {("cat", 1): 1})
        added = SaidAtOnce(2, {("cat", 1): 1, ("dog", -1): 2, ("tree", 1): 2})
        assert said_at_once(session, second) == added
        assert list(said_at_once(session, second).labels) == [("cat", 1), ("dog", -1), ("tree", 1)]
        undo_answer(session, project, "ann")
        assert said_at_once(session, second) == added, "also of what was taken back"
        assert said_at_once(session, first) == SaidAtOnce(1, {("cat", 1): 1}), "though it was said again"
