"""What people change of a project's labels: in Label Studio first, where the project is there, then here.

Labels follow the label config, so each change is one of that; all that was said of a label stays on record.
Stopped between the two, the store hears of the change as of any other that is made in Label Studio.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.label_names import clean_labels
from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import Chosen
from annotator.labelstudio.options import renamed, with_label, without
from annotator.labelstudio.reading import chosen_of
from annotator.labelstudio.sync import adopt_config
from annotator.store import Label, Project, Store
from annotator.store.labels import labels_by_name
from annotator.store.turns import take_turn

Change = Callable[[str, Chosen], str]
"""From a label config, and what was chosen of it, to the one that takes its place."""


@dataclass(frozen=True)
class LabelChanger:
    """Changes labels on behalf of a person. studio: None where no Label Studio is known."""

    store: Store
    studio: Studio | None
    by: str

    def rename(self, label: Label, name: str) -> None:
        """Call a label otherwise. Raises OnetagError for a name that it cannot have, see `new_name`, and
        where the label config cannot be changed; then nothing is changed.
        """
        with self.store.reading() as session:
            wanted = new_name(session, label, name)
        self._change(label.project_id, lambda xml, chosen: renamed(xml, chosen, label.name, wanted))

    def archive(self, label: Label) -> None:
        """Leave a label aside until it is brought back. Raises OnetagError for the last one, and where the
        label config cannot be changed; then nothing is changed.
        """
        self._change(label.project_id, lambda xml, chosen: without(xml, chosen, label.name))

    def bring_back(self, label: Label) -> None:
        """Have an archived label again, with all that was said of it, after the others. Raises OnetagError
        where the label config cannot be changed; then nothing is changed.
        """
        self._change(label.project_id, lambda xml, chosen: with_label(xml, chosen, label.name, label.alias))

    def _change(self, project_id: int, change: Change) -> None:
        with self.store.reading() as session:
            project = session.get_one(Project, project_id)
        chosen, number = chosen_of(project), project.studio_project
        if number is None:
            there = project.label_config
            wanted = change(there, chosen)
        else:
            studio = self._studio_of(project)
            there = str(studio.project(number)["label_config"])
            wanted = change(there, chosen)
            studio.update_project(number, label_config=wanted)
        self.store.write(lambda session: self._adopt(session, project_id, there, wanted))

    def _studio_of(self, project: Project) -> Studio:
        if self.studio is None or self.studio.url != project.studio_url:
            raise OnetagError(
                f"The labels of {project.title!r} are those of its label config in Label Studio, which is "
                "not known here.",
                "Connect it with `onetag connect`, or change them there (Settings > Labeling Interface).",
            )
        return self.studio

    def _adopt(self, session: Session, project_id: int, there: str, wanted: str) -> None:
        take_turn(session, project_id)
        project = session.get_one(Project, project_id, populate_existing=True)
        if project.label_config == wanted:
            return  # its event was quicker
        if project.label_config != there:
            adopt_config(session, project, there)
        adopt_config(session, project, wanted, by=self.by)


def new_name(session: Session, label: Label, name: str) -> str:
    """A new name of a label in the form in which names are compared.

    Raises OnetagError for one that no label can have, for the one that it has, and for one that another label
    of the project has or had, be it in another case.
    """
    wanted = clean_labels([name])[0]
    if wanted == label.name:
        raise OnetagError(f"The label is called {wanted!r} already.", "Choose another name.")
    for known, other in labels_by_name(session, label.project_id).items():
        if other.id != label.id and known.casefold() == wanted.casefold():
            had = "is" if other.name == known else "was once"
            gone = ", which has been archived" if other.archived_at is not None else ""
            raise OnetagError(
                f"Another label {had} called {known!r}{gone}.",
                "Choose another name: answers that hold this one mean the other label.",
            )
    return wanted
