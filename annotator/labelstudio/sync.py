"""A project's labels and images follow Label Studio's label config and tasks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.labelstudio.annotations import record_studio_annotation
from annotator.labelstudio.answers import labels_in
from annotator.labelstudio.config import parse_config
from annotator.labelstudio.payloads import StudioAnnotation, Task, read
from annotator.labelstudio.reading import chosen_of, project_config
from annotator.store import Annotation, Image, Project, sync_images, sync_labels


def adopt_config(session: Session, project: Project, label_config: str) -> tuple[str, ...]:
    """Make an edited label config the project's; returns the labels that came, went or came back.

    What older annotations say about a label that they name is derived again, for it may have been unknown.
    Raises OnetagError when the config holds no labels that can be read; then nothing is changed.
    """
    parsed = parse_config(label_config, chosen_of(project))
    changes = sync_labels(session, project, parsed.labels)
    project.label_config = label_config
    session.flush()
    _derive_again(session, project, {*changes.added, *changes.restored})
    return (*changes.added, *changes.archived, *changes.restored)


def _derive_again(session: Session, project: Project, come: set[str]) -> None:
    """Record again the annotations that name one of the labels that have just come, or had it shown ticked.

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
    config = project_config(project)
    for annotation, image in session.execute(live).all() if come else ():
        if come & {*labels_in(annotation.result, config), *(annotation.suggested or ())}:
            sent, imported = as_sent(annotation, image), annotation.imported
            record_studio_annotation(session, project, image, sent, new_labels=come, imported=imported)


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
    """The image of a task, made from what was sent of it when it is new, removed or points elsewhere now."""
    chosen = select(Image).where(Image.project_id == project.id, Image.studio_task == number)
    image = session.scalars(chosen).first()
    task = read(Task, sent) if sent is not None else None
    if task is not None and image is not None and task.lacks_image(image_field(project)):
        return image  # reconcile tells whether it has lost its image
    uri = task.image(image_field(project)) if task is not None else None
    if uri is not None and (image is None or image.uri != uri or image.removed_at is not None):
        sync_images(session, project.id, {number: uri})
        image = session.scalars(chosen.execution_options(populate_existing=True)).first()
    if image is None:
        raise OnetagError(f"Task {number} is not known.", "Reconcile to read it from Label Studio.")
    return image


def image_field(project: Project) -> str:
    """The field of a task's data that holds its image."""
    return project_config(project).image_field
