"""What Label Studio is to be told of a page annotation: the result it should have, beside what it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.labelstudio.config import LabelConfig
from annotator.labelstudio.observations import observe
from annotator.labelstudio.payloads import StudioAnnotation
from annotator.labelstudio.reading import project_config
from annotator.labelstudio.told import shown_beside, told_result, with_key
from annotator.store import Annotation, Image, Label, Observation, PageAnnotation, Project
from annotator.store.page_annotations import live_revisions, told_revision
from annotator.store.states import Source, Telling
from annotator.store.types import as_stored


@dataclass(frozen=True)
class ToTell:
    """A page annotation as it is on record: what Label Studio should have, and what it had last.

    wanted: the result; empty where it should have nothing. revision: the one that says it. known, skipped:
    what it had last, under this number. begun: the revision that it may have without our knowing.
    """

    own: int
    key: str
    task: int
    revision: int | None
    wanted: list[Any]
    number: int | None
    known: list[Any]
    skipped: bool
    begun: int | None
    begun_result: list[Any]

    def is_changed(self, there: StudioAnnotation) -> bool:
        """Whether somebody has changed it in Label Studio."""
        return there.skipped != self.skipped or as_stored(there.result) not in (self.known, self.wanted)


def read_to_tell(session: Session, own_id: int) -> ToTell | None:
    """What is to be told of a page annotation; None for nothing."""
    own = session.get_one(PageAnnotation, own_id)
    image = session.get_one(Image, own.image_id)
    if own.telling is not Telling.WAITING or image.studio_task is None:
        return None
    config = project_config(session.get_one(Project, own.project_id))
    live, known = live_revisions(session, [own.id]).get(own.id), told_revision(session, own)
    begun = session.get(Annotation, own.begun_id) if own.begun_id else None
    return ToTell(
        own=own.id,
        key=own.key,
        task=image.studio_task,
        revision=live.id if live else None,
        wanted=_wanted(session, config, own, live) if live else [],
        number=own.studio_annotation,
        known=known.result if known else [],
        skipped=known is not None and known.skipped,
        begun=own.begun_id,
        begun_result=_wanted(session, config, own, begun) if begun else [],
    )


def _wanted(session: Session, config: LabelConfig, own: PageAnnotation, revision: Annotation) -> list[Any]:
    """The result that says what a revision says; empty where the label config cannot say it."""
    if revision.page_answer_id is None:  # undoing brought back what had been changed in Label Studio
        return with_key(revision.result, own.key)
    chosen = select(Label.name, Observation.value).join(Label, Label.id == Observation.label_id)
    values = dict(session.execute(chosen.where(Observation.annotation_id == revision.id)).all())
    return _result(config, values, own.key, own.annotator)


def _result(config: LabelConfig, values: Mapping[str, int], key: str, annotator: str) -> list[Any]:
    """The result that says this and is read back as just this; empty where there is none."""
    meant = {name: value for name, value in values.items() if name in config.labels}
    result = told_result(config, meant, key, annotator) if meant else []
    read = observe(result, config, shown_beside(result, config) or None)
    said = {each.label: each.value for each in read.observed if each.source is Source.PAGE}
    return result if said == meant and len(read.observed) == len(said) and not read.unmatched else []


def can_say(config: LabelConfig, values: Mapping[str, int]) -> bool:
    """Whether an annotation of this label config can say just that of some labels, +1 and -1 by name."""
    return bool(_result(config, values, "0" * 32, ""))
