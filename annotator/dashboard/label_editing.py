"""What people change of a label itself: its name, its use, and what it counts for.

First the page says what follows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import abort, g, make_response, redirect, request, url_for
from sqlalchemy.orm import Session

from annotator.dashboard.access import answering
from annotator.errors import OnetagError
from annotator.labelstudio.label_changes import LabelChanger, can_be_merged, new_name
from annotator.store import Label, Project, live_labels
from annotator.store.label_record import label_record
from annotator.store.labels import archived
from annotator.store.merged_labels import merged_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Blueprint
    from werkzeug import Response

    from annotator.dashboard.page import Page


Labels = Callable[[Session, int], "Sequence[Label]"]
"""The labels of a project that a change can be about."""
Change = Callable[[LabelChanger, Label], None]


class LabelEditing:
    """The changes of a label that ask before they are made. changed: is told the project and the label."""

    def __init__(self, page: Page, changed: Callable[[int, int], None]) -> None:
        self._page = page
        self._changed = changed

    def add_to(self, blueprint: Blueprint) -> None:
        """Add its addresses."""
        address = "/<key>/labels/<int:label>"
        blueprint.add_url_rule(f"{address}/rename", "ask_rename", self.ask_rename)
        blueprint.add_url_rule(f"{address}/rename", "rename_label", self.rename, methods=["POST"])
        blueprint.add_url_rule(f"{address}/archive", "ask_archive", self.ask_archive)
        blueprint.add_url_rule(f"{address}/archive", "archive_label", self.archive, methods=["POST"])
        blueprint.add_url_rule(f"{address}/merge", "ask_merge", self.ask_merge)
        blueprint.add_url_rule(f"{address}/merge", "merge_label", self.merge, methods=["POST"])
        blueprint.add_url_rule(f"{address}/bring-back", "ask_bring_back", self.ask_bring_back)
        blueprint.add_url_rule(f"{address}/bring-back", "bring_label_back", self.bring_back, methods=["POST"])

    @answering
    def ask_rename(self, key: str, label: int) -> Response:
        """What a new name means, before it is given."""
        return self._ask("label_rename.html", key, label, _name_of)

    @answering
    def rename(self, key: str, label: int) -> Response:
        """Give a label a new name."""
        name = request.form.get("name", "")
        here = url_for("page.label", key=key, label=label, done="rename")
        return self._change(key, label, here, lambda changer, found: changer.rename(found, name))

    @answering
    def ask_archive(self, key: str, label: int) -> Response:
        """What it means to leave a label aside, before that is done."""
        return self._ask("label_archive.html", key, label)

    @answering
    def archive(self, key: str, label: int) -> Response:
        """Leave a label aside."""
        return self._change(key, label, url_for("page.labels", key=key, archived=label), LabelChanger.archive)

    @answering
    def ask_merge(self, key: str, label: int) -> Response:
        """What it means to have a label count for another one, before that is done."""
        into = self._other(key, request.args.get("into", type=int))
        return self._ask(
            "label_merge.html", key, label, lambda session, found: (into, can_be_merged(session, found, into))
        )

    @answering
    def merge(self, key: str, label: int) -> Response:
        """Have a label count for another one."""
        into = self._other(key, request.form.get("into", type=int))
        there = url_for("page.label", key=key, label=into.id, done="merge")
        changed = self._change(key, label, there, lambda changer, found: changer.merge(found, into))
        self._changed(into.project_id, into.id)
        return changed

    @answering
    def ask_bring_back(self, key: str, label: int) -> Response:
        """What it means to have a label again, before that is done."""
        return self._ask("label_bring_back.html", key, label, _merged_into, among=archived)

    @answering
    def bring_back(self, key: str, label: int) -> Response:
        """Have a label again."""
        back = url_for("page.label", key=key, label=label, done="bring back")
        return self._change(key, label, back, LabelChanger.bring_back, among=archived)

    def _ask(
        self,
        template: str,
        key: str,
        label: int,
        wanted: Callable[[Session, Label], object] = lambda *_: None,
        *,
        among: Labels = live_labels,
    ) -> Response:
        """Ask whether something is meant; 409 and the reason where it cannot be."""
        with self._page.store.reading() as session:
            project, found = self._found(session, key, label, among)
            record = label_record(session, found)
            try:
                asked, refused = wanted(session, found), None
            except OnetagError as error:
                asked, refused = None, error
        shown = self._page.show(template, project, label=found, record=record, asked=asked, refused=refused)
        return make_response(shown, 409 if refused else 200)

    def _change(
        self, key: str, label: int, to: str, change: Change, *, among: Labels = live_labels
    ) -> Response:
        """Change a label, and go on to an address; 409 and the reason where that cannot be."""
        with self._page.store.reading() as session:
            project, found = self._found(session, key, label, among)
        try:
            change(LabelChanger(self._page.store, self._page.studio(), g.person.name), found)
        except OnetagError as error:
            shown = self._page.show("label_refused.html", project, label=found, refused=error)
            return make_response(shown, 409)
        self._changed(project.id, label)
        return redirect(to, 303)

    def _other(self, key: str, label: int | None) -> Label:
        with self._page.store.reading() as session:
            return self._found(session, key, label, live_labels)[1]

    def _found(self, session: Session, key: str, label: int | None, among: Labels) -> tuple[Project, Label]:
        """A label of a project; the browser gets 404 where there is none."""
        project = self._page.project(session, key)
        found = next((each for each in among(session, project.id) if each.id == label), None)
        if found is None:
            abort(404, f"Project {key} has no label of this number.")
        return project, found


def _merged_into(session: Session, label: Label) -> str | None:
    merged = merged_labels(session, label.project_id)
    return next((each.into for each in merged if each.name == label.name), None)


def _name_of(session: Session, label: Label) -> str:
    return new_name(session, label, request.args.get("name", ""))
