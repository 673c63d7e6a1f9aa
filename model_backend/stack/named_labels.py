"""Labels that a command or a file names, as they stand in the project: what people did on the page holds."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from annotator.store import Project, Store
from annotator.store.labels import labels_named
from model_backend.stack.patience import Say


def as_they_stand(store: Store, project: int, names: Sequence[str], say: Say) -> Sequence[str]:
    """The names by which project number `project` of Label Studio has these labels, each once.

    A renamed label may be named as before. One that a person archived or merged stays so: the same command
    again must not undo that.
    """
    with store.reading() as session:
        found = session.scalar(select(Project.id).where(Project.studio_project == project))
        if found is None:
            return names
        labels = labels_named(session, found, names)
    if labels.put_away:
        away = ", ".join(labels.put_away)
        say(f"Archived on the page, and left so: {away}. There they can be brought back.")
    return labels.now
