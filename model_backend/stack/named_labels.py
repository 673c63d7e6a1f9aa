"""Labels that a command or a file names, as they stand in the project: what people did on the page holds."""

from __future__ import annotations

from collections.abc import Sequence

from annotator.store import Store
from annotator.store.labels import labels_named
from model_backend.stack.patience import Say


def as_they_stand(store: Store, project_id: int | None, names: Sequence[str], say: Say) -> Sequence[str]:
    """The names by which a project has these labels, each once. project_id: None where the store has none.

    A renamed label may be named as before. One that a person archived or merged stays so: the same command
    again must not undo that.
    """
    if project_id is None:
        return names
    with store.reading() as session:
        labels = labels_named(session, project_id, names)
    if labels.put_away:
        away = ", ".join(labels.put_away)
        say(f"Archived on the page, and left so: {away}. There they can be brought back.")
    return labels.now
