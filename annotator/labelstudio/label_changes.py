"""What people change of a project's labels: in Label Studio first, where the project is there, then here.

Labels follow the label config, so each change is one of that; all that was said of a label stays on record.
Stopped between the two, the store hears of the change as of any other that is made in Label Studio.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.label_names import clean_labels
from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import Chosen
from annotator.labelstudio.options import renamed, with_label, without
from annotator.labelstudio.reading import chosen_of
from annotator.labelstudio.sync import adopt_config, derive_again
from annotator.store import Label, Project, Store
from annotator.store.labels import labels_by_name, sign_change
from annotator.store.merged_labels import MergeNumbers, merge_numbers, that_mean
from annotator.store.turns import take_turn
from annotator.store.types import utc_now

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
        self._change(label, lambda xml, chosen: renamed(xml, chosen, label.name, wanted))

    def archive(self, label: Label) -> None:
        """Leave a label aside until it is brought back. Raises OnetagError for the last one, and where the
        label config cannot be changed; then nothing is changed.
        """
        self._change(label, lambda xml, chosen: without(xml, chosen, label.name))

    def bring_back(self, label: Label) -> None:
        """Have an archived label again, with all that was said of it, after the others; one that was merged
        counts for the other label no more. Raises OnetagError where the label config cannot be changed; then
        nothing is changed.
        """
        self._change(label, lambda xml, chosen: with_label(xml, chosen, label.name, label.alias))

    def merge(self, label: Label, into: Label) -> None:
        """Let what answers say of the presence of a label count for another live one, until it is brought
        back. Raises OnetagError where they cannot be merged, see `can_be_merged`, and where the label config
        cannot be changed; then nothing is changed.
        """
        with self.store.reading() as session:
            can_be_merged(session, label, into)

        def count_for(session: Session, project: Project) -> None:
            row = session.get_one(Label, label.id, populate_existing=True)
            row.merged_into_id, row.merged_at = into.id, utc_now()
            session.flush()
            derive_again(session, project, that_mean(session, project.id, {row.name}))

        self._change(label, lambda xml, chosen: without(xml, chosen, label.name), count_for)

    def _change(
        self, label: Label, change: Change, then: Callable[[Session, Project], None] = lambda *_: None
    ) -> None:
        with self.store.reading() as session:
            project = session.get_one(Project, label.project_id)
        chosen, number, at = chosen_of(project), project.studio_project, None
        if number is None:
            there = project.label_config
            wanted = change(there, chosen)
        else:
            studio = self._studio_of(project)
            there = str(studio.project(number)["label_config"])
            wanted = change(there, chosen)
            studio.update_project(number, label_config=wanted)
            at = studio.census(number).at  # what is older is the past, however late it comes

        def adopt(session: Session) -> None:
            take_turn(session, label.project_id)
            project = session.get_one(Project, label.project_id, populate_existing=True)
            if project.label_config == wanted:  # its event was quicker, and did not know who it was
                sign_change(session, label, self.by)
            else:
                self._adopt(session, project, there, wanted, at)
            then(session, project)

        self.store.write(adopt)

    def _studio_of(self, project: Project) -> Studio:
        if self.studio is None or self.studio.url != project.studio_url:
            raise OnetagError(
                f"The labels of {project.title!r} are those of its label config in Label Studio, which is "
                "not known here.",
                "Connect it with `onetag connect`, or change them there (Settings > Labeling Interface).",
            )
        return self.studio

    def _adopt(
        self, session: Session, project: Project, there: str, wanted: str, at: datetime | None
    ) -> None:
        if project.label_config != there:
            adopt_config(session, project, there)
        adopt_config(session, project, wanted, at, by=self.by)


def can_be_merged(session: Session, label: Label, into: Label) -> MergeNumbers:
    """What merging a label into another is about. Raises OnetagError where they are the same, and where the
    label is said to be present by what cannot be read anew: files of labels, and answers on the page that no
    Label Studio has.
    """
    if label.id == into.id:
        raise OnetagError("A label cannot be merged into itself.", "Choose another one.")
    numbers = merge_numbers(session, label, into)
    if numbers.kept:
        raise OnetagError(
            f"Of {label.name!r}, {numbers.kept} statements stand in files of labels, or in answers on the "
            "page that Label Studio has not: they cannot be read anew as the other label.",
            "Import the files with the other name, wait until Label Studio was told, or archive the label.",
        )
    return numbers


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
