"""Labels that come from elsewhere, such as a file, added to the label config of a project in Label Studio."""

from __future__ import annotations

from annotator.errors import OnetagError
from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config, parse_config
from annotator.labelstudio.sync import adopt_config
from annotator.labelstudio.untouched import is_untouched
from annotator.store import Project, Store


def add_labels_in_studio(store: Store, studio: Studio | None, project: Project, labels: list[str]) -> None:
    """Make `labels`, which hold all that are there, the labels of a project, in Label Studio and the store.

    Only a label config that onetag has made is changed. Raises OnetagError for another one, and when no
    Label Studio is known.
    """
    mend = "Add the new labels there (Settings > Labeling Interface), then import again."
    number = project.studio_project
    if studio is None or number is None:
        raise OnetagError(f"The labels of {project.title!r} are kept in Label Studio.", mend)
    there = str(studio.project(number)["label_config"])
    parsed = parse_config(there)
    if not is_untouched(there):
        raise OnetagError(
            f"The label config of {project.title!r} was edited by a person, so it is not changed from here.",
            mend,
        )
    config = build_config(labels, image_field=parsed.image_field, before=there)
    studio.update_project(number, label_config=config)
    with store.session() as session:
        adopt_config(session, session.get_one(Project, project.id), config)
