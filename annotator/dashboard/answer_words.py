"""Answers on the page in words: what was said, what was taken back, and what Label Studio is not told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from annotator.dashboard.tiles import image_name
from annotator.errors import OnetagError
from annotator.labelstudio.reading import project_config
from annotator.labelstudio.to_tell import can_say
from annotator.store import Image
from annotator.store.said_at_once import SaidAtOnce, said_at_once

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from annotator.store import Project
    from annotator.store.page_answers import Answered

NAMED = 4
"""Labels that are named one by one; of more their number is told."""


def told_of_answer(session: Session, done: Answered) -> str:
    """What was recorded: `boat: absent on 12 images, by you just now`."""
    if done.answer_id is None:
        return (
            "You have said that already." if done.known else "These images are not in the project any more."
        )
    notes = [f"{done.known} of yours said that already"] if done.known else []
    notes += [f"{done.gone} are not in the project any more"] if done.gone else []
    return "; ".join([f"{in_words(said_at_once(session, done.answer_id))}, by you just now", *notes])


def told_of_undoing(session: Session, done: Answered | None, in_sight: Sequence[int]) -> str:
    """What was taken back; of which image, where it is not one of those in sight."""
    if done is None or done.answer_id is None:
        return "There is nothing of yours to take back."
    if not done.images:
        return f"Nothing is taken back: {_images(done.changed)} changed in Label Studio since."
    words = f"Taken back: {in_words(said_at_once(session, done.answer_id))}"
    if len(done.images) == 1 and done.images[0] not in in_sight:
        words += f", of {image_name(session.get_one(Image, done.images[0]))}"
    if done.changed:
        words += f"; {_images(done.changed)} changed in Label Studio since, and left as they are there"
    return words


def in_words(said: SaidAtOnce) -> str:
    """What was said of images.

    >>> in_words(SaidAtOnce(1, {("boat", 1): 1, ("dog", -1): 1}))
    'boat: present; dog: absent'
    >>> in_words(SaidAtOnce(12, {("boat", -1): 12}))
    'boat: absent on 12 images'
    >>> in_words(SaidAtOnce(3, {("boat", 1): 3, ("dog", 1): 1}))
    'boat, dog: present on 3 images in all'
    >>> in_words(SaidAtOnce(1, {(f"label {number}", -1): 1 for number in range(17)}))
    '17 labels: absent'
    """
    parts = []
    for value, word in ((1, "present"), (-1, "absent")):
        names = [name for name, said_to_be in said.labels if said_to_be == value]
        if names:
            parts.append(f"{', '.join(names) if len(names) <= NAMED else f'{len(names)} labels'}: {word}")
    where = "" if said.images == 1 else f" on {_images(said.images)}"
    uneven = any(count != said.images for count in said.labels.values())
    return f"{'; '.join(parts)}{where}{' in all' if uneven else ''}"


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


def _images(count: int) -> str:
    """So many images, in words.

    >>> _images(1), _images(1200)
    ('1 image', '1,200 images')
    """
    return f"{count:,} image" + ("" if count == 1 else "s")
