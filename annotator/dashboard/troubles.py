"""What is wrong with a project, each with its cure: what `onetag doctor` finds in the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy.orm import Session

from annotator.labelstudio.health import Check
from annotator.store import image_problems, set_aside
from annotator.store.last_failures import last_failures
from annotator.store.states import TRIED_AGAIN, Unused
from annotator.store.unused import unused_answers


@dataclass(frozen=True)
class Trouble:
    """Something that is wrong. cure: what to do about it, a sentence; `by itself` where nothing is."""

    what: str
    cure: str


def of_machine(checks: Iterable[Check]) -> list[Trouble]:
    """The checks that do not hold."""
    return [
        Trouble(f"{check.name.capitalize()}: {check.detail}", check.fix) for check in checks if not check.ok
    ]


def troubles(session: Session, project_id: int) -> list[Trouble]:
    """What is wrong, the worst first."""
    return [*_failing(session, project_id), *_events(session, project_id), *_images(session, project_id)] + [
        Trouble(each.detail.capitalize() + ".", each.fix)
        for each in unused_answers(session, project_id)
        if each.reason != Unused.UNTOUCHED
    ]


def _failing(session: Session, project_id: int) -> Iterator[Trouble]:
    for each in last_failures(session, project_id):
        often = f", {each.times} times in a row" if each.times > 1 else ""
        yield Trouble(
            f"{each.work.capitalize()} fails{often}: {each.error}",
            "Do what it says; it is tried again by itself, and then this is gone.",
        )


def _events(session: Session, project_id: int) -> Iterator[Trouble]:
    aside = set_aside(session).get(project_id)
    if aside is not None:
        yield Trouble(
            f"{aside.count:,} events of Label Studio could not be taken in and are kept apart: {aside.error}",
            "See `onetag events list`; then `onetag events retry`, or `onetag events drop`.",
        )


def _images(session: Session, project_id: int) -> Iterator[Trouble]:
    for each in image_problems(session, project_id, examples=1):
        example = each.examples[0].problem if each.examples else ""
        again = each.reason in TRIED_AGAIN
        cure = "It is tried again by itself." if again else "Mend it, then `onetag train` tries them again."
        yield Trouble(f"{each.count:,} images are not used ({each.reason}). The first: {example}", cure)
