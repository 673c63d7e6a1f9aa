"""A project's labels and images follow Label Studio's label config and tasks."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.labelstudio.annotations import record_studio_annotation
from annotator.labelstudio.answers import labels_in
from annotator.labelstudio.config import LabelConfig, parse_config
from annotator.labelstudio.controls import Control
from annotator.labelstudio.payloads import StudioAnnotation, Task, read
from annotator.labelstudio.reading import answers_config, chosen_of, project_config
from annotator.store import Annotation, Image, Project, sync_images, sync_labels
from annotator.store.labels import archived
from annotator.store.merged_labels import merged_labels, that_mean
from annotator.store.page_annotations import tell_again
from annotator.store.reconciliations import forget_reconciliation


def adopt_config(
    session: Session,
    project: Project,
    label_config: str,
    at: datetime | None = None,
    *,
    by: str | None = None,
) -> tuple[str, ...]:
    """Make an edited label config the project's; returns the labels that came, went or came back.

    A label is what results write. So one that is called otherwise now and is written as before, by its alias,
    is renamed: it stays the same label, and all that was said of it holds.
    at: a moment, by Label Studio's clock, from which annotators were shown it; None where it is not known.
    by: the person who changed it on the page.
    What older annotations say about a label that they name is derived again, for it may have been unknown.
    Raises OnetagError when the config holds no labels that can be read; then nothing is changed.
    """
    parsed = parse_config(label_config, chosen_of(project))
    before = _control_before(project)
    renamed = _renamed(before, parsed) if before is not None else {}
    changes = sync_labels(session, project, parsed.labels, at, renamed=renamed, by=by)
    if before is not None:
        _remember_aliases(session, project, before, changes.archived)
    if parsed.image_field != _image_field_before(project):
        forget_reconciliation(session, project.id)
    project.label_config, project.config_at = label_config, at or project.config_at
    session.flush()
    tell_again(session, project.id)
    derive_again(session, project, that_mean(session, project.id, {*changes.added, *changes.restored}))
    return (*changes.added, *changes.archived, *changes.restored)


def _image_field_before(project: Project) -> str | None:
    try:
        return image_field(project)
    except OnetagError:
        return None


def _control_before(project: Project) -> Control | None:
    try:
        return project_config(project).control
    except OnetagError:
        return None


def _remember_aliases(session: Session, project: Project, before: Control, gone: Collection[str]) -> None:
    """Keep how results write the labels that leave, for when they come back."""
    for label in archived(session, project.id) if gone else ():
        written = before.written.get(label.name, ())
        if label.name in gone:
            label.alias = written[0] if len(written) == 1 and written[0] != label.name else None
    session.flush()


def _renamed(before: Control, now: LabelConfig) -> dict[str, str]:
    """New names by the old ones, of the labels that results write as before."""
    if before.name != now.control.name:
        return {}
    old = {written: name for name, written in before.written.items()}
    pairs = [(old[written], name) for name, written in now.control.written.items() if written in old]
    return {was: name for was, name in pairs if was not in now.labels and name not in before.labels}


def derive_again(session: Session, project: Project, labels: set[str]) -> None:
    """Record again the annotations that name one of these labels, or had it shown ticked: they have just
    come, or mean others now.

    What such an annotation has said of a label before it left, it still says: also that it is absent.
    """
    live = (
        select(Annotation, Image)
        .join(Image, Image.id == Annotation.image_id)
        .where(
            Annotation.project_id == project.id,
            Annotation.retired_at.is_(None),
            Annotation.studio_annotation.is_not(None),
        )
    )
    config = answers_config(project, merged_labels(session, project.id))
    for annotation, image in session.execute(live).all() if labels else ():
        if labels & {*labels_in(annotation.result, config), *(annotation.suggested or ())}:
            sent, imported = as_sent(annotation, image), annotation.imported
            record_studio_annotation(session, project, image, sent, imported=imported)


def as_sent(annotation: Annotation, image: Image) -> StudioAnnotation:
    """A recorded annotation as it had come; what was shown with it is in the record already."""
    return StudioAnnotation.model_construct(
        id=annotation.studio_annotation or 0,
        task=image.studio_task or 0,
        result=annotation.result,
        skipped=annotation.skipped,
        annotator=annotation.annotator,
        lead_time=annotation.lead_time,
        created_at=annotation.created_at,
        updated_at=annotation.updated_at,
        ground_truth=annotation.ground_truth,
    )


def image_of_task(session: Session, project: Project, number: int, sent: Any = None) -> Image:
    """The image of a task, made from what was sent of it when it is new.

    A known one stays as it is: what was sent may be the past. See `differs`.
    """
    chosen = select(Image).where(Image.project_id == project.id, Image.studio_task == number)
    image = session.scalars(chosen).first()
    if image is None and sent is not None:
        sync_images(session, project.id, {number: read(Task, sent).image(image_field(project))})
        image = session.scalars(chosen).first()
    if image is None:
        raise OnetagError(f"Task {number} is not known.", "Reconcile to read it from Label Studio.")
    return image


def differs(project: Project, image: Image, sent: Any) -> bool:
    """Whether a task as it was sent is another than the image that is known: Label Studio has to be asked."""
    if image.removed_at is not None:
        return True
    task = read(Task, sent) if sent is not None else None
    field = image_field(project)
    return task is not None and (task.lacks_image(field) is not None or task.image(field) != image.uri)


def image_field(project: Project) -> str:
    """The field of a task's data that holds its image."""
    return project_config(project).image_field
