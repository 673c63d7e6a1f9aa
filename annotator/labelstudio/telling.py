"""Telling Label Studio what people say on the page: annotations made, changed and deleted there.

What is to be told stands in the store (`PageAnnotation.telling`), so an answer waits for no Label Studio and
is lost with none. Each one is looked for there before anything is done: what somebody changed or deleted
meanwhile holds, and what was said on the page since is said again upon it. Killed at any moment, and done
again, nothing is there twice: an annotation is made under the key of the page annotation, which Label Studio
takes once only, and is found again by it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.labelstudio.annotations import record_studio_annotation
from annotator.labelstudio.client import Studio
from annotator.labelstudio.errors import LabelStudioMissing, LabelStudioRefused
from annotator.labelstudio.payloads import StudioAnnotation, read_annotation
from annotator.labelstudio.to_tell import ToTell, read_to_tell
from annotator.labelstudio.told import key_in
from annotator.store import Annotation, Deletion, Image, PageAnnotation, Project, Store
from annotator.store.last_failures import remembered
from annotator.store.page_annotations import (
    live_revisions,
    newest_revisions,
    not_there,
    observations_of,
    told_revision,
    waiting_to_be_told,
)
from annotator.store.page_answers import say_upon
from annotator.store.problems import pause_after
from annotator.store.records import before_now
from annotator.store.retiring import retire
from annotator.store.states import Telling, Work
from annotator.store.turns import take_turn
from annotator.store.types import as_stored, utc_now

log = logging.getLogger(__name__)

AT_ONCE = 500  # page annotations whose ids are read together
LOOKS = 5  # at one that changes while it is told
CONFLICT = 409


def tell_studio(store: Store, studio: Studio, project_id: int, stop: threading.Event | None = None) -> int:
    """Tell Label Studio what it does not know yet of the answers on the page; returns how many were told.

    One that it refuses is told again later, and does not keep the others waiting. Raises LabelStudioError
    when it cannot be reached, and OnetagError where something was refused.
    """
    told, waiting = 0, _waiting(store, project_id)
    if not waiting:
        return told
    with remembered(store, project_id, Work.TELLING):
        while waiting:
            for own_id in waiting:
                if stop and stop.is_set():
                    return told
                told += _tell_one(store, studio, own_id)
            waiting = _waiting(store, project_id)
        _raise_refused(store, project_id)
    return told


def _waiting(store: Store, project_id: int) -> Sequence[int]:
    with store.reading() as session:
        return waiting_to_be_told(session, project_id, AT_ONCE)


def _tell_one(store: Store, studio: Studio, own_id: int) -> bool:
    """Tell of one page annotation; whether that came to its end."""
    try:
        for _ in range(LOOKS):
            with store.reading() as session:
                to_tell = read_to_tell(session, own_id)
            if to_tell is None:
                return True
            _tell(store, studio, to_tell)
        refused = "It changes there all the time."
    except LabelStudioRefused as error:
        refused = str(error)
    store.write(lambda session: _put_off(session, own_id, refused))
    return False


def _tell(store: Store, studio: Studio, to_tell: ToTell) -> None:
    """One step towards Label Studio's having what is wanted, and the note of it."""
    there = _look(studio, to_tell)
    if to_tell.number is None and there is not None:  # it was made, and we were stopped before we noted it
        begun, found = to_tell.begun, there.model_copy(update={"result": to_tell.begun_result})
        store.write(lambda session: _note(session, to_tell.own, begun, found))  # then it is looked at
    elif to_tell.number is not None and (there is None or to_tell.is_changed(there)):
        store.write(lambda session: _follow(session, to_tell.own, there))
    elif to_tell.wanted:
        sent = _send(store, studio, to_tell, there)
        if sent is not None:
            store.write(lambda session: _note(session, to_tell.own, to_tell.revision, sent, done=True))
    else:
        if there is not None:
            with suppress(LabelStudioMissing):
                studio.delete_annotation(there.id)
        store.write(lambda session: _note_nothing(session, to_tell.own, to_tell.revision))


def _look(studio: Studio, to_tell: ToTell) -> StudioAnnotation | None:
    """What Label Studio has of it."""
    if to_tell.number is not None:
        try:
            return read_annotation(studio.annotation(to_tell.number))
        except LabelStudioMissing:
            return None
    return None if to_tell.begun is None else _marked(studio, to_tell)


def _marked(studio: Studio, to_tell: ToTell) -> StudioAnnotation | None:
    """The annotation of its task that bears its key."""
    annotations = studio.task(to_tell.task).get("annotations") or []
    ours = [each for each in annotations if key_in(each.get("result")) == to_tell.key]
    return read_annotation({"task": to_tell.task, **ours[0]}) if ours else None


def _send(
    store: Store, studio: Studio, to_tell: ToTell, there: StudioAnnotation | None
) -> StudioAnnotation | None:
    """Have Label Studio make or change it; None where it has it already, to be looked for."""
    if there is not None and as_stored(there.result) == to_tell.wanted and not there.skipped:
        return there
    if there is not None:
        sent = studio.update_annotation(there.id, result=to_tell.wanted, was_cancelled=False)
        return read_annotation(sent)
    store.write(lambda session: _begin(session, to_tell))
    try:
        return read_annotation(studio.annotate(to_tell.task, to_tell.wanted, unique_id=to_tell.key))
    except LabelStudioRefused as error:
        if error.status != CONFLICT:
            raise
        if _marked(studio, to_tell) is None:  # what it was made into bears no mark any more, and is another's
            store.write(lambda session: not_there(_own(session, to_tell.own)))
        return None


def _begin(session: Session, to_tell: ToTell) -> None:
    take_turn(session, session.get_one(PageAnnotation, to_tell.own).project_id)
    session.get_one(PageAnnotation, to_tell.own, populate_existing=True).begun_id = to_tell.revision


def _note(
    session: Session, own_id: int, revision_id: int | None, there: StudioAnnotation, *, done: bool = False
) -> None:
    """Note that Label Studio has a revision, as this annotation; `done`: and that it is just so."""
    own = _own(session, own_id)
    revision = session.get_one(Annotation, revision_id, populate_existing=True)
    earlier = before_now(session, own.project_id, there.id).newest
    before = session.get(Annotation, earlier) if earlier else None
    if before is not None and before.id != revision.id:  # a number may have been given before
        revision.revision = max(revision.revision, before.revision + 1)
    revision.studio_annotation, revision.result = there.id, as_stored(there.result)
    revision.created_at, revision.updated_at = there.made_at, there.updated_at
    own.studio_annotation, own.begun_id = there.id, None
    own.tries, own.try_at, own.error = 0, None, None
    session.flush()
    deleted = session.get(Deletion, (own.project_id, there.id)) is not None
    if done and revision.retired_at is None and not deleted:
        own.telling = Telling.TOLD
        project, image = session.get_one(Project, own.project_id), session.get_one(Image, own.image_id)
        record_studio_annotation(session, project, image, there)  # it may have been starred meanwhile


def _note_nothing(session: Session, own_id: int, revision_id: int | None) -> None:
    """Note that Label Studio has nothing of it."""
    own = _own(session, own_id)
    live = live_revisions(session, [own.id]).get(own.id)
    not_there(own)
    own.tries, own.try_at, own.error = 0, None, None
    if (live.id if live else None) == revision_id:
        own.telling = Telling.KEPT if live else Telling.TOLD


def _follow(session: Session, own_id: int, there: StudioAnnotation | None) -> None:
    """Record what was changed or deleted in Label Studio, and say again upon it what was said here since."""
    own = _own(session, own_id)
    project, image = session.get_one(Project, own.project_id), session.get_one(Image, own.image_id)
    known, live = told_revision(session, own), live_revisions(session, [own.id]).get(own.id)
    said = observations_of(session, [each for each in (known, live) if each is not None])
    before = {each.label_id: each.value for each in said[known.id]} if known else {}
    since = [each for each in said[live.id] if before.get(each.label_id) != each.value] if live else []
    if live is not None:
        retire(session, [live], utc_now())
    base = None
    if there is None:
        not_there(own)
    else:
        on_record = before_now(session, own.project_id, there.id)
        base = record_studio_annotation(session, project, image, there, before=on_record, telling=True)
    own.telling = Telling.TOLD
    if live is not None and since:
        number = newest_revisions(session, [own.id]).get(own.id, 0) + 1
        say_upon(session, live, since, base, number)
        own.telling = Telling.WAITING


def _own(session: Session, own_id: int) -> PageAnnotation:
    """A page annotation, with its project locked."""
    take_turn(session, session.get_one(PageAnnotation, own_id).project_id)
    return session.get_one(PageAnnotation, own_id, populate_existing=True)


def _put_off(session: Session, own_id: int, error: str) -> None:
    own = _own(session, own_id)
    own.tries, own.error = own.tries + 1, error
    own.try_at = utc_now() + pause_after(own.tries)


def _raise_refused(store: Store, project_id: int) -> None:
    with store.reading() as session:
        refused = select(PageAnnotation.error).where(
            PageAnnotation.project_id == project_id,
            PageAnnotation.telling == Telling.WAITING,
            PageAnnotation.error.is_not(None),
        )
        errors = session.scalars(refused.order_by(PageAnnotation.id)).all()
    if errors:
        raise OnetagError(
            f"Of the answers on the page Label Studio does not take {len(errors)}: {errors[0]}",
            "They are in the store and are told again by themselves.",
        )
