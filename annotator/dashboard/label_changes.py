"""A person's threshold for a label, set on its page and taken back."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import abort, g, redirect, request, url_for
from sqlalchemy.orm import Session

from annotator.dashboard.access import answering
from annotator.errors import OnetagError
from annotator.store import Label, live_labels
from annotator.store.models import LabelThreshold
from annotator.store.thresholds import (
    NEVER,
    are_in_force,
    held_thresholds,
    set_threshold,
    take_threshold_back,
)
from annotator.store.versions import active_version

if TYPE_CHECKING:
    from flask import Blueprint
    from werkzeug import Response

    from annotator.dashboard.page import Page

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ThresholdState:
    """A label's threshold. used: of the version in use; learned: that its training chose; both None without
    one. held: that a person set. pending: whether the version in use is still to follow what people want.
    """

    used: float | None
    learned: float | None
    held: LabelThreshold | None
    pending: bool


def threshold_state(session: Session, project_id: int, label_id: int) -> ThresholdState:
    """How the threshold of a label stands."""
    version, held = active_version(session, project_id), held_thresholds(session, project_id)
    if version is None or label_id not in version.label_ids or not version.thresholds:
        return ThresholdState(None, None, held.get(label_id), pending=False)
    place = version.label_ids.index(label_id)
    learned = version.learned_thresholds or version.thresholds
    state = version.thresholds[place], learned[place], held.get(label_id)
    return ThresholdState(*state, pending=not are_in_force(version, held))


class LabelChanges:
    """The forms of a label's page. changed: is told the project whose labels are others now."""

    def __init__(self, page: Page, changed: Callable[[int, int], None]) -> None:
        self._page = page
        self._changed = changed

    def add_to(self, blueprint: Blueprint) -> None:
        """Add its addresses."""
        blueprint.add_url_rule(
            "/<key>/labels/<int:label>/threshold", "label_threshold", self.threshold, methods=["POST"]
        )

    @answering
    def threshold(self, key: str, label: int) -> Response:
        """Set the threshold, set that the label is never suggested, or take either back."""
        wanted = request.form.get("set", "")
        value = _value(wanted, request.form.get("percent", ""))
        with self._page.store.session() as session:
            found = self._label(session, key, label)
            if value is None:
                take_threshold_back(session, found, g.person.name)
            else:
                set_threshold(session, found, value, g.person.name)
        self._changed(found.project_id, label)
        try:
            self._page.adjust_thresholds()
        except OnetagError as error:  # the periodic check finds it in the store
            log.warning("A threshold that was set waits for the periodic check: %s", error)
        return redirect(url_for("page.label", key=key, label=label, done=wanted, _anchor="threshold"), 303)

    def _label(self, session: Session, key: str, label: int) -> Label:
        """A live label; the browser gets 404 where there is none."""
        project = self._page.project(session, key)
        found = next((each for each in live_labels(session, project.id) if each.id == label), None)
        if found is None:
            abort(404, f"Project {key} has no label of this number.")
        return found


def _value(wanted: str, percent: str) -> float | None:
    """The threshold that a form asks for; None to take it back."""
    if wanted == "back":
        return None
    if wanted == "never":
        return NEVER
    if wanted != "value" or not (percent.isascii() and percent.isdecimal() and 1 <= int(percent) <= 100):
        abort(400, "A threshold is a whole number of percent, from 1 to 100.")
    return int(percent) / 100
